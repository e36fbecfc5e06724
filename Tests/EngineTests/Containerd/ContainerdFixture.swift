import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

@testable import Engine

/// containerd with its shims between fakes of the ends, every handoff recorded.
final class ContainerdFixture: Sendable {
  let world = RegistryTestWorld()
  let registry = FakeRegistry()
  let blobs = RegistryTestBlobs()
  let driver = ContainerdTestDriver()
  let files = ContainerdTestFiles()
  let fifos = ContainerdTestFIFOs()
  let processes = ContainerdTestProcesses()
  let store = MemoryStateStore()
  let runtime: ContainerdTestRuntime
  let lines = HandoffLines()
  let api: any ContainerdAPI
  private let recorder: Recorder
  private let configuration: ContainerdConfiguration

  init(configuration: ContainerdConfiguration = .init()) {
    runtime = ContainerdTestRuntime(processes: processes)
    recorder = Recorder { 0 }
    recorder.attach(lines)
    self.configuration = configuration
    api = ContainerdFixture.assemble(
      recorder, world: world, registry: registry, blobs: blobs, driver: driver, files: files, fifos: fifos,
      processes: processes, store: store, runtime: runtime, configuration)
  }

  /// Another containerd on the same stores, as after a restart.
  func restarted(reconnecting: (@Sendable (ShimInvocation) async -> (any ShimAPI)?)? = nil) throws -> any ContainerdAPI
  {
    var configuration = configuration
    configuration.reconnect = reconnecting
    let containerd = Containerd(
      world: world, registry: registry,
      shims: ShimFactory(world: world, runtime: runtime, files: files, fifos: fifos, processes: processes),
      blobs: blobs, snapshots: driver, files: files, fifos: fifos, store: store, configuration: configuration)
    try world.run { try await containerd.start() }
    return containerd
  }

  private static func assemble(
    _ recorder: Recorder, world: RegistryTestWorld, registry: FakeRegistry, blobs: RegistryTestBlobs,
    driver: ContainerdTestDriver, files: ContainerdTestFiles, fifos: ContainerdTestFIFOs,
    processes: ContainerdTestProcesses, store: MemoryStateStore, runtime: ContainerdTestRuntime,
    _ configuration: ContainerdConfiguration
  ) -> any ContainerdAPI {
    func tap(_ from: Party, _ to: Party, _ via: Via) -> Tap { Tap(from: from, to: to, via: via, recorder: recorder) }
    let shims = ShimFactory(
      world: world, runtime: TracedRuntimeCLI(runtime, tap: tap(.shim, .runc, .exec)), files: files, fifos: fifos,
      processes: processes)
    let containerd = Containerd(
      world: world, registry: TracedDistributionAPI(registry, tap: tap(.containerd, .registry, .https)),
      shims: TracedShimLauncher(
        shims, exec: tap(.containerd, .shim, .exec), ttrpc: tap(.containerd, .shim, .ttrpc)),
      blobs: blobs, snapshots: driver, files: files, fifos: fifos, store: store, configuration: configuration)
    return TracedContainerdAPI(containerd, tap: tap(.dockerd, .containerd, .grpc))
  }

  func call<O: ContainerdOperation>(_ operation: O, lease: String? = nil, namespace: String = "moby") throws -> O.Answer
  {
    let api = api
    return try world.run {
      try await ContainerdLease.$current.withValue(lease) { try await api.call(operation, namespace: namespace) }
    }
  }

  /// The words with which an operation is refused.
  func words<O: ContainerdOperation>(_ operation: O, namespace: String = "moby") -> String {
    do {
      _ = try call(operation, namespace: namespace)
      return "no error"
    } catch { return "\(error)" }
  }

