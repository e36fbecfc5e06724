#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Reads the sources of this package, to find the operations that they name.
enum SourceScan {
  /// The folder `Sources`, found from this file's place.
  static let sources: String = {
    var parts = #filePath.split(separator: "/").map(String.init)
    while let last = parts.popLast() { if last == "Tests" { break } }
    return "/" + parts.joined(separator: "/") + "/Sources"
  }()

  /// The text of all Swift files below a folder of `Sources`.
  static func text(below folder: String) -> String { read(sources + "/" + folder) }

  private static func read(_ path: String) -> String {
    if path.hasSuffix(".swift") {
      guard let file = fopen(path, "r") else { return "" }
      defer { fclose(file) }
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = fread(&buffer, 1, buffer.count, file)
        if count == 0 { break }
        bytes += buffer[..<count]
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    guard let directory = opendir(path) else { return "" }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted().map { read(path + "/" + $0) }.joined(separator: "\n")
  }

  /// What stands in quotation marks behind each occurrence of `prefix` (which ends before the first mark).
  static func quoted(after prefix: String, in text: String) -> [String] {
    var found: [String] = []
    var rest = text.utf8[...]
    let pattern = Array((prefix + "\"").utf8)
    while let start = firstRange(of: pattern, in: rest) {
      rest = rest[start...].dropFirst(pattern.count)
      guard let end = rest.firstIndex(of: UInt8(ascii: "\"")) else { break }
      found.append(String(Substring(rest[..<end])))
      rest = rest[end...]
    }
    return found
  }

  private static func firstRange(of pattern: [UInt8], in text: Substring.UTF8View) -> String.Index? {
    guard let first = pattern.first else { return nil }
    var rest = text
    while let start = rest.firstIndex(of: first) {
      if rest[start...].starts(with: pattern) { return start }
      rest = rest[start...].dropFirst()
    }
    return nil
  }
}
