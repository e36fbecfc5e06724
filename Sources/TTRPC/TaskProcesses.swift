/// The requests that say no more than which container or process they are about, and what answers them.
extension TaskAPI {
  /// Lets a container's first process run, or starts one that `Exec` has added: StartRequest.
  public struct Start: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Start" }
    public var id: String
    /// Empty for the container's first process.
    public var execID: String

    public init(id: String, execID: String = "") { (self.id, self.execID) = (id, execID) }
    public init(_ fields: ProtobufFields) { (id, execID) = (fields.text(1), fields.text(2)) }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
    }
    public typealias Answer = ProcessID
  }

  /// Removes a process that has ended, or a container: DeleteRequest.
  public struct Delete: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Delete" }
    public var id: String
    /// Empty for the container's first process.
    public var execID: String

    public init(id: String, execID: String = "") { (self.id, self.execID) = (id, execID) }
    public init(_ fields: ProtobufFields) { (id, execID) = (fields.text(1), fields.text(2)) }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
    }
    public typealias Answer = Deleted
  }

  /// What a process does: StateRequest.
  public struct State: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "State" }
    public var id: String
    /// Empty for the container's first process.
    public var execID: String

    public init(id: String, execID: String = "") { (self.id, self.execID) = (id, execID) }
    public init(_ fields: ProtobufFields) { (id, execID) = (fields.text(1), fields.text(2)) }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
    }
    public typealias Answer = ProcessState
  }

  /// Answered when a process has ended: WaitRequest.
  public struct Wait: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Wait" }
    public var id: String
    /// Empty for the container's first process.
    public var execID: String

    public init(id: String, execID: String = "") { (self.id, self.execID) = (id, execID) }
    public init(_ fields: ProtobufFields) { (id, execID) = (fields.text(1), fields.text(2)) }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, execID)
    }
    public typealias Answer = Ended
  }

  /// The container's processes: PidsRequest.
  public struct Pids: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Pids" }
    public var id: String

    public init(id: String) { self.id = id }
    public init(_ fields: ProtobufFields) { id = fields.text(1) }
    public func write(to writer: inout ProtobufWriter) { writer.write(1, id) }
    public typealias Answer = Processes
  }

  /// Freezes the container: PauseRequest.
  public struct Pause: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Pause" }
    public var id: String

    public init(id: String) { self.id = id }
    public init(_ fields: ProtobufFields) { id = fields.text(1) }
    public func write(to writer: inout ProtobufWriter) { writer.write(1, id) }
    public typealias Answer = ProtobufEmpty
  }

  /// Thaws it: ResumeRequest.
  public struct Resume: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Resume" }
    public var id: String

    public init(id: String) { self.id = id }
    public init(_ fields: ProtobufFields) { id = fields.text(1) }
    public func write(to writer: inout ProtobufWriter) { writer.write(1, id) }
    public typealias Answer = ProtobufEmpty
  }

  /// What the container uses: StatsRequest.
  public struct Stats: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Stats" }
    public var id: String

    public init(id: String) { self.id = id }
    public init(_ fields: ProtobufFields) { id = fields.text(1) }
    public func write(to writer: inout ProtobufWriter) { writer.write(1, id) }
    public typealias Answer = Statistics
  }

  /// Who the shim is: ConnectRequest.
  public struct Connect: ServiceRequest, Hashable {
    public static var service: String { TaskAPI.service }
    public static var method: String { "Connect" }
    public var id: String

    public init(id: String) { self.id = id }
    public init(_ fields: ProtobufFields) { id = fields.text(1) }
    public func write(to writer: inout ProtobufWriter) { writer.write(1, id) }
    public typealias Answer = Connected
  }

  /// How a process that was removed had ended: DeleteResponse. A shim's `delete` prints it.
  public struct Deleted: ProtobufMessage, Hashable {
    public var pid: UInt32
    public var exitStatus: UInt32
    /// Nanoseconds since 1970.
    public var exitedAt: UInt64

    public init(pid: UInt32, exitStatus: UInt32, exitedAt: UInt64) {
      (self.pid, self.exitStatus, self.exitedAt) = (pid, exitStatus, exitedAt)
    }
    public init(_ fields: ProtobufFields) throws(ProtobufError) {
      (pid, exitStatus, exitedAt) = (fields.uint32(1), fields.uint32(2), try fields.time(3))
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, uint32: pid)
      writer.write(2, uint32: exitStatus)
      writer.write(3, time: exitedAt)
    }
  }

  /// How a process has ended: WaitResponse.
  public struct Ended: ProtobufMessage, Hashable {
    public var exitStatus: UInt32
    /// Nanoseconds since 1970.
    public var exitedAt: UInt64

    public init(exitStatus: UInt32, exitedAt: UInt64) { (self.exitStatus, self.exitedAt) = (exitStatus, exitedAt) }
    public init(_ fields: ProtobufFields) throws(ProtobufError) {
      (exitStatus, exitedAt) = (fields.uint32(1), try fields.time(2))
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, uint32: exitStatus)
      writer.write(2, time: exitedAt)
    }
  }

  /// StateResponse.
  public struct ProcessState: ProtobufMessage, Hashable {
    public var id = ""
    public var bundle = ""
    public var pid: UInt32 = 0
    public var status = Status.unknown
    public var stdin = ""
    public var stdout = ""
    public var stderr = ""
    public var terminal = false
    public var exitStatus: UInt32 = 0
    /// Nanoseconds since 1970; 0 while it runs.
    public var exitedAt: UInt64 = 0
    public var execID = ""

    public init() {}
    public init(_ fields: ProtobufFields) throws(ProtobufError) {
      (id, bundle, pid) = (fields.text(1), fields.text(2), fields.uint32(3))
      status = Status(rawValue: fields.number(4)) ?? .unknown
      (stdin, stdout, stderr, terminal) = (fields.text(5), fields.text(6), fields.text(7), fields.bool(8))
      (exitStatus, exitedAt, execID) = (fields.uint32(9), try fields.time(10), fields.text(11))
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, id)
      writer.write(2, bundle)
      writer.write(3, uint32: pid)
      writer.write(4, status.rawValue)
      writer.write(5, stdin)
      writer.write(6, stdout)
      writer.write(7, stderr)
      writer.write(8, terminal)
      writer.write(9, uint32: exitStatus)
      writer.write(10, time: exitedAt)
      writer.write(11, execID)
    }
  }

  /// PidsResponse.
  public struct Processes: ProtobufMessage, Hashable {
    /// containerd.v1.types.ProcessInfo, and the exec id out of its containerd.runc.v1.ProcessDetails.
    public struct Process: Sendable, Hashable {
      public var pid: UInt32
      /// Empty where it was not added by `Exec`.
      public var execID: String
      public init(pid: UInt32, execID: String = "") { (self.pid, self.execID) = (pid, execID) }
    }
    public var processes: [Process]

    public init(_ processes: [Process]) { self.processes = processes }
    public init(_ fields: ProtobufFields) throws(ProtobufError) {
      processes = []
      for value in fields.all(1) {
        let process = try ProtobufFields(value.bytes)
        var execID = ""
        if let details = try process.any(2), details.typeName == Processes.detailsType {
          execID = try ProtobufFields(details.value).text(1)
        }
        processes.append(Process(pid: process.uint32(1), execID: execID))
      }
    }
    public func write(to writer: inout ProtobufWriter) {
      for process in processes {
        writer.write(1) {
          $0.write(1, uint32: process.pid)
          guard !process.execID.isEmpty else { return }
          let details = ProtobufWriter.message { $0.write(1, process.execID) }
          $0.write(2, message: ProtobufAny(Processes.detailsType, details).bytes)
        }
      }
    }
    private static let detailsType = "containerd.runc.v1.ProcessDetails"
  }

  /// StatsResponse: io.containerd.cgroups.v1.Metrics or io.containerd.cgroups.v2.Metrics.
  public struct Statistics: ProtobufMessage, Hashable {
    public var stats: ProtobufAny?
    public init(_ stats: ProtobufAny?) { self.stats = stats }
    public init(_ fields: ProtobufFields) throws(ProtobufError) { stats = try fields.any(1) }
    public func write(to writer: inout ProtobufWriter) { if let stats { writer.write(1, message: stats.bytes) } }
  }

  /// ConnectResponse.
  public struct Connected: ProtobufMessage, Hashable {
    public var shimPID: UInt32
    public var taskPID: UInt32
    public var version: String
    public init(shimPID: UInt32, taskPID: UInt32, version: String = "") {
      (self.shimPID, self.taskPID, self.version) = (shimPID, taskPID, version)
    }
    public init(_ fields: ProtobufFields) {
      (shimPID, taskPID, version) = (fields.uint32(1), fields.uint32(2), fields.text(3))
    }
    public func write(to writer: inout ProtobufWriter) {
      writer.write(1, uint32: shimPID)
      writer.write(2, uint32: taskPID)
      writer.write(3, version)
    }
  }
}
