import LinuxKernel
import OCISpec
import Runtime

/// What the performer of a plan must know besides the plan.
struct PerformanceSetting {
  /// The container's state for hooks and seccomp agents; status and pid are filled in.
  var state: RuntimeSpec.State
  /// The environment that the program is to get, and whom it runs as: HOME is looked up for it.
  var environment: [String] = []
  var uid: UInt32 = 0
  /// The first descriptor that the program does not get: 3 and `--preserve-fds`.
  var firstClosed = 3
  /// Descriptors that the caller has left open, and that nobody was meant to have.
  var inherited: [Int32] = []
  /// The notes on a container that is being created.
  var notes: ContainerNotes?
  /// What the container's process does after `start`.
  var afterFIFO: Plan?
  /// The container is started as soon as it is created; this comes in between, when all other steps of the runtime are
  /// performed.
  var beforeRelease: ((Performance) throws(Failure) -> Void)?
  /// Hooks come between the FIFO and the program's execution, or after it: `start` ends when they have.
  var awaitsExecution = false
  /// Receives the terminal's near end; nil: it is kept for this process (`Performance.terminal`).
  var console: HandoverSocket?
  /// The process that `kill` means, by a descriptor that cannot mean another.
  var target: ChildProcess?
  /// The folder that `delete` removes.
  var directory: StateDirectory?
  /// What is said of a hook that may fail.
  var log = Log.standard
  /// Signals that end the work: those of who waits in the foreground.
  var signals: SignalQueue?
  /// Records every call (`--trace-fd`).
  var trace: CallTrace?

  init(state: RuntimeSpec.State) { self.state = state }
}

/// `state.json` while a container comes into being. Steps of a plan that mean the runtime's own notes are performed
/// here.
final class ContainerNotes {
  let root: StateRoot
  let config: [UInt8]
  private(set) var record: ContainerRecord
  private(set) var directory: StateDirectory?
  /// Whether somebody may look at the container before it is finished: then the notes say that it is being created, and
  /// are written once more at the end. Otherwise the notes with the process's number are the last ones; should the
  /// runtime die after them, so does the process, which every reader of the notes asks for.
  private let isWatched: Bool
  /// Whether the configuration says what has to be taken away of a container that is only half there: hooks, and mounts
  /// that are the host's. Otherwise it is kept when the process has been made.
  private let keepsConfigFirst: Bool

  init(_ root: StateRoot, _ record: ContainerRecord, _ config: RuntimeSpec.Config, bytes: [UInt8]) {
    (self.root, self.record, self.config) = (root, record, bytes)
    isWatched =
      !config.hooks.prestart.isEmpty || !config.hooks.createRuntime.isEmpty || !config.hooks.createContainer.isEmpty
    keepsConfigFirst = isWatched || !config.hooks.poststop.isEmpty || config.linux?.isNew(.mount) != true
  }

  /// Makes the container's folder and locks it.
  func make() throws(Failure) {
    let directory = try root.create(record.id)
    self.directory = directory
    if keepsConfigFirst { try directory.createConfig(config) }
  }

  /// Writes `state.json`: without a process, then with it.
  func save(pid: Int) throws(Failure) {
    guard let directory else { throw .notExist }
    if pid > 0, record.initProcess.pid == 0 {
      guard let identity = ProcessIdentity(pid: pid) else { throw Failure("process \(pid) is gone") }
      record.initProcess = identity
      if !isWatched { record.progress = .created }
      // The process works meanwhile.
      if !keepsConfigFirst { try directory.createConfig(config) }
      return try directory.save(record)
    }
    try directory.createState(record)
  }

  /// Says that the container is there.
  func finish() throws(Failure) {
    if record.progress == .created { return }
    record.progress = .created
    try directory?.save(record)
  }

  /// In a child: neither the lock nor the folder is its business.
  func closeInChild() { directory?.close() }
}
