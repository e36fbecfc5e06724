/// `containerd.services.events.ttrpc.v1.Events/Forward`: a shim hands an event to containerd.
public struct ForwardEvent: ServiceRequest, Hashable {
  public static var service: String { "containerd.services.events.ttrpc.v1.Events" }
  public static var method: String { "Forward" }
  /// Nanoseconds since 1970.
  public var time: UInt64
  public var namespace: String
  /// `/tasks/exit`.
  public var topic: String
  /// Of `TaskEvent`, mostly.
  public var event: ProtobufAny

  public init(time: UInt64, namespace: String, topic: String, event: ProtobufAny) {
    (self.time, self.namespace, self.topic, self.event) = (time, namespace, topic, event)
  }
  public init(_ fields: ProtobufFields) throws(ProtobufError) {
    let envelope = try ProtobufFields(fields.bytes(1))
    (time, namespace, topic) = (try envelope.time(1), envelope.text(2), envelope.text(3))
    event = try envelope.any(4) ?? ProtobufAny("", [])
  }
  public func write(to writer: inout ProtobufWriter) {
    writer.write(1) {
      $0.write(1, time: time)
      $0.write(2, namespace)
      $0.write(3, topic)
      $0.write(4, message: event.bytes)
    }
  }
  public typealias Answer = ProtobufEmpty
}

/// What shims tell (containerd, api/events/task.proto). Times are nanoseconds since 1970.
public enum TaskEvent: Sendable, Hashable {
  case create(
    containerID: String, bundle: String, rootfs: [TaskAPI.Mount], stdin: String, stdout: String, stderr: String,
    terminal: Bool, pid: UInt32)
  case start(containerID: String, pid: UInt32)
  /// `id`: the exec's, or the container's.
  case exit(containerID: String, id: String, pid: UInt32, exitStatus: UInt32, exitedAt: UInt64)
  /// `id`: the exec's, or empty.
  case delete(containerID: String, id: String, pid: UInt32, exitStatus: UInt32, exitedAt: UInt64)
  case oom(containerID: String)
  case execAdded(containerID: String, execID: String)
  case execStarted(containerID: String, execID: String, pid: UInt32)
  case paused(containerID: String)
  case resumed(containerID: String)

  /// `/tasks/exit`.
  public var topic: String {
    switch self {
    case .create: "/tasks/create"
    case .start: "/tasks/start"
    case .exit: "/tasks/exit"
    case .delete: "/tasks/delete"
    case .oom: "/tasks/oom"
    case .execAdded: "/tasks/exec-added"
    case .execStarted: "/tasks/exec-started"
    case .paused: "/tasks/paused"
    case .resumed: "/tasks/resumed"
    }
  }

  private static let package = "containerd.events."
  private var typeName: String {
    switch self {
    case .create: "TaskCreate"
    case .start: "TaskStart"
    case .exit: "TaskExit"
    case .delete: "TaskDelete"
    case .oom: "TaskOOM"
    case .execAdded: "TaskExecAdded"
    case .execStarted: "TaskExecStarted"
    case .paused: "TaskPaused"
    case .resumed: "TaskResumed"
    }
  }

  public var any: ProtobufAny {
    ProtobufAny(TaskEvent.package + typeName, ProtobufWriter.message { write(to: &$0) })
  }

  private func write(to writer: inout ProtobufWriter) {
    switch self {
    case .create(let container, let bundle, let rootfs, let stdin, let stdout, let stderr, let terminal, let pid):
      writer.write(1, container)
      writer.write(2, bundle)
      for mount in rootfs { writer.write(3, mount) }
      writer.write(4) {
        $0.write(1, stdin)
        $0.write(2, stdout)
        $0.write(3, stderr)
        $0.write(4, terminal)
      }
      writer.write(6, uint32: pid)
    case .start(let container, let pid):
      writer.write(1, container)
      writer.write(2, uint32: pid)
    case .exit(let container, let id, let pid, let status, let time):
      writer.write(1, container)
      writer.write(2, id)
      writer.write(3, uint32: pid)
      writer.write(4, uint32: status)
      writer.write(5, time: time)
    case .delete(let container, let id, let pid, let status, let time):
      writer.write(1, container)
      writer.write(2, uint32: pid)
      writer.write(3, uint32: status)
      writer.write(4, time: time)
      writer.write(5, id)
    case .oom(let container), .paused(let container), .resumed(let container): writer.write(1, container)
    case .execAdded(let container, let exec):
      writer.write(1, container)
      writer.write(2, exec)
    case .execStarted(let container, let exec, let pid):
      writer.write(1, container)
      writer.write(2, exec)
      writer.write(3, uint32: pid)
    }
  }

  /// Nil for events of other types.
  public init?(_ any: ProtobufAny) throws(ProtobufError) {
    guard any.typeName.hasPrefix(TaskEvent.package) else { return nil }
    let fields = try ProtobufFields(any.value)
    let container = fields.text(1)
    switch any.typeName.dropFirst(TaskEvent.package.count) {
    case "TaskCreate":
      var rootfs: [TaskAPI.Mount] = []
      for mount in fields.all(3) { rootfs.append(try TaskAPI.Mount(parsing: mount.bytes)) }
      let io = try ProtobufFields(fields.bytes(4))
      self = .create(
        containerID: container, bundle: fields.text(2), rootfs: rootfs, stdin: io.text(1), stdout: io.text(2),
        stderr: io.text(3), terminal: io.bool(4), pid: fields.uint32(6))
    case "TaskStart": self = .start(containerID: container, pid: fields.uint32(2))
    case "TaskExit":
      self = .exit(
        containerID: container, id: fields.text(2), pid: fields.uint32(3), exitStatus: fields.uint32(4),
        exitedAt: try fields.time(5))
    case "TaskDelete":
      self = .delete(
        containerID: container, id: fields.text(5), pid: fields.uint32(2), exitStatus: fields.uint32(3),
        exitedAt: try fields.time(4))
    case "TaskOOM": self = .oom(containerID: container)
    case "TaskExecAdded": self = .execAdded(containerID: container, execID: fields.text(2))
    case "TaskExecStarted":
      self = .execStarted(containerID: container, execID: fields.text(2), pid: fields.uint32(3))
    case "TaskPaused": self = .paused(containerID: container)
    case "TaskResumed": self = .resumed(containerID: container)
    default: return nil
    }
  }
}
