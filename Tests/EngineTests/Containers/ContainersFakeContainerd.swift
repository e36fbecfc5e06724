import JSONTree
import OCISpec
import Seams
import Synchronization

/// containerd as dockerd's containers see it: containers, tasks and snapshots, with processes that the test writes.
final class ContainersFakeContainerd: ContainerdAPI {
  /// A process of a container, as its script sees it.
  final class Process: Sendable {
    let spec: JSON
    let stdin: ByteChannel?
    let stdout: ByteChannel?
    let stderr: ByteChannel?
    private let signals = Mutex<(pending: [Int], waiter: CheckedContinuation<Int, Never>?)>(([], nil))

    init(spec: JSON, stdin: ByteChannel?, stdout: ByteChannel?, stderr: ByteChannel?) {
      (self.spec, self.stdin, self.stdout, self.stderr) = (spec, stdin, stdout, stderr)
    }

    var arguments: [String] { spec["args"]?.strings ?? [] }

    func print(_ text: String) { stdout?.push(Array(text.utf8)) }
    func complain(_ text: String) { stderr?.push(Array(text.utf8)) }

    func send(_ signal: Int) {
      let waiter = signals.withLock { state -> CheckedContinuation<Int, Never>? in
        if state.waiter == nil { state.pending.append(signal) }
        defer { state.waiter = nil }
        return state.waiter
      }
      waiter?.resume(returning: signal)
    }

    /// The next signal.
    func nextSignal() async -> Int {
      await withCheckedContinuation { continuation in
        let pending = signals.withLock { state -> Int? in
          if !state.pending.isEmpty { return state.pending.removeFirst() }
          state.waiter = continuation
          return nil
        }
        if let pending { continuation.resume(returning: pending) }
      }
    }
  }

  /// What a process does; its exit status.
  typealias Script = @Sendable (Process) async -> Int

  private struct Task {
    var process: Process
    var pid: Int
    var status = TaskProcess.Status.created
    var exitStatus = 0
    var exitedAt: UInt64 = 0
    var streams: [String]
  }

  private struct State {
    var operations: [String] = []
    var payloads: [JSON] = []
    var containers: [String: Seams.ContainerRecord] = [:]
    /// By container, or container and exec.
    var tasks: [String: Task] = [:]
    var snapshots: [String: (parent: String, kind: SnapshotInfo.Kind, lease: String?)] = [:]
    var leases: Set<String> = []
    var images: [String: ImageRecord] = [:]
    var blobs: [Digest: (bytes: [UInt8], labels: [String: String])] = [:]
    var script: Script = { _ in 0 }
    var failures: [String: EngineError] = [:]
    var metrics: JSON = [:]
    var nextPID = 1000
    var diff: [UInt8] = []
    var streams: [AsyncStream<ContainerdEvent>.Continuation] = []
  }
  private let state = Mutex(State())
  private let world: any World
  private let fifos: any FIFOs

  init(world: any World, fifos: any FIFOs) { (self.world, self.fifos) = (world, fifos) }

  // MARK: For tests

