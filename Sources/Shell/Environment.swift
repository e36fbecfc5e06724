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
