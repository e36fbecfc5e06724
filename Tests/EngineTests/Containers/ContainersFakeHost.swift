import Archive
import Engine
import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

/// FIFOs by path.
final class ContainersFakeFIFOs: FIFOs {
  private let channels = Mutex<[String: ByteChannel]>([:])
  func make(_ path: String) {
    channels.withLock { if $0[path] == nil { $0[path] = ByteChannel() } }
  }
  func channel(_ path: String) -> ByteChannel? { channels.withLock { $0[path] } }
  func remove(_ path: String) { channels.withLock { _ = $0.removeValue(forKey: path) } }
  var paths: [String] { channels.withLock { $0.keys.sorted() } }
}

/// A host's files: a tree in memory, where mounting a snapshot shows its files at the mount point.
final class ContainersFakeFiles: HostFiles {
  enum Node: Sendable, Hashable {
    case directory
    case file([UInt8], mode: UInt32)
    case symlink(String)
    case device(HostDevice)
  }
  private struct State {
    var nodes: [String: Node] = ["/": .directory]
    var mounts: [String] = []
    /// What overlay mounts show before anything is written.
    var image: [String: Node] = [:]
    /// The writable content of snapshots that are not mounted now, by mount point.
    var layers: [String: [String: Node]] = [:]
  }
  private let state = Mutex(State())

  func put(_ path: String, _ text: String) { put(path, .file(Array(text.utf8), mode: 0o644)) }
  func put(_ path: String, _ node: Node) {
    state.withLock { state in
      Self.makeParents(path, &state.nodes)
      state.nodes[path] = node
    }
  }
  /// What images hold: shown wherever a root file system is mounted.
  func putInImage(_ path: String, _ text: String) {
    state.withLock { $0.image[path] = .file(Array(text.utf8), mode: 0o644) }
  }
  var mounts: [String] { state.withLock { $0.mounts } }
  func text(_ path: String) -> String? { (try? read(path)).map { String(decoding: $0, as: UTF8.self) } }
  /// All paths below a folder.
  func paths(below folder: String) -> [String] {
    state.withLock { $0.nodes.keys.filter { $0.hasPrefix(folder + "/") }.sorted() }
  }

  private static func makeParents(_ path: String, _ nodes: inout [String: Node]) {
    var parent = path
    while let slash = parent.lastIndex(of: "/"), slash != parent.startIndex {
      parent = String(parent[..<slash])
      if nodes[parent] != nil { return }
      nodes[parent] = .directory
    }
  }

  private static func info(_ node: Node) -> HostFileInfo {
    switch node {
    case .directory: HostFileInfo(kind: .directory, mode: 0o755, size: 0)
    case .file(let bytes, let mode): HostFileInfo(kind: .file, mode: mode, size: Int64(bytes.count))
    case .symlink(let target): HostFileInfo(kind: .symlink, mode: 0o777, size: 0, linkTarget: target)
    case .device(let device): HostFileInfo(kind: .other, mode: 0o660, size: 0, device: device)
    }
  }

