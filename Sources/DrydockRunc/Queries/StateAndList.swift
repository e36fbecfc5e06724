import Glibc
import JSONTree
import OCISpec
import Runtime

/// `state` and `list`.
extension DrydockRunc {
  static func state(_ invocation: Invocation) throws(Failure) -> Int32 {
    let (directory, record) = try invocation.container()
    print(json(record, record.status(in: directory), owner: "").pretty(indent: "  "))
    return 0
  }

  /// What `state` and `list` tell of a container: runtime-spec's state and runc's additions.
  private static func json(_ record: ContainerRecord, _ status: RuntimeSpec.Status, owner: String) -> JSON {
    var object: JSONObject = [
      "ociVersion": .string(record.ociVersion), "id": .string(record.id),
      "pid": JSON(status == .stopped ? 0 : record.initProcess.pid), "status": .string(status.rawValue),
      "bundle": .string(record.bundle), "rootfs": .string(record.rootfs),
      "created": .string(RFC3339.text(record.created)),
    ]
    if !record.annotations.isEmpty { object["annotations"] = JSON(record.annotations) }
    object["owner"] = .string(owner)
    return .object(object)
  }

  static func list(_ invocation: Invocation) throws(Failure) -> Int32 {
    let format = invocation.arguments["format"] ?? "table"
    let containers = try containers(invocation)
    if invocation.arguments.has("quiet") {
      print(containers.map { $0.record.id + "\n" }.joined())
      return 0
    }
    switch format {
    case "table":
      var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
      for (record, status) in containers {
        rows.append([
          record.id, String(status == .stopped ? 0 : record.initProcess.pid), status.rawValue, record.bundle,
          RFC3339.text(record.created), UserName.of(record.owner),
        ])
      }
      print(GoText.table(rows))
    case "json":
      let values = containers.map { json($0.record, $0.status, owner: UserName.of($0.record.owner)) }
      print((values.isEmpty ? JSON.null : .array(values)).text + "\n")
    default: throw Failure("invalid format option")
    }
    return 0
  }

  /// All that can be read; of the others the log tells.
  private static func containers(
    _ invocation: Invocation
  ) throws(Failure) -> [(record: ContainerRecord, status: RuntimeSpec.Status)] {
    guard let names = try invocation.root.names() else {
      // Nobody has made it yet.
      if !invocation.isRootGiven { return [] }
      throw Failure("open \(invocation.root.path): \(Errno.ENOENT)")
    }
    var containers: [(record: ContainerRecord, status: RuntimeSpec.Status)] = []
    for name in names {
      do throws(Failure) {
        let directory = try invocation.root.open(name)
        // There may be more containers than a process may have descriptors.
        defer { directory.close() }
        let record = try directory.load()
        containers.append((record, record.status(in: directory)))
      } catch {
        // What is being created or deleted at this moment is not yet, or no more.
        if error != .notExist { invocation.log.warn("load container \(name): \(error.message)") }
      }
    }
    return containers
  }
}

/// Names of users, from /etc/passwd alone: a static program cannot ask NSS.
enum UserName {
  /// `root`; `#1000` for who has no name.
  static func of(_ uid: UInt32) -> String { name(uid, in: HostFile.text("/etc/passwd") ?? "") ?? "#\(uid)" }

  static func name(_ uid: UInt32, in passwd: String) -> String? {
    for line in passwd.utf8.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
      if fields.count == 4, UInt32(String(fields[2]) ?? "") == uid { return String(fields[0]) }
    }
    return nil
  }
}
