import Glibc

/// The runtime's binary that the tests drive. `DRYDOCK_RUNC` names another: the tests are true when genuine runc passes them too.
struct RuntimeUnderTest: Sendable {
  enum Kind: Sendable { case drydock, runc, crun }

  let path: String
  let kind: Kind

  /// The one of this run; nil when it has not been built.
  static let current: RuntimeUnderTest? = {
    if let named = getenv("DRYDOCK_RUNC").map({ String(cString: $0) }), !named.isEmpty {
      return RuntimeUnderTest(path: named)
    }
    // Tests/DrydockRuncTests/Harness/RuntimeUnderTest.swift → the package.
    let package = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined()
    for flavour in ["static/release", "debug"] where access("\(package)/.build/\(flavour)/drydock-runc", X_OK) == 0 {
      return RuntimeUnderTest(path: "\(package)/.build/\(flavour)/drydock-runc")
    }
    return nil
  }()

  init(path: String) {
    self.path = path
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    kind = name.hasPrefix("crun") ? .crun : name.hasPrefix("runc") ? .runc : .drydock
  }

  static var isOurs: Bool { current?.kind == .drydock }
  static var isCrun: Bool { current?.kind == .crun }
  /// Runtime-spec 1.2 and later: what runc 1.1 of Debian 12 lacks and crun has in part.
  static var isNewerThanRunc: Bool { current?.kind != .runc }
}