  func stat(_ path: String) -> HostFileInfo? { lstat(path) }
  func lstat(_ path: String) -> HostFileInfo? {
    state.withLock { $0.nodes[path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path].map(Self.info) }
  }
  func read(_ path: String) throws(Errno) -> [UInt8] {
    guard case .file(let bytes, _) = state.withLock({ $0.nodes[path] }) else { throw .ENOENT }
    return bytes
  }
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno) {
    let isThere = state.withLock { state -> Bool in
      let parent = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
      guard state.nodes[parent.isEmpty ? "/" : parent] == .directory else { return false }
      state.nodes[path] = .file(bytes, mode: mode)
      return true
    }
    if !isThere { throw .ENOENT }
  }
  func append(_ path: String, _ bytes: [UInt8]) throws(Errno) {
    try write(path, (try? read(path)) ?? [] + [], mode: 0o644)
    let old = try read(path)
    try write(path, old + bytes, mode: 0o644)
  }
  func makeDirectory(_ path: String, mode: UInt32) throws(Errno) {
    state.withLock { state in
      Self.makeParents(path, &state.nodes)
      if state.nodes[path] == nil { state.nodes[path] = .directory }
    }
  }
  func list(_ path: String) throws(Errno) -> [String] {
    state.withLock { state in
      let prefix = path == "/" ? "/" : path + "/"
      return state.nodes.keys.filter { $0.hasPrefix(prefix) && !$0.dropFirst(prefix.count).contains("/") && $0 != "/" }
        .map { String($0.dropFirst(prefix.count)) }.sorted()
    }
  }
  func removeAll(_ path: String) throws(Errno) {
    state.withLock { state in
      state.nodes = state.nodes.filter { $0.key != path && !$0.key.hasPrefix(path + "/") }
    }
  }
  func rename(_ path: String, to: String) throws(Errno) {
    state.withLock { state in
      for (key, node) in state.nodes where key == path || key.hasPrefix(path + "/") {
        state.nodes[key] = nil
        state.nodes[to + key.dropFirst(path.count)] = node
      }
    }
  }
  func mount(source: String, target: String, type: String, options: [String]) throws(Errno) {
    state.withLock { state in
      state.mounts.append(target)
      guard type == "overlay" else { return }
      for (path, node) in state.layers[target] ?? state.image {
        Self.makeParents(target + path, &state.nodes)
        state.nodes[target + path] = node
      }
    }
  }
  func unmount(_ path: String) throws(Errno) {
    state.withLock { state in
      guard let index = state.mounts.lastIndex(of: path) else { return }
      state.mounts.remove(at: index)
      var layer: [String: Node] = [:]
      for (key, node) in state.nodes where key.hasPrefix(path + "/") {
        layer[String(key.dropFirst(path.count))] = node
        state.nodes[key] = nil
      }
      state.layers[path] = layer
    }
  }
  func archive(_ path: String, root: String) throws(Errno) -> [UInt8] {
    let base = root + (path == "/" ? "" : path)
    let name = path.split(separator: "/").last.map(String.init) ?? "."
    let nodes = state.withLock { $0.nodes.filter { $0.key == base || $0.key.hasPrefix(base + "/") } }
    guard !nodes.isEmpty else { throw .ENOENT }
    return TarWriter.archive(
      nodes.sorted { $0.key < $1.key }.map { key, node in
        let inside = name + key.dropFirst(base.count)
        switch node {
        case .file(let bytes, let mode): return ArchiveEntry(path: inside, mode: mode, content: bytes)
        case .symlink(let target): return ArchiveEntry(path: inside, kind: .symlink, linkTarget: target)
        default: return ArchiveEntry(path: inside, kind: .directory, mode: 0o755)
        }
      })
  }
  func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno) {
    var reader = TarReader(archive)
    let base = root + (path == "/" ? "" : path)
    while let entry = try? reader.next() {
      let target = base + "/" + entry.path
      switch entry.kind {
      case .directory: try makeDirectory(target, mode: entry.mode)
      case .symlink: put(target, .symlink(entry.linkTarget))
      default: put(target, .file(entry.content, mode: entry.mode))
      }
    }
  }
  func usage(_ path: String) -> Int64 { 0 }
  func symlink(target: String, _ path: String) throws(Errno) { put(path, .symlink(target)) }
}

final class ContainersFakeProcesses: Processes {
  func wait(_ pid: Int) async -> Int { 0 }
  func wasOOMKilled(_ pid: Int) -> Bool { false }
  func members(cgroup path: String) -> [Int] { [] }
  func info(_ pid: Int) -> HostProcessInfo? {
    HostProcessInfo(
      pid: pid, ppid: 1, uid: 0, started: ContainersTestWorld.epoch / 1_000_000_000, cpu: 0, tty: "",
      command: "sleep 300"
    )
  }
  func spawnPart(_ name: String, arguments: [String]) -> Int { 1 }
  func endPart(_ pid: Int) {}
}

/// Images as the test says.
final class ContainersFakeImages: ImageLookup {
  private let images = Mutex<[String: LocalImage]>([:])

