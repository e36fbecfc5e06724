import Glibc
import JSONTree
import Testing

/// The place where one test makes containers: a folder, a state root, names of its own. When the test ends, however it ends,
/// nothing of it is left; and when it passed, what `delete --force` left behind is an issue of the test.
final class Sandbox {
  /// `drydock-test-PID-N`: the beginning of every name made here.
  let name: String
  let folder: String
  /// `--root`.
  let root: String
  let runtime: RuntimeUnderTest
  /// Global flags put before every verb.
  var globals: [String] = []
  /// False where the test leaves things behind on purpose.
  var demandsCleanEnd = true
  /// Mounts that the test made itself below the folder, and that are there until the end.
  var expectedMounts: Set<String> = []
  private var children: [Child] = []
  private var cleanups: [() -> Void] = []

  static func with(
    sourceLocation: SourceLocation = #_sourceLocation, _ body: (Sandbox) throws -> Void
  ) throws {
    let sandbox = try Sandbox()
    defer { sandbox.remove() }
    try body(sandbox)
    let leaks = sandbox.leaksAfterDelete()
    if sandbox.demandsCleanEnd, !leaks.isEmpty {
      Issue.record("left behind: \(leaks.joined(separator: "; "))", sourceLocation: sourceLocation)
    }
  }

  private init() throws {
    if let lack = Machine.lackOfRoot { throw Unmet(description: lack) }
    guard let runtime = RuntimeUnderTest.current else { throw Unmet(description: "no runtime") }
    self.runtime = runtime
    name = "drydock-test-\(getpid())-\(Self.counter.next())"
    folder = "/tmp/\(name)"
    root = "\(folder)/state"
    try Files.makeDirectory(folder)
    try Files.makeDirectory("\(folder)/scratch")
  }

  private static let counter = Counter()

  /// Runs when the sandbox is removed, last first.
  func atEnd(_ cleanup: @escaping () -> Void) { cleanups.append(cleanup) }

  // MARK: Bundles and containers

  func id(_ short: String = "c") -> String { "\(name)-\(short)" }

  /// A bundle in a folder of its own.
  func bundle(_ short: String = "c", _ change: (inout Config) throws -> Void = { _ in }) throws -> Bundle {
    let path = "\(folder)/\(short)"
    try Files.makeDirectory(path)
    try Rootfs.make(at: "\(path)/rootfs")
    var config = Config()
    config["linux.cgroupsPath"] = .string("/\(id(short))")
    config.append("process.env", .string("\(Self.marker)=\(name)"))
    try change(&config)
    let bundle = Bundle(path: path, config: config)
    try bundle.save()
    return bundle
  }

  /// Every process of a test carries this variable; so the sandbox finds those that nothing else leads to.
  static let marker = "DRYDOCK_TEST"

  // MARK: The runtime

  /// Runs the runtime with `--root` and waits.
  @discardableResult
  func runtime(
    _ arguments: [String], stdin: String = "", extra: [Int32] = [], cwd: String? = nil, environment: [String] = [],
    timeout: Double = 60
  ) throws -> Outcome {
    try start(arguments, stdin: stdin, extra: extra, cwd: cwd, environment: environment).wait(timeout: timeout)
  }

  @discardableResult
  func runtime(_ arguments: String...) throws -> Outcome { try runtime(arguments) }

  /// Starts the runtime and does not wait.
  func start(
    _ arguments: [String], stdin: String = "", extra: [Int32] = [], cwd: String? = nil, environment: [String] = [],
    terminal: String? = nil
  ) throws -> Child {
    try spawn(
      [runtime.path, "--root", root] + globals + arguments, stdin: stdin, extra: extra, cwd: cwd,
      environment: environment, terminal: terminal)
  }

