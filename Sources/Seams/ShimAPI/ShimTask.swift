import JSONTree
import OCISpec

/// `containerd.task.v3.Task`: the shim's service over ttrpc.
public enum ShimTask {
  /// State of a process of the task.
  public struct State: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/State" }
    public var id: String
    public var execId: String
    public init(id: String, execId: String = "") {
      self.id = id
      self.execId = execId
    }
    /// The answer of `State`.
    public struct Answer: Codable, JSONWritable {
      public var process: TaskProcess
      public init(process: TaskProcess) {
        self.process = process
      }
    }
  }

  /// Creates the container through the runtime; its init waits at the exec FIFO.
  public struct Create: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Create" }
    public var id: String
    public var bundle: String
    public var rootfs: [MountRecord]
    public var terminal: Bool
    public var stdin: String
    public var stdout: String
    public var stderr: String
    /// containerd.runc.v1.Options: `binary_name`, `root`, `systemd_cgroup`; null for the defaults.
    public var options: JSON
    public init(
      id: String, bundle: String, rootfs: [MountRecord], terminal: Bool, stdin: String, stdout: String, stderr: String,
      options: JSON = nil
    ) {
      self.options = options
      self.id = id
      self.bundle = bundle
      self.rootfs = rootfs
      self.terminal = terminal
      self.stdin = stdin
      self.stdout = stdout
      self.stderr = stderr
    }
    /// The answer of `Create`.
    public struct Answer: Codable, JSONWritable {
      public var pid: Int
      public init(pid: Int) {
        self.pid = pid
      }
    }
  }

  /// Lets init, or an exec process, run.
  public struct Start: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Start" }
    public var id: String
    public var execId: String
    public init(id: String, execId: String = "") {
      self.id = id
      self.execId = execId
    }
    /// The answer of `Start`.
    public struct Answer: Codable, JSONWritable {
      public var pid: Int
      public init(pid: Int) {
        self.pid = pid
      }
    }
  }

  /// Deletes a stopped process.
  public struct Delete: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Delete" }
    public var id: String
    public var execId: String
    public init(id: String, execId: String = "") {
      self.id = id
      self.execId = execId
    }
    /// The answer of `Delete`.
    public struct Answer: Codable, JSONWritable {
      public var pid: Int
      public var exitStatus: Int
      public var exitedAt: UInt64
      public init(pid: Int, exitStatus: Int, exitedAt: UInt64) {
        self.pid = pid
        self.exitStatus = exitStatus
        self.exitedAt = exitedAt
      }
    }
  }

  /// Process ids.
  public struct Pids: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Pids" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    /// The answer of `Pids`.
    public struct Answer: Codable, JSONWritable {
      public var processes: [ProcessRecord]
      public init(processes: [ProcessRecord]) {
        self.processes = processes
      }
    }
  }

  /// Freezes.
  public struct Pause: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Pause" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    public typealias Answer = Empty
  }

  /// Thaws.
  public struct Resume: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Resume" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    public typealias Answer = Empty
  }

  /// Sends a signal.
  public struct Kill: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Kill" }
    public var id: String
    public var execId: String
    public var signal: Int
    public var all: Bool
    public init(id: String, execId: String = "", signal: Int, all: Bool = false) {
      self.id = id
      self.execId = execId
      self.signal = signal
      self.all = all
    }
    public typealias Answer = Empty
  }

  /// Registers an exec process.
  public struct Exec: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Exec" }
    public var id: String
    public var execId: String
    public var terminal: Bool
    public var stdin: String
    public var stdout: String
    public var stderr: String
    public var spec: JSON
    public init(id: String, execId: String, terminal: Bool, stdin: String, stdout: String, stderr: String, spec: JSON) {
      self.id = id
      self.execId = execId
      self.terminal = terminal
      self.stdin = stdin
      self.stdout = stdout
      self.stderr = stderr
      self.spec = spec
    }
    public typealias Answer = Empty
  }

  /// Changes a terminal's size.
  public struct ResizePty: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/ResizePty" }
    public var id: String
    public var execId: String
    public var width: Int
    public var height: Int
    public init(id: String, execId: String = "", width: Int, height: Int) {
      self.id = id
      self.execId = execId
      self.width = width
      self.height = height
    }
    public typealias Answer = Empty
  }

  /// Closes stdin.
  public struct CloseIO: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/CloseIO" }
    public var id: String
    public var execId: String
    public var stdin: Bool
    public init(id: String, execId: String = "", stdin: Bool = true) {
      self.id = id
      self.execId = execId
      self.stdin = stdin
    }
    public typealias Answer = Empty
  }

  /// Changes resource limits.
  public struct Update: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Update" }
    public var id: String
    public var resources: JSON
    public init(id: String, resources: JSON) {
      self.id = id
      self.resources = resources
    }
    public typealias Answer = Empty
  }

  /// Waits for the end of a process.
  public struct Wait: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Wait" }
    public var id: String
    public var execId: String
    public init(id: String, execId: String = "") {
      self.id = id
      self.execId = execId
    }
    /// The answer of `Wait`.
    public struct Answer: Codable, JSONWritable {
      public var exitStatus: Int
      public var exitedAt: UInt64
      public init(exitStatus: Int, exitedAt: UInt64) {
        self.exitStatus = exitStatus
        self.exitedAt = exitedAt
      }
    }
  }

  /// cgroup metrics.
  public struct Stats: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Stats" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    /// The answer of `Stats`.
    public struct Answer: Codable, JSONWritable {
      public var stats: JSON
      public init(stats: JSON) {
        self.stats = stats
      }
    }
  }

  /// The pids of shim and task.
  public struct Connect: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Connect" }
    public var id: String
    public init(id: String) {
      self.id = id
    }
    /// The answer of `Connect`.
    public struct Answer: Codable, JSONWritable {
      public var shimPid: Int
      public var taskPid: Int
      public var version: String
      public init(shimPid: Int, taskPid: Int, version: String) {
        self.shimPid = shimPid
        self.taskPid = taskPid
        self.version = version
      }
    }
  }

  /// Asks the shim to end.
  public struct Shutdown: ShimOperation, Codable {
    public static var name: String { "containerd.task.v3.Task/Shutdown" }
    public var id: String
    public var now: Bool
    public init(id: String, now: Bool = false) {
      self.id = id
      self.now = now
    }
    public typealias Answer = Empty
  }
}
