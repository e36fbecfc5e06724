import Glibc
import OCISpec
import Runtime

/// What one execution of the runtime was asked for: its command line, read, and what follows from it.
struct Invocation: Sendable {
  let arguments: RuntimeArguments
  let log: Log
  /// Where the containers' state is kept.
  let root: StateRoot
  /// `--root` was given.
  let isRootGiven: Bool
  /// `--systemd-cgroup`.
  let systemdCgroup: Bool
  /// `--trace-fd`; nil when calls are not traced.
  let traceDescriptor: Int32?
  private let rootless: Bool?

  static let program = "drydock-runc"

  var verb: String { arguments.verb }
  /// The container that the verb is about; empty when none was named.
  var id: String { arguments.operands.first ?? "" }

  /// `log` is what `arguments` say of it.
  init(_ arguments: RuntimeArguments, _ log: Log) throws(Failure) {
    (self.arguments, self.log) = (arguments, log)
    do {
      rootless = try arguments.rootless()
      let given = try arguments.root(in: Invocation.workingDirectory)
      root = given.map(StateRoot.init) ?? .standard()
      isRootGiven = given != nil
    } catch { throw Failure(error.message) }
    systemdCgroup = arguments.hasGlobal("systemd-cgroup")
    traceDescriptor = arguments.global("trace-fd").flatMap { Int32($0) }
    if let traceDescriptor, fcntl(traceDescriptor, F_GETFD) < 0 {
      throw Failure("trace-fd \(traceDescriptor): \(Errno.last)")
    }
  }

  /// `--bundle`, absolute, without detours; the working directory when it is not given.
  func bundle() throws(Failure) -> String {
    let given = arguments["bundle"] ?? ""
    if given.isEmpty { return Invocation.workingDirectory }
    let path = Invocation.absolute(given)
    switch HostFile.kind(path) {
    case .directory: return path
    case nil: throw Failure("chdir \(given): \(Errno.last)")
    default: throw Failure("chdir \(given): \(Errno.ENOTDIR)")
    }
  }

  /// The container that the verb is about: its folder, open, and its notes.
  func container() throws(Failure) -> (directory: StateDirectory, record: ContainerRecord) {
    let directory = try root.open(id)
    return (directory, try directory.load())
  }

  /// The cgroups that may not be had are done without: `--rootless`, or who is not the host's root.
  func isRootless() -> Bool {
    if let rootless { return rootless }
    if systemdCgroup { return false }
    return Caller.isRootless
  }

  static var workingDirectory: String {
    guard let path = getcwd(nil, 0) else { return "/" }
    defer { free(path) }
    return String(cString: path)
  }

  /// A path from the command line, absolute and without detours.
  static func absolute(_ path: String) -> String {
    PathText.clean(path.utf8.first == UInt8(ascii: "/") ? path : workingDirectory + "/" + path)
  }
}

/// Whoever executes the runtime.
enum Caller {
  /// Not root, or root only in a user namespace of his own (where `USER` does not say that he knows what he does).
  static var isRootless: Bool {
    if geteuid() != 0 { return true }
    guard isInUserNamespace else { return false }
    return getenv("USER").map { String(cString: $0) != "root" } ?? true
  }

  /// Another user namespace than the first, which maps every id to itself.
  static let isInUserNamespace: Bool = {
    guard let map = try? HostFile.read("/proc/self/uid_map") else { return false }
    // Numbers, right-aligned: `0 0 4294967295`.
    var (numbers, number): ([UInt64], UInt64?) = ([], nil)
    for byte in map {
      if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        number = (number ?? 0) &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
      } else if let known = number {
        numbers.append(known)
        number = nil
      }
    }
    return numbers != [0, 0, 4_294_967_295]
  }()
}