  /// What the processes of containers do from now on.
  func script(_ script: @escaping Script) { state.withLock { $0.script = script } }
  /// The operation fails from now on; nil mends it.
  func fail(_ operation: String, _ error: EngineError?) { state.withLock { $0.failures[operation] = error } }
  /// `Tasks/Start` and the like, in order.
  var operations: [String] { state.withLock { $0.operations } }
  func payload(_ operation: String) -> JSON? {
    state.withLock { state in state.operations.lastIndex(of: operation).map { state.payloads[$0] } }
  }
  func clear() { state.withLock { ($0.operations, $0.payloads) = ([], []) } }
  var snapshots: [String] { state.withLock { $0.snapshots.keys.sorted() } }
  var leases: [String] { state.withLock { $0.leases.sorted() } }
  var containers: [String] { state.withLock { $0.containers.keys.sorted() } }
  func put(_ metrics: JSON) { state.withLock { $0.metrics = metrics } }
  func put(_ image: ImageRecord) { state.withLock { $0.images[image.name] = image } }
  func put(_ bytes: [UInt8]) -> Digest {
    let digest = Digest(sha256: bytes)
    state.withLock { $0.blobs[digest] = (bytes, [:]) }
    return digest
  }
  var images: [String: ImageRecord] { state.withLock { $0.images } }
  func blob(_ digest: Digest) -> [UInt8]? { state.withLock { $0.blobs[digest]?.bytes } }
  /// The layer that Diff/Diff will find.
  func put(diff: [UInt8]) { state.withLock { $0.diff = diff } }
  func add(snapshot: String, parent: String) { state.withLock { $0.snapshots[snapshot] = (parent, .committed, nil) } }
  /// Publishes an event of containerd's.
  func publish(_ topic: String, _ event: JSON) {
    for stream in state.withLock({ $0.streams }) {
      stream.yield(ContainerdEvent(timestamp: world.unixTime, topic: topic, namespace: "moby", event: event))
    }
  }

  // MARK: ContainerdAPI