  /// A pull as dockerd asks for it, with the progress that was told.
  @discardableResult
  func pull(_ reference: String, platform: Platform? = Platform(architecture: "amd64"), all: Bool = false) throws
    -> [Transfer.Progress]
  {
    let told = Told()
    _ = try call(
      Transfer.Transfer(
        source: .registry(reference: reference, auth: nil),
        destination: .imageStore(name: "", platform: platform, allPlatforms: all), progress: { told.add($0) }))
    return told.all
  }

  func snapshots() throws -> [String] {
    try call(Snapshots.List(snapshotter: "overlayfs")).info.map(\.name)
  }
  func contents() throws -> [Digest] { try call(Content.List()).infos.map(\.digest) }

  /// A container's metadata and the FIFOs of its process.
  func addContainer(
    _ id: String = "c1", spec: JSON = ["linux": ["namespaces": [["type": "pid"]]]], options: JSON = .null,
    snapshot: String = ""
  ) throws {
    _ = try call(
      Containers.Create(
        container: ContainerRecord(
          id: id, runtime: "io.containerd.runc.v2", runtimeOptions: options, spec: spec, snapshotter: "overlayfs",
          snapshotKey: snapshot)))
    for stream in ["stdin", "stdout", "stderr"] { try fifos.make("/fifo/\(id)-\(stream)") }
  }

  func createTask(_ id: String = "c1", terminal: Bool = false, runtimePath: String = "") throws -> Int {
    try call(
      Tasks.Create(
        containerId: id, rootfs: [], stdin: "/fifo/\(id)-stdin", stdout: "/fifo/\(id)-stdout",
        stderr: terminal ? "" : "/fifo/\(id)-stderr", terminal: terminal, runtimePath: runtimePath)
    ).pid
  }

  private final class Told: Sendable {
    private let progress = Mutex<[Transfer.Progress]>([])
    func add(_ one: Transfer.Progress) { progress.withLock { $0.append(one) } }
    var all: [Transfer.Progress] { progress.withLock { $0 } }
  }
}

/// The handoffs, as the lines of a spine that keeps the reads.
final class HandoffLines: TraceSink {
  private let all = Mutex<[String]>([])
  func receive(_ record: TraceRecord) {
    if case .call(let call) = record.event { all.withLock { $0.append("\(call.from) > \(call.to) \(call.op)") } }
  }
  func forget() { all.withLock { $0 = [] } }
  var lines: [String] { all.withLock { $0 } }
  /// Without dockerd's.
  var below: [String] { lines.filter { !$0.hasPrefix("dockerd") } }
}

/// Snapshots as lists of texts; a layer's uncompressed form is what follows the leading `z` of its blob.
final class ContainerdTestDriver: SnapshotDriver {
  private let state = Mutex<[Int: String]>([:])
  var ids: [Int] { state.withLock { $0.keys.sorted() } }
  func write(_ text: String, to id: Int) { state.withLock { $0[id] = text } }
  func text(_ id: Int) -> String? { state.withLock { $0[id] } }

  func create(_ id: Int, parents: [Int]) async throws { state.withLock { $0[id] = "" } }
  func mounts(_ id: Int, parents: [Int], readOnly: Bool) -> [MountRecord] {
    let lower = "lowerdir=" + parents.map { "/s/\($0)/fs" }.joined(separator: ":")
    // As with overlayfs, nothing of its own shows in a view.
    return [
      MountRecord(
        type: "overlay", source: "overlay", options: (readOnly ? ["ro"] : ["upperdir=/s/\(id)/fs"]) + [lower])
    ]
  }
  func remove(_ id: Int) async throws { state.withLock { $0[id] = nil } }
  func usage(_ id: Int) async -> (bytes: Int64, inodes: Int64) {
    (Int64(state.withLock { $0[id]?.utf8.count ?? 0 }), 1)
  }
  func apply(_ blob: Digest, mediaType: String, from store: any BlobStore, to id: Int, parents: [Int]) async throws
    -> AppliedLayer
  {
    let bytes = Array(try await store.read(blob).dropFirst())
    write(String(decoding: bytes, as: UTF8.self), to: id)
    return AppliedLayer(diffID: Digest(sha256: bytes), size: Int64(bytes.count))
  }
  func diff(_ id: Int, parents: [Int], mediaType: String, into writer: any BlobWriter) async throws -> AppliedLayer {
    let bytes = Array((text(id) ?? "").utf8)
    try await writer.append([UInt8(ascii: "z")] + bytes)
    return AppliedLayer(diffID: Digest(sha256: bytes), size: Int64(bytes.count))
  }
  func changes(_ id: Int, parents: [Int]) async throws -> [SnapshotChange] { [] }
}

