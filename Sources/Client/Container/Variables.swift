/// Environment variables and labels, from flags and files (docker's opts.ReadKVEnvStrings).
enum Variables {
  /// `NAME=value`s; a bare name takes the client's own value, or stays bare (the daemon then unsets it).
  ///
  /// - Parameter unique: the last value of a name counts, at its place.
  static func resolve(
    files: [String], values: [String], _ environment: any ClientEnvironment, unique: Bool = true
  ) throws -> [String] {
    var all: [String] = []
    for file in files {
      for line in try lines(of: file, environment) {
        let (rawName, value) = line.cut("=")
        let name = String(rawName.drop { $0 == " " || $0 == "\t" })
        if name.contains(where: { $0 == " " || $0 == "\t" }) {
          throw ValueError("invalid env file (\(file)): variable '\(name)' contains whitespaces")
        }
        guard !name.isEmpty else { throw ValueError("invalid env file (\(file)): no variable name on line '\(line)'") }
        if let value {
          all.append("\(name)=\(value)")
        } else if let own = environment.variable(name) {
          all.append("\(name)=\(own)")
        }
      }
    }
    for value in values {
      if !value.contains("="), let own = environment.variable(value) {
        all.append("\(value)=\(own)")
      } else {
        all.append(value)
      }
    }
    guard unique, all.count > 1 else { return all }
    var seen: Set<String> = []
    return all.reversed().filter { seen.insert($0.cut("=").0).inserted }.reversed()
  }

  static func labels(
    files: [String], values: [String], _ environment: any ClientEnvironment
  ) throws -> [String: String] {
    var labels: [String: String] = [:]
    for file in files {
      for line in try lines(of: file, environment) {
        let (rawName, value) = line.cut("=")
        let name = String(rawName.drop { $0 == " " || $0 == "\t" })
        if name.contains(where: { $0 == " " || $0 == "\t" }) {
          throw ValueError("invalid label file (\(file)): variable '\(name)' contains whitespaces")
        }
        if let value { labels[name] = value }
      }
    }
    for text in values {
      let (name, value) = text.cut("=")
      labels[name] = value ?? ""
    }
    return labels
  }

  /// The lines of a file that say something.
  private static func lines(of path: String, _ environment: any ClientEnvironment) throws -> [String] {
    var bytes = try environment.files.read(path)[...]
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes = bytes.dropFirst(3) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ValueError("invalid env file (\(path)): env file contains invalid utf8 bytes")
    }
    return text.parts("\n").map { $0.hasSuffix("\r") ? String($0.dropLast()) : $0 }.map { line in
      String(line.drop { $0 == " " || $0 == "\t" })
    }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
  }
}