  func events(namespace: String) async throws -> AsyncStream<ContainerdEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: ContainerdEvent.self)
    state.withLock { $0.streams.append(continuation) }
    return stream
  }

  func call<O: ContainerdOperation>(_ operation: O, namespace: String) async throws -> O.Answer {
    let name = O.name.split(separator: ".").last.map(String.init) ?? O.name
    let json = operation.json
    let failure = state.withLock { state -> EngineError? in
      state.operations.append(name)
      state.payloads.append(json)
      return state.failures[name]
    }
    if let failure { throw failure }
    if let wait = operation as? Tasks.Wait { await ended(wait.containerId + wait.execId) }
    guard let answer = try answer(operation) as? O.Answer else { throw EngineError(.notImplemented, name) }
    return answer
  }

  private func ended(_ key: String) async {
    while state.withLock({ $0.tasks[key].map { $0.status != .stopped } ?? false }) {
      try? await world.sleep(1_000_000)
    }
  }

  private func answer(_ operation: any ContainerdOperation) throws -> any Sendable {
    switch operation {
    case let start as Tasks.Start: return Tasks.Start.Answer(pid: try start_(start.containerId + start.execId, start))
    case let kill as Tasks.Kill:
      let task = try task(kill.containerId + kill.execId)
      guard task.status != .stopped else { throw EngineError(.notFound, "process already finished: not found") }
      if task.status == .created {
        finish(kill.containerId, kill.execId, 128 + kill.signal)
      } else {
        task.process.send(kill.signal)
      }
      return Empty()
    default: return try state.withLock { try Self.answer(operation, &$0, fifos, ContainerdLease.current) }
    }
  }

  private func task(_ key: String) throws -> Task {
    guard let task = state.withLock({ $0.tasks[key] }) else {
      throw EngineError(.notFound, "no running task found: task \(key) not found")
    }
    return task
  }

  private func start_(_ key: String, _ start: Tasks.Start) throws -> Int {
    let task = try task(key)
    let script = state.withLock { state in
      state.tasks[key]?.status = .running
      return state.script
    }
    world.spawn { [self] in
      let status = await script(task.process)
      finish(start.containerId, start.execId, status)
    }
    return task.pid
  }

  private func finish(_ container: String, _ exec: String, _ status: Int) {
    let key = container + exec
    let task = state.withLock { state -> Task? in
      state.tasks[key]?.status = .stopped
      state.tasks[key]?.exitStatus = status
      state.tasks[key]?.exitedAt = world.unixTime
      return state.tasks[key]
    }
    guard let task else { return }
    task.process.stdout?.closeWriting()
    task.process.stderr?.closeWriting()
    publish(
      "/tasks/exit",
      [
        "containerID": .string(container), "id": .string(exec.isEmpty ? container : exec), "pid": JSON(task.pid),
        "exitStatus": JSON(status), "exitedAt": JSON(task.exitedAt),
      ])
  }

  private static func notFound(_ what: String) -> EngineError { EngineError(.notFound, "\(what): not found") }

  private static func answer(
    _ operation: any ContainerdOperation, _ state: inout State, _ fifos: any FIFOs, _ lease: String?
  ) throws -> any Sendable {
    func make(_ key: String, _ spec: JSON, _ streams: [String]) -> Int {
      state.nextPID += 1
      func channel(_ path: String) -> ByteChannel? { path.isEmpty ? nil : fifos.channel(path) }
      state.tasks[key] = Task(
        process: Process(
          spec: spec, stdin: channel(streams[0]), stdout: channel(streams[1]), stderr: channel(streams[2])),
        pid: state.nextPID, streams: streams)
      return state.nextPID
    }
    switch operation {
    case let create as Tasks.Create:
      guard let container = state.containers[create.containerId] else { throw notFound(create.containerId) }
      let pid = make(
        create.containerId, container.spec["process"] ?? [:], [create.stdin, create.stdout, create.stderr])
      return Tasks.Create.Answer(containerId: create.containerId, pid: pid)
    case let exec as Tasks.Exec:
      _ = make(exec.containerId + exec.execId, exec.spec, [exec.stdin, exec.stdout, exec.stderr])
      return Empty()
    case let get as Tasks.Get:
      guard let task = state.tasks[get.containerId + get.execId] else { throw notFound("task") }
      return Tasks.Get.Answer(
        process: TaskProcess(
          containerId: get.containerId, id: get.execId, pid: task.pid, status: task.status,
          exitStatus: task.exitStatus, exitedAt: task.exitedAt))
    case let wait as Tasks.Wait:
      guard let task = state.tasks[wait.containerId + wait.execId] else { throw notFound("task") }
      return Tasks.Wait.Answer(exitStatus: task.exitStatus, exitedAt: task.exitedAt)
    case let delete as Tasks.Delete:
      guard let task = state.tasks.removeValue(forKey: delete.containerId) else { throw notFound("task") }
      return Tasks.Delete.Answer(
        id: delete.containerId, pid: task.pid, exitStatus: task.exitStatus, exitedAt: task.exitedAt)
    case let delete as Tasks.DeleteProcess:
      guard let task = state.tasks.removeValue(forKey: delete.containerId + delete.execId) else {
        throw notFound("process")
      }
      return Tasks.DeleteProcess.Answer(
        id: delete.execId, pid: task.pid, exitStatus: task.exitStatus, exitedAt: task.exitedAt)
    case let pause as Tasks.Pause:
      state.tasks[pause.containerId]?.status = .paused
      return Empty()
    case let resume as Tasks.Resume:
      state.tasks[resume.containerId]?.status = .running
      return Empty()
    case is Tasks.CloseIO, is Tasks.ResizePty, is Tasks.Update: return Empty()
    case let list as Tasks.ListPids:
      guard let task = state.tasks[list.containerId] else { throw notFound("task") }
      return Tasks.ListPids.Answer(processes: [ProcessRecord(pid: task.pid)])
    case let metrics as Tasks.Metrics:
      let id = metrics.filters.first.map { String($0.dropFirst(4)) } ?? ""
      return Tasks.Metrics.Answer(
        metrics: [MetricsRecord(id: id, timestamp: ContainersTestWorld.epoch, data: state.metrics)])
    case let create as Containers.Create:
      guard state.containers[create.container.id] == nil else {
        throw EngineError(.alreadyExists, "container \"\(create.container.id)\": already exists")
      }
      state.containers[create.container.id] = create.container
      return Containers.Create.Answer(container: create.container)
    case let get as Containers.Get:
      guard let container = state.containers[get.id] else { throw notFound("container \"\(get.id)\"") }
      return Containers.Get.Answer(container: container)
    case let delete as Containers.Delete:
      guard state.containers.removeValue(forKey: delete.id) != nil else { throw notFound(delete.id) }
      return Empty()
    default: return try store(operation, &state, lease)
    }
  }

  private static func store(_ operation: any ContainerdOperation, _ state: inout State, _ lease: String?) throws
    -> any Sendable
  {
    func mounts(_ key: String) -> [MountRecord] {
      [MountRecord(type: "overlay", source: "overlay", options: ["upperdir=/snapshots/\(key)"])]
    }
    switch operation {
    case let prepare as Snapshots.Prepare:
      guard state.snapshots[prepare.key] == nil else { throw EngineError(.alreadyExists, prepare.key) }
      state.snapshots[prepare.key] = (prepare.parent, .active, lease)
      return Snapshots.Prepare.Answer(mounts: mounts(prepare.key))
    case let view as Snapshots.View:
      state.snapshots[view.key] = (view.parent, .view, lease)
      return Snapshots.View.Answer(mounts: mounts(view.parent))
    case let commit as Snapshots.Commit:
      guard let active = state.snapshots.removeValue(forKey: commit.key) else { throw notFound(commit.key) }
      state.snapshots[commit.name] = (active.parent, .committed, active.lease)
      return Empty()
    case let get as Snapshots.Mounts:
      guard state.snapshots[get.key] != nil else { throw notFound("snapshot \(get.key)") }
      return Snapshots.Mounts.Answer(mounts: mounts(get.key))
    case let stat as Snapshots.Stat:
      guard let snapshot = state.snapshots[stat.key] else { throw notFound("snapshot \(stat.key)") }
      return Snapshots.Stat.Answer(
        info: SnapshotInfo(name: stat.key, parent: snapshot.parent, kind: snapshot.kind))
    case let remove as Snapshots.Remove:
      state.snapshots[remove.key] = nil
      return Empty()
    case is Snapshots.Usage: return Snapshots.Usage.Answer(size: 4096, inodes: 1)
    case let create as Leases.Create:
      state.leases.insert(create.id)
      return Leases.Create.Answer(id: create.id)
    case let delete as Leases.Delete:
      guard state.leases.remove(delete.id) != nil else { throw notFound("lease \"\(delete.id)\"") }
      // Garbage collection: what only this lease held.
      state.snapshots = state.snapshots.filter {
        $0.value.lease != delete.id || $0.value.kind == .committed && !$0.key.hasSuffix("-init")
      }
      return Empty()
    case let get as Images.Get:
      guard let image = state.images[get.name] else { throw notFound("image \"\(get.name)\"") }
      return Images.Get.Answer(image: image)
    case let create as Images.Create:
      guard state.images[create.image.name] == nil else { throw EngineError(.alreadyExists, create.image.name) }
      state.images[create.image.name] = create.image
      return Images.Create.Answer(image: create.image)
    case let delete as Images.Delete:
      state.images[delete.name] = nil
      return Empty()
    case let read as Content.Read:
      guard let blob = state.blobs[read.digest] else { throw notFound("content \(read.digest)") }
      return Content.Read.Answer(data: Blob(blob.bytes))
    case let info as Content.Info:
      guard let blob = state.blobs[info.digest] else { throw notFound("content \(info.digest)") }
      return Content.Info.Answer(
        info: ContentInfo(digest: info.digest, size: Int64(blob.bytes.count), labels: blob.labels))
    case let write as Content.Write:
      let digest = Digest(sha256: write.data.bytes)
      state.blobs[digest] = (write.data.bytes, write.labels)
      return Content.Write.Answer(offset: Int64(write.data.bytes.count), digest: digest)
    case let diff as Diff.Diff:
      let digest = Digest(sha256: state.diff)
      state.blobs[digest] = (state.diff, ["containerd.io/uncompressed": digest.description])
      return Diff.Diff.Answer(
        diff: Descriptor(mediaType: diff.mediaType, digest: digest, size: Int64(state.diff.count)))
    case let apply as Diff.Apply: return Diff.Apply.Answer(applied: apply.diff)
    default: throw EngineError(.notImplemented, "\(type(of: operation))")
    }
  }
}