  func put(_ name: String, _ image: LocalImage) { images.withLock { $0[name] = image } }
  func image(_ name: String) async throws -> LocalImage {
    guard let image = images.withLock({ $0[name] }) else {
      throw EngineError(.notFound, "No such image: \(name)\(name.contains(":") ? "" : ":latest")")
    }
    return image
  }
  func displayName(_ id: Digest) async -> String { id.description }
}

/// Volumes that are folders of the fake files.
final class ContainersFakeVolumes: VolumeLookup {
  let users = Mutex<[String: Set<String>]>([:])
  let removed = Mutex<[String]>([])
  private let files: ContainersFakeFiles
  private let world: any World

  init(files: ContainersFakeFiles, world: any World) { (self.files, self.world) = (files, world) }

  func use(name: String, driver: String, labels: [String: String], options: [String: String], container: String)
    async throws -> VolumeUse
  {
    let isAnonymous = name.isEmpty
    let name = isAnonymous ? world.hexID() : name
    let isNew = users.withLock { users in
      defer { users[name, default: []].insert(container) }
      return users[name] == nil
    }
    let path = "/var/lib/docker/volumes/\(name)/_data"
    try files.makeDirectory(path, mode: 0o755)
    return VolumeUse(name: name, mountpoint: path, driver: driver, isNew: isNew, isAnonymous: isAnonymous)
  }
  func release(name: String, container: String) async { users.withLock { _ = $0[name]?.remove(container) } }
  func removeAnonymous(name: String) async { removed.withLock { $0.append(name) } }
}

/// Networks that give every container the next address.
final class ContainersFakeNetworks: NetworkLookup {
  let connected = Mutex<[String: NetworkSandbox]>([:])
  private let failure = Mutex<EngineError?>(nil)
  func fail(_ error: EngineError?) { failure.withLock { $0 = error } }

  func check(_ names: [String]) async throws {}
  private func sandboxState(_ sandbox: NetworkSandbox) -> SandboxState {
    SandboxState(
      sandboxID: String(repeating: "5", count: 64),
      networks: JSONObject(
        sandbox.endpoints.map {
          .init($0.network, ["NetworkID": .string("net-\($0.network)"), "IPAddress": "172.17.0.2", "IPPrefixLen": 16])
        }),
      ports: JSONObject((sandbox.portBindings.object?.members ?? []).map { .init($0.key, $0.value) }),
      primaryAddress: "172.17.0.2")
  }
  func connect(_ sandbox: NetworkSandbox) async throws -> SandboxState {
    if let error = failure.withLock({ $0 }) { throw error }
    connected.withLock { $0[sandbox.containerID] = sandbox }
    return sandboxState(sandbox)
  }
  func connect(_ sandbox: NetworkSandbox, network: String, settings: JSON) async throws -> SandboxState {
    sandboxState(sandbox)
  }
  func disconnect(_ containerID: String, network: String, force: Bool) async throws -> SandboxState {
    throw EngineError(.notImplemented, "disconnect")
  }
  func release(_ containerID: String) async { connected.withLock { _ = $0.removeValue(forKey: containerID) } }
  func state(_ containerID: String) async -> SandboxState? {
    connected.withLock { $0[containerID] }.map(sandboxState)
  }
  func networkName(_ nameOrID: String) async throws -> (id: String, name: String) { (nameOrID, nameOrID) }
}

final class ContainersFakeNetworkHost: NetworkHost {
  func createBridge(_ bridge: BridgeRecord) async throws {}
  func deleteBridge(_ name: String) async throws {}
  func attach(_ endpoint: EndpointRecord, pid: Int) async throws {}
  func detach(_ endpoint: EndpointRecord, pid: Int) async throws {}
  func publish(_ binding: PortBinding) async throws -> PortBinding { binding }
  func unpublish(_ binding: PortBinding) async throws {}
  func serveDNS(pid: Int, resolve: @escaping @Sendable (String) -> [String]?) async throws {}
  func stopDNS(pid: Int) async {}
  func setDefaultRoute(_ gateway: String, pid: Int) async throws {}
}

struct ContainersNoRegistry: DistributionAPI {
  func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    throw EngineError(.unavailable, "no such host")
  }
}

struct ContainersNoRuntime: RuntimeCLI {
  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult { RuntimeResult(status: 1) }
}
