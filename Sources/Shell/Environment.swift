#if canImport(Glibc)
  import Glibc
#endif

/// The process's environment and the places where a user's things are kept.
enum Environment {
  static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// `$XDG_STATE_HOME/drydock` (XDG Base Directory Specification); nil without a home.
  static var stateFolder: String? {
    if let state = variable("XDG_STATE_HOME"), state.hasPrefix("/") { return state + "/drydock" }
    guard let home = variable("HOME"), home.hasPrefix("/") else { return nil }
    return home + "/.local/state/drydock"
  }

  /// Makes a folder with those above it; false when it cannot be.
  static func makeFolder(_ path: String) -> Bool {
    var sofar = ""
    for component in path.split(separator: "/") {
      sofar += "/" + component
      if mkdir(sofar, 0o755) != 0, errno != EEXIST { return false }
    }
    return true
  }

  /// The working directory.
  static var workingDirectory: String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }
}

extension Environment {
  /// The path of this program, as /proc/self/exe knows it.
  static var executable: String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { $0.baseAddress.map { readlink("/proc/self/exe", $0, 4096) } ?? -1 }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }
}
