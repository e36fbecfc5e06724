/// `containerd.task.v3.Task`, the shim's service (containerd, api/runtime/task/v3/shim.proto). `containerd.task.v2.Task`
/// has the same messages.
public enum TaskAPI {
  /// What containerd 2 calls the service.
  public static let service = "containerd.task.v3.Task"
  /// What containerd 1 calls it.
  public static let olderService = "containerd.task.v2.Task"

  /// containerd.types.Mount.
  public struct Mount: ProtobufMessage, Hashable {
    public var type: String
    public var source: String
    /// Within the root; empty for the root itself.
    public var target: String
    public var options: [String]

    public init(type: String, source: String, target: String = "", options: [String] = []) {
      (self.type, self.source, self.target, self.options) = (type, source, target, options)
    }
    public init(_ fields: ProtobufFields) {
      (type, source, target) = (fields.text(1), fields.text(2), fields.text(3))
      options = fields.all(4).map(\.text)
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, type)
      writer.write(2, source)
      writer.write(3, target)
      // An empty option is one as well.
      for option in options { writer.write(4, message: Array(option.utf8)) }
    }
  }

  /// containerd.v1.types.Status.
  public enum Status: UInt64, Sendable, Hashable {
    case unknown, created, running, stopped, paused, pausing
  }

  /// Mounts the root file system, opens stdio, and has the runtime create the container: CreateTaskRequest.
  public struct Create: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Create" }
    public var id: String
    public var bundle: String
    public var rootfs: [Mount]
    public var terminal: Bool
    /// Paths of FIFOs, `file://…` or `binary://…`; empty for nowhere.
    public var stdin: String
    public var stdout: String
    public var stderr: String
    public var checkpoint: String
    /// `RuntimeOptions`, mostly.
    public var options: ProtobufAny?

    public init(
      id: String, bundle: String, rootfs: [Mount] = [], terminal: Bool = false, stdin: String = "",
      stdout: String = "", stderr: String = "", checkpoint: String = "", options: ProtobufAny? = nil
    ) {
      (self.id, self.bundle, self.rootfs, self.terminal) = (id, bundle, rootfs, terminal)
      (self.stdin, self.stdout, self.stderr) = (stdin, stdout, stderr)
      (self.checkpoint, self.options) = (checkpoint, options)
    }
    public init(_ fields: ProtobufFields) throws(ProtobufError) {
      (id, bundle, terminal) = (fields.text(1), fields.text(2), fields.bool(4))
      (stdin, stdout, stderr, checkpoint) = (fields.text(5), fields.text(6), fields.text(7), fields.text(8))
      options = try fields.any(10)
      rootfs = []
      for mount in fields.all(3) { rootfs.append(try Mount(parsing: mount.bytes)) }
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, bundle)
      for mount in rootfs { writer.write(3, mount) }
      writer.write(4, terminal)
      writer.write(5, stdin)
      writer.write(6, stdout)
      writer.write(7, stderr)
      writer.write(8, checkpoint)
      if let options { writer.write(10, message: options.bytes) }
    }
    public typealias Answer = ProcessID
  }

  /// A process, host's number: CreateTaskResponse, StartResponse.
  public struct ProcessID: ProtobufMessage, Hashable {
    public var pid: UInt32
    public init(pid: UInt32) { self.pid = pid }
    public init(_ fields: ProtobufFields) { pid = fields.uint32(1) }
    public func write(to writer: inout ProtobufWriter) { writer.write(1, uint32: pid) }
  }

  /// Adds a process to a container; `Start` starts it: ExecProcessRequest.
  public struct Exec: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Exec" }
    public var id: String
    public var execID: String
    public var terminal: Bool
    public var stdin: String
    public var stdout: String
    public var stderr: String
    /// The runtime-spec's process as JSON.
    public var spec: ProtobufAny?

    public init(
      id: String, execID: String, terminal: Bool = false, stdin: String = "", stdout: String = "",
      stderr: String = "", spec: ProtobufAny?
    ) {
      (self.id, self.execID, self.terminal, self.spec) = (id, execID, terminal, spec)
      (self.stdin, self.stdout, self.stderr) = (stdin, stdout, stderr)
    }
    public init(_ fields: ProtobufFields) throws(ProtobufError) {
      (id, execID, terminal) = (fields.text(1), fields.text(2), fields.bool(3))
      (stdin, stdout, stderr) = (fields.text(4), fields.text(5), fields.text(6))
      spec = try fields.any(7)
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
      writer.write(3, terminal)
      writer.write(4, stdin)
      writer.write(5, stdout)
      writer.write(6, stderr)
      if let spec { writer.write(7, message: spec.bytes) }
    }
    public typealias Answer = ProtobufEmpty
  }

  /// A signal for a process, or for all of the container's: KillRequest.
  public struct Kill: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Kill" }
    public var id: String
    public var execID: String
    public var signal: UInt32
    public var all: Bool

    public init(id: String, execID: String = "", signal: UInt32, all: Bool = false) {
      (self.id, self.execID, self.signal, self.all) = (id, execID, signal, all)
    }
    public init(_ fields: ProtobufFields) {
      (id, execID, signal, all) = (fields.text(1), fields.text(2), fields.uint32(3), fields.bool(4))
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
      writer.write(3, uint32: signal)
      writer.write(4, all)
    }
    public typealias Answer = ProtobufEmpty
  }

  /// The size of a process's terminal: ResizePtyRequest.
  public struct ResizePty: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "ResizePty" }
    public var id: String
    public var execID: String
    public var width: UInt32
    public var height: UInt32

    public init(id: String, execID: String = "", width: UInt32, height: UInt32) {
      (self.id, self.execID, self.width, self.height) = (id, execID, width, height)
    }
    public init(_ fields: ProtobufFields) {
      (id, execID, width, height) = (fields.text(1), fields.text(2), fields.uint32(3), fields.uint32(4))
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
      writer.write(3, uint32: width)
      writer.write(4, uint32: height)
    }
    public typealias Answer = ProtobufEmpty
  }

  /// The process reads an end of file behind what has been written: CloseIORequest.
  public struct CloseIO: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "CloseIO" }
    public var id: String
    public var execID: String
    public var stdin: Bool

    public init(id: String, execID: String = "", stdin: Bool = true) {
      (self.id, self.execID, self.stdin) = (id, execID, stdin)
    }
    public init(_ fields: ProtobufFields) { (id, execID, stdin) = (fields.text(1), fields.text(2), fields.bool(3)) }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
      writer.write(3, stdin)
    }
    public typealias Answer = ProtobufEmpty
  }

  /// New limits: UpdateTaskRequest.
  public struct Update: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Update" }
    public var id: String
    /// The runtime-spec's linux.resources as JSON.
    public var resources: ProtobufAny?

    public init(id: String, resources: ProtobufAny?) { (self.id, self.resources) = (id, resources) }
    public init(_ fields: ProtobufFields) throws(ProtobufError) {
      (id, resources) = (fields.text(1), try fields.any(2))
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      if let resources { writer.write(2, message: resources.bytes) }
    }
    public typealias Answer = ProtobufEmpty
  }

  /// Ends the shim, unless it still has containers: ShutdownRequest.
  public struct Shutdown: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Shutdown" }
    public var id: String
    public var now: Bool

    public init(id: String, now: Bool = false) { (self.id, self.now) = (id, now) }
    public init(_ fields: ProtobufFields) { (id, now) = (fields.text(1), fields.bool(2)) }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, now)
    }
    public typealias Answer = ProtobufEmpty
  }
}
