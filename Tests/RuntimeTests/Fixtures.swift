#if canImport(Glibc)
  import Glibc
#endif
import JSONTree
import OCISpec
import Runtime

/// The configurations that dockerd wrote in the captures.
enum Fixture {
  static func config(_ name: String) throws -> RuntimeSpec.Config { try RuntimeSpec.Config(json(name)) }

  static func json(_ name: String) throws -> JSON {
    let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return try RuntimeSpec.parse(read("/\(folder)/Fixtures/RuntimeConfigs/\(name).json"))
  }

  private static func read(_ path: String) throws -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw RuntimeSpec.Invalid(path, "cannot be read") }
    defer { close(file) }
    var (bytes, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 65_536))
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count <= 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  static let options = PlanOptions(id: "c1", bundle: "/bundle", stateRoot: "/run/runc")

  /// A small, valid configuration.
  static func small() -> RuntimeSpec.Config {
    var linux = RuntimeSpec.Linux()
    linux.namespaces = [.init(.pid), .init(.mount), .init(.uts), .init(.ipc), .init(.network)]
    return RuntimeSpec.Config(
      process: RuntimeSpec.Process(args: ["true"], env: ["PATH=/bin"]), root: .init(path: "rootfs"), linux: linux)
  }
}
