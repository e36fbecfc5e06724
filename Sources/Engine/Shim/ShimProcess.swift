import JSONTree
import Seams

/// A process of a task, as its shim sees it: init, or one that was executed beside it.
struct ShimProcess: Sendable {
  enum Status: Sendable {
    case created, running, paused, stopped

    var word: String {
      switch self {
      case .created: "created"
      case .running: "running"
      case .paused: "paused"
      case .stopped: "stopped"
      }
    }
  }
  /// How it ended.
  struct Exit: Sendable {
    var status: Int
    /// Nanoseconds since 1970.
    var time: UInt64
  }

  /// Empty for init.
  let execID: String
  let io: ShimIO
  /// Where the streams are, for `State`.
  let paths: (stdin: String, stdout: String, stderr: String)
  /// The process of an exec (runtime-spec, config.md, "Process").
  let spec: JSON?
  var status = Status.created
  var pid = 0
  var exit: Exit?
  /// It ended while it was still being started: told after the start.
  var early: Exit?
  var isStarting = false
  var waiting: [Int: CheckedContinuation<Void, Never>] = [:]

  init(execID: String, io: ShimIO, paths: (stdin: String, stdout: String, stderr: String), spec: JSON? = nil) {
    (self.execID, self.io, self.paths, self.spec) = (execID, io, paths, spec)
  }

  func record(_ containerID: String) -> TaskProcess {
    let status: TaskProcess.Status =
      switch self.status {
      case .created: .created
      case .running: .running
      case .paused: .paused
      case .stopped: .stopped
      }
    return TaskProcess(
      containerId: containerID, id: execID.isEmpty ? containerID : execID, pid: pid, status: status,
      stdin: paths.stdin, stdout: paths.stdout, stderr: paths.stderr, terminal: io.terminal,
      exitStatus: exit?.status ?? 0, exitedAt: exit?.time ?? 0)
  }
}