/// Files by path.
final class ContainerdTestFiles: HostFiles {
  private let state = Mutex<(files: [String: [UInt8]], mounts: [String])>(([:], []))
  var paths: [String] { state.withLock { $0.files.keys.sorted() } }
  var mounts: [String] { state.withLock { $0.mounts } }

  func stat(_ path: String) -> HostFileInfo? {
    state.withLock { $0.files[path] }.map { HostFileInfo(kind: .file, mode: 0o644, size: Int64($0.count)) }
  }
  func read(_ path: String) throws(Errno) -> [UInt8] {
    guard let bytes = state.withLock({ $0.files[path] }) else { throw .ENOENT }
    return bytes
  }
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno) { state.withLock { $0.files[path] = bytes } }
  func append(_ path: String, _ bytes: [UInt8]) throws(Errno) {
    state.withLock { $0.files[path, default: []] += bytes }
  }
  func makeDirectory(_ path: String, mode: UInt32) throws(Errno) {}
  func list(_ path: String) throws(Errno) -> [String] { [] }
  func removeAll(_ path: String) throws(Errno) {
    state.withLock { state in state.files = state.files.filter { !$0.key.hasPrefix(path) } }
  }
  func rename(_ path: String, to: String) throws(Errno) {}
  func mount(source: String, target: String, type: String, options: [String]) throws(Errno) {
    if source == "/nosuch" { throw .ENOENT }
    state.withLock { $0.mounts.append(target) }
  }
  func unmount(_ path: String) throws(Errno) { state.withLock { $0.mounts.removeAll { $0 == path } } }
  func archive(_ path: String, root: String) throws(Errno) -> [UInt8] { throw .ENOSYS }
  func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno) { throw .ENOSYS }
  func usage(_ path: String) -> Int64 { 0 }
}

/// FIFOs by path.
final class ContainerdTestFIFOs: FIFOs {
  private let channels = Mutex<[String: ByteChannel]>([:])
  func make(_ path: String) throws { channels.withLock { $0[path] = $0[path] ?? ByteChannel() } }
  func channel(_ path: String) -> ByteChannel? { channels.withLock { $0[path] } }
  func remove(_ path: String) { channels.withLock { $0[path] = nil } }
}

/// Processes that end when a test says so.
final class ContainerdTestProcesses: Processes {
  private struct State {
    var next = 100
    var exits: [Int: Int] = [:]
    var waiting: [Int: CheckedContinuation<Int, Never>] = [:]
    var oom: Set<Int> = []
    var parts: [Int: [String]] = [:]
    var signals: [String] = []
    var sizes: [String] = []
  }
  private let state = Mutex(State())

  func spawn() -> Int {
    state.withLock { state in
      state.next += 1
      return state.next
    }
  }
  func finish(_ pid: Int, _ status: Int, outOfMemory: Bool = false) {
    let waiting = state.withLock { state in
      state.exits[pid] = status
      if outOfMemory { state.oom.insert(pid) }
      return state.waiting.removeValue(forKey: pid)
    }
    waiting?.resume(returning: status)
  }
  /// The parts that have not ended, by their command lines.
  var parts: [[String]] { state.withLock { $0.parts.sorted { $0.key < $1.key }.map(\.value) } }
  var signals: [String] { state.withLock { $0.signals } }
  var sizes: [String] { state.withLock { $0.sizes } }

