import JSONTree
import OCISpec

/// `containerd.services.tasks.v1.Tasks`: tasks: the running side of a container, behind a shim.
public enum Tasks {
  /// Starts a shim and has it create the task.
  public struct Create: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Create" }
    public var containerId: String
    public var rootfs: [MountRecord]
    public var stdin: String
    public var stdout: String
    public var stderr: String
    public var terminal: Bool
    public var runtimePath: String
    public init(
      containerId: String, rootfs: [MountRecord], stdin: String = "", stdout: String = "", stderr: String = "",
      terminal: Bool = false, runtimePath: String = ""
    ) {
      self.containerId = containerId
      self.rootfs = rootfs
      self.stdin = stdin
      self.stdout = stdout
      self.stderr = stderr
      self.terminal = terminal
      self.runtimePath = runtimePath
    }
    /// The answer of `Create`.
    public struct Answer: Codable, JSONWritable {
      public var containerId: String
      public var pid: Int
      public init(containerId: String, pid: Int) {
        self.containerId = containerId
        self.pid = pid
      }
    }
  }

  /// Starts the task, or the exec process `execId`.
  public struct Start: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Start" }
    public var containerId: String
    public var execId: String
    public init(containerId: String, execId: String = "") {
      self.containerId = containerId
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

  /// Deletes a stopped task and ends its shim.
  public struct Delete: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Delete" }
    public var containerId: String
    public init(containerId: String) {
      self.containerId = containerId
    }
    /// The answer of `Delete`.
    public struct Answer: Codable, JSONWritable {
      public var id: String
      public var pid: Int
      public var exitStatus: Int
      public var exitedAt: UInt64
      public init(id: String, pid: Int, exitStatus: Int, exitedAt: UInt64) {
        self.id = id
        self.pid = pid
        self.exitStatus = exitStatus
        self.exitedAt = exitedAt
      }
    }
  }

  /// Deletes a stopped exec process.
  public struct DeleteProcess: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/DeleteProcess" }
    public var containerId: String
    public var execId: String
    public init(containerId: String, execId: String) {
      self.containerId = containerId
      self.execId = execId
    }
    /// The answer of `DeleteProcess`.
    public struct Answer: Codable, JSONWritable {
      public var id: String
      public var pid: Int
      public var exitStatus: Int
      public var exitedAt: UInt64
      public init(id: String, pid: Int, exitStatus: Int, exitedAt: UInt64) {
        self.id = id
        self.pid = pid
        self.exitStatus = exitStatus
        self.exitedAt = exitedAt
      }
    }
  }

  /// State of a task or exec process.
  public struct Get: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Get" }
    public var containerId: String
    public var execId: String
    public init(containerId: String, execId: String = "") {
      self.containerId = containerId
      self.execId = execId
    }
    /// The answer of `Get`.
    public struct Answer: Codable, JSONWritable {
      public var process: TaskProcess
      public init(process: TaskProcess) {
        self.process = process
      }
    }
  }

  /// All tasks.
  public struct List: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/List" }
    public init() {
    }
    /// The answer of `List`.
    public struct Answer: Codable, JSONWritable {
      public var tasks: [TaskProcess]
      public init(tasks: [TaskProcess]) {
        self.tasks = tasks
      }
    }
  }

  /// Sends a signal.
  public struct Kill: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Kill" }
    public var containerId: String
    public var execId: String
    public var signal: Int
    public var all: Bool
    public init(containerId: String, execId: String = "", signal: Int, all: Bool = false) {
      self.containerId = containerId
      self.execId = execId
      self.signal = signal
      self.all = all
    }
    public typealias Answer = Empty
  }

  /// Registers another process of a running task.
  public struct Exec: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Exec" }
    public var containerId: String
    public var execId: String
    public var stdin: String
    public var stdout: String
    public var stderr: String
    public var terminal: Bool
    public var spec: JSON
    public init(
      containerId: String, execId: String, stdin: String = "", stdout: String = "", stderr: String = "",
      terminal: Bool = false, spec: JSON
    ) {
      self.containerId = containerId
      self.execId = execId
      self.stdin = stdin
      self.stdout = stdout
      self.stderr = stderr
      self.terminal = terminal
      self.spec = spec
    }
    public typealias Answer = Empty
  }

  /// Changes a terminal's size.
  public struct ResizePty: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/ResizePty" }
    public var containerId: String
    public var execId: String
    public var width: Int
    public var height: Int
    public init(containerId: String, execId: String = "", width: Int, height: Int) {
      self.containerId = containerId
      self.execId = execId
      self.width = width
      self.height = height
    }
    public typealias Answer = Empty
  }

  /// Closes stdin.
  public struct CloseIO: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/CloseIO" }
    public var containerId: String
    public var execId: String
    public var stdin: Bool
    public init(containerId: String, execId: String = "", stdin: Bool = true) {
      self.containerId = containerId
      self.execId = execId
      self.stdin = stdin
    }
    public typealias Answer = Empty
  }

  /// Freezes all processes of a task.
  public struct Pause: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Pause" }
    public var containerId: String
    public init(containerId: String) {
      self.containerId = containerId
    }
    public typealias Answer = Empty
  }

  /// Thaws a paused task.
  public struct Resume: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Resume" }
    public var containerId: String
    public init(containerId: String) {
      self.containerId = containerId
    }
    public typealias Answer = Empty
  }

  /// Process ids of a task, as the host sees them.
  public struct ListPids: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/ListPids" }
    public var containerId: String
    public init(containerId: String) {
      self.containerId = containerId
    }
    /// The answer of `ListPids`.
    public struct Answer: Codable, JSONWritable {
      public var processes: [ProcessRecord]
      public init(processes: [ProcessRecord]) {
        self.processes = processes
      }
    }
  }

  /// Changes resource limits.
  public struct Update: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Update" }
    public var containerId: String
    public var resources: JSON
    public init(containerId: String, resources: JSON) {
      self.containerId = containerId
      self.resources = resources
    }
    public typealias Answer = Empty
  }

  /// cgroup metrics.
  public struct Metrics: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Metrics" }
    public var filters: [String]
    public init(filters: [String] = []) {
      self.filters = filters
    }
    /// The answer of `Metrics`.
    public struct Answer: Codable, JSONWritable {
      public var metrics: [MetricsRecord]
      public init(metrics: [MetricsRecord]) {
        self.metrics = metrics
      }
    }
  }

  /// Waits for the end of a task or exec process.
  public struct Wait: ContainerdOperation, Codable {
    public static var name: String { "containerd.services.tasks.v1.Tasks/Wait" }
    public var containerId: String
    public var execId: String
    public init(containerId: String, execId: String = "") {
      self.containerId = containerId
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
}