  /// Starts any program of the host as a part of this test.
  func spawn(
    _ command: [String], stdin: String = "", extra: [Int32] = [], cwd: String? = nil, environment: [String] = [],
    terminal: String? = nil, hidesClone3: Bool = false
  ) throws -> Child {
    let child = try Child(
      command,
      environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]
        + ["\(Self.marker)=\(name)"] + environment,
      cwd: cwd ?? folder, stdin: stdin, extra: extra, terminal: terminal, hidesClone3: hidesClone3,
      scratch: "\(folder)/scratch")
    children.append(child)
    return child
  }

  /// Runs any program of the host and waits.
  @discardableResult
  func host(_ command: String..., stdin: String = "", timeout: Double = 60) throws -> Outcome {
    try spawn(command, stdin: stdin).wait(timeout: timeout)
  }

  /// `run`: makes a bundle, runs its container to the end.
  @discardableResult
  func run(
    _ script: String, _ short: String = "c", _ change: (inout Config) throws -> Void = { _ in },
    prepare: (Bundle) throws -> Void = { _ in }
  ) throws -> Outcome {
    let bundle = try bundle(short) {
      $0.script = script
      try change(&$0)
    }
    try prepare(bundle)
    return try runtime("run", "--bundle", bundle.path, id(short))
  }

  /// `create` and `start` of a container that goes on running.
  @discardableResult
  func started(
    _ short: String = "c", script: String = "sleep 1000", _ change: (inout Config) throws -> Void = { _ in }
  ) throws -> Container {
    let container = try created(short, script: script, change)
    let outcome = try runtime("start", container.id)
    guard outcome.succeeded else { throw Refused(doing: "start", outcome: outcome) }
    return container
  }

  /// `create`.
  @discardableResult
  func created(
    _ short: String = "c", script: String = "sleep 1000", _ change: (inout Config) throws -> Void = { _ in }
  ) throws -> Container {
    let bundle = try bundle(short) {
      $0.script = script
      try change(&$0)
    }
    let child = try start(["create", "--bundle", bundle.path, id(short)])
    let outcome = try child.wait()
    guard outcome.succeeded else { throw Refused(doing: "create", outcome: outcome) }
    return Container(sandbox: self, id: id(short), bundle: bundle, creator: child)
  }

  // MARK: The end

  /// Deletes every container by force and says what is there all the same.
  private func leaksAfterDelete() -> [String] {
    for id in Files.names(in: root) { _ = try? runtime(["delete", "--force", id], timeout: 30) }
    for child in children where !child.hasEnded {
      child.kill(SIGTERM)
      if !becomesTrue(within: 1, { child.hasEnded }) { child.kill(SIGKILL) }
    }
    var leaks: [String] = []
    if !Files.names(in: root).isEmpty { leaks.append("state of \(Files.names(in: root))") }
    leaks += Self.mounts(below: folder).filter { !expectedMounts.contains($0) }.map { "mount \($0)" }
    var processes: [pid_t] = []
    if !becomesTrue(
      within: 3,
      {
        processes = markedProcesses(); return processes.isEmpty
      })
    {
      leaks += processes.map { "process \($0) (\(Files.textIfAny("/proc/\($0)/comm")?.trimmed ?? "?"))" }
    }
    leaks += CgroupFiles.host.folders(prefix: name).map { "cgroup \($0)" }
    return leaks
  }

  private func remove() {
    for cleanup in cleanups.reversed() { cleanup() }
    for id in Files.names(in: root) { _ = try? runtime(["delete", "--force", id], timeout: 30) }
    for child in children where !child.hasEnded { child.kill(SIGKILL) }
    for folder in CgroupFiles.host.folders(prefix: name) { CgroupFiles.destroy(folder) }
    for pid in markedProcesses() { kill(pid, SIGKILL) }
    for child in children { _ = becomesTrue(within: 2) { child.hasEnded } }
    for _ in 0..<3 { for mount in Self.mounts(below: folder).reversed() { umount2(mount, Int32(MNT_DETACH)) } }
    if Self.mounts(below: folder).isEmpty { Files.removeTree(folder) }
  }

  /// The living processes that carry this sandbox's mark.
  func markedProcesses() -> [pid_t] {
    let mark = Array("\(Self.marker)=\(name)\0".utf8)
    return Files.names(in: "/proc").compactMap { pid_t($0) }.filter { pid in
      guard pid != getpid(), let environment = try? Files.bytes("/proc/\(pid)/environ"), environment.count >= mark.count
      else { return false }
      return environment.split(separator: 0).contains { $0.elementsEqual(mark.dropLast()) }
    }
  }

  /// The mount points of the host below `folder`, in the order of the mount table.
  static func mounts(below folder: String) -> [String] {
    (Files.textIfAny("/proc/self/mountinfo")?.lines ?? []).map { $0.words[4] }.filter {
      $0 == folder || $0.hasPrefix(folder + "/")
    }
  }
}

/// A verb that should have worked did not.
struct Refused: Error, CustomStringConvertible {
  let doing: String
  let outcome: Outcome
  var description: String { "\(doing) failed: \(outcome)" }
}

/// A root file system and a `config.json` on disk.
struct Bundle {
  let path: String
  var config: Config
  var rootfs: String { "\(path)/rootfs" }

  func save() throws { try Files.write(config.json.pretty(), to: "\(path)/config.json") }

  /// Changes the configuration on disk.
  mutating func change(_ body: (inout Config) throws -> Void) throws {
    try body(&config)
    try save()
  }
}

/// A container that was created.
struct Container {
  let sandbox: Sandbox
  let id: String
  let bundle: Bundle
  /// The `create` (or `run --detach`); the container's own output went where its output went.
  let creator: Child

  /// The container's own output so far.
  var output: String { creator.outcome.stdout }

  func state() throws -> JSON {
    let outcome = try sandbox.runtime("state", id)
    guard outcome.succeeded else { throw Refused(doing: "state", outcome: outcome) }
    return try JSON(parsing: outcome.stdout)
  }

  func status() throws -> String { try state()["status"]?.string ?? "" }
  func pid() throws -> pid_t { pid_t(try state()["pid"]?.int ?? 0) }

  @discardableResult
  func exec(_ script: String, flags: [String] = []) throws -> Outcome {
    try sandbox.runtime(["exec"] + flags + [id, "sh", "-c", script])
  }

  func becomes(_ status: String, within seconds: Double = 10) throws -> Bool {
    try becomesTrue(within: seconds) { try self.status() == status }
  }

  /// The cgroups of the container's process. A hybrid host's nearly empty v2 hierarchy is not counted: it is taken along or not.
  func memberships() throws -> [String] { Self.memberships(in: try Files.text("/proc/\(try pid())/cgroup")) }

  /// The paths in a text such as /proc/self/cgroup.
  static func memberships(in text: String) -> [String] {
    text.lines.filter { !CgroupFiles.host.isV1 || !$0.hasPrefix("0::") }.compactMap {
      $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).last.map(String.init)
    }
  }

  /// A control file of the container's cgroup.
  func cgroup(_ controller: String, v1: String, v2: String) -> String? {
    CgroupFiles.host.value(controller, "/\(id)", v1: v1, v2: v2)
  }
}