  func wait(_ pid: Int) async -> Int {
    await withCheckedContinuation { continuation in
      let status = state.withLock { state -> Int? in
        if let status = state.exits[pid] { return status }
        state.waiting[pid] = continuation
        return nil
      }
      if let status { continuation.resume(returning: status) }
    }
  }
  func wasOOMKilled(_ pid: Int) -> Bool { state.withLock { $0.oom.contains(pid) } }
  func members(cgroup path: String) -> [Int] { [] }
  func info(_ pid: Int) -> HostProcessInfo? { nil }
  func spawnPart(_ name: String, arguments: [String]) -> Int {
    let pid = spawn()
    state.withLock { $0.parts[pid] = arguments }
    return pid
  }
  func endPart(_ pid: Int) { state.withLock { $0.parts[pid] = nil } }
  func kill(_ pid: Int, signal: Int, by part: Int) throws(Errno) {
    if state.withLock({ $0.exits[pid] != nil }) { throw .ESRCH }
    state.withLock { $0.signals.append("\(signal)") }
    finish(pid, 128 + signal)
  }
  func resizeTerminal(of pid: Int, rows: Int, columns: Int) {
    state.withLock { $0.sizes.append("\(pid) \(columns)x\(rows)") }
  }
  func statistics(cgroup path: String) -> JSON? { path == "/docker/c1" ? ["cpu": ["usage": 7]] : nil }
}

/// A runtime that does nothing but keep count.
final class ContainerdTestRuntime: RuntimeCLI {
  private struct State {
    var commands: [RuntimeCommand] = []
    var refusals: [String: RuntimeResult] = [:]
    var pids: [String: Int] = [:]
    var endsAtStart: Int?
  }
  private let state = Mutex(State())
  private let processes: ContainerdTestProcesses
  init(processes: ContainerdTestProcesses) { self.processes = processes }

  var commands: [RuntimeCommand] { state.withLock { $0.commands } }
  var lines: [String] { commands.map { $0.argv.joined(separator: " ") } }
  func refuse(_ verb: String, _ stderr: String, status: Int = 1) {
    state.withLock { $0.refusals[verb] = RuntimeResult(status: status, stdout: "", stderr: stderr, pid: nil) }
  }
  /// Every process that is started ends at once.
  func endAtStart(_ status: Int) { state.withLock { $0.endsAtStart = status } }

  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    let (refusal, ending) = state.withLock { state in
      state.commands.append(command)
      return (state.refusals[command.verb], state.endsAtStart)
    }
    if let refusal { return refusal }
    switch command.verb {
    case "create":
      let pid = processes.spawn()
      state.withLock { $0.pids[command.id] = pid }
      return RuntimeResult(status: 0, stdout: "", stderr: "", pid: pid)
    case "exec":
      let pid = processes.spawn()
      if let ending { processes.finish(pid, ending) }
      return RuntimeResult(status: 0, stdout: "", stderr: "", pid: pid)
    case "start":
      if let ending, let pid = state.withLock({ $0.pids[command.id] }) {
        processes.finish(pid, ending)
        // The end is noticed while the runtime still runs.
        for _ in 0..<4 { await Task.yield() }
      }
    case "kill":
      let arguments = command.arguments.filter { $0 != "--all" }
      if let pid = state.withLock({ $0.pids[arguments[0]] }), let signal = Int(arguments[1]), signal == 9 {
        processes.finish(pid, 128 + signal)
      }
    case "ps":
      return RuntimeResult(status: 0, stdout: "[101,102]", stderr: "", pid: nil)
    case "events":
      return RuntimeResult(
        status: 0, stdout: #"{"type":"stats","id":"c1","data":{"pids":{"current":2}}}"#, stderr: "", pid: nil)
    default: break
    }
    return RuntimeResult(status: 0, stdout: "", stderr: "", pid: nil)
  }
}
