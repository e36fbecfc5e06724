import JSONTree
import Runtime
import Seams
import Synchronization

/// dockerd's volumes (Engine API, "Volume"; the driver `local`).
public final class VolumeService: DockerdService, VolumeLookup {
  private struct State {
    var volumes: [String: VolumeRecord] = [:]
    /// Container ids by volume, in the order of use.
    var users: [String: [String]] = [:]
    /// Volumes whose device is mounted.
    var mounted: Set<String> = []

    /// A container counts once, however often it mounts a volume.
    mutating func add(_ user: String, to volume: String) {
      if !(users[volume]?.contains(user) ?? false) { users[volume, default: []].append(user) }
    }
  }
  private let state = Mutex(State())
  private let daemon: Daemon
  private static let bucket = "volumes"

  public init(daemon: Daemon) { self.daemon = daemon }

  public func register(in router: inout Router) {
    router.on("GET /volumes") { [self] in try listResponse($0) }
    router.on("POST /volumes/create") { [self] in try createResponse($0) }
    router.on("GET /volumes/{name}") { [self] in
      APIResponse(200, .json(try get($0.parameters["name"] ?? "").json(dataRoot)))
    }
    router.on("PUT /volumes/{name}") { _ in
      throw EngineError(.unavailable, "volume update only valid for cluster volumes, but swarm is unavailable")
    }
    router.on("DELETE /volumes/{name}") { [self] in try deleteResponse($0) }
    router.on("POST /volumes/prune") { [self] in try pruneResponse($0) }
  }

  public func start() async throws {
    try? daemon.files.makeDirectory("\(dataRoot)/volumes", mode: 0o701)
    let stored = try daemon.store.load(Self.bucket)
    state.withLock { state in
      for (name, value) in stored { state.volumes[name] = try? value.decode(VolumeRecord.self) }
    }
  }

  public func shutdown() async {}

  private var dataRoot: String { daemon.configuration.dataRoot }

  // MARK: VolumeLookup

  public func use(
    name: String, driver: String, labels: [String: String], options: [String: String], container: String
  ) async throws -> VolumeUse {
    let volume = try create(
      name: name, driver: driver, labels: labels.isEmpty ? nil : labels, options: options.isEmpty ? nil : options,
      user: container)
    do { try mount(volume) } catch {
      await release(name: volume.name, container: container)
      throw error
    }
    let mountpoint = volume.mountpoint(dataRoot)
    return VolumeUse(
      name: volume.name, mountpoint: mountpoint, driver: volume.driver,
      isNew: ((try? daemon.files.list(mountpoint)) ?? []).isEmpty, isAnonymous: volume.isAnonymous)
  }

  public func release(name: String, container: String) async {
    let unmounts = state.withLock { state in
      guard let index = state.users[name]?.firstIndex(of: container) else { return false }
      state.users[name]?.remove(at: index)
      guard state.users[name]?.isEmpty ?? true else { return false }
      state.users[name] = nil
      return state.mounted.remove(name) != nil
    }
    if unmounts, let volume = state.withLock({ $0.volumes[name] }) {
      try? daemon.files.unmount(volume.mountpoint(dataRoot))
    }
  }

  public func removeAnonymous(name: String) async {
    guard let volume = state.withLock({ $0.volumes[name] }), volume.isAnonymous else { return }
    try? remove(name)
  }

  // MARK: Making and removing

  private func get(_ name: String) throws -> VolumeRecord {
    guard let volume = state.withLock({ $0.volumes[name] }) else {
      throw EngineError(.notFound, "get \(name): no such volume")
    }
    return volume
  }

  /// The volume of that name, made when missing; without a name, an anonymous one.
  private func create(
    name: String, driver: String, labels: [String: String]?, options: [String: String]?, user: String? = nil
  ) throws -> VolumeRecord {
    var labels = labels
    let isAnonymous = name.isEmpty
    let name = isAnonymous ? daemon.world.hexID() : name
    if isAnonymous { labels = (labels ?? [:]).merging([VolumeRecord.anonymousLabel: ""]) { $1 } }
    let known = state.withLock { state -> VolumeRecord? in
      guard let known = state.volumes[name] else { return nil }
      if let user, driver.isEmpty || driver == known.driver { state.add(user, to: name) }
      return known
    }
    if !driver.isEmpty, driver != "local" {
      throw EngineError(
        .notFound, "create \(name): error looking up volume plugin \(driver): plugin \"\(driver)\" not found")
    }
    if let known { return known }

    let volume = VolumeRecord(
      name: name, driver: "local", created: daemon.world.unixTime, labels: labels, options: options)
    do {
      try VolumeRecord.check(name: name)
      try VolumeRecord.check(options: options ?? [:])
    } catch let error as EngineError {
      throw EngineError(error.code, "create \(name): \(error.message)")
    }
    let mountpoint = volume.mountpoint(dataRoot)
    do throws(Errno) { try daemon.files.makeDirectory(mountpoint, mode: 0o755) } catch {
      throw EngineError(
        .unknown, "create \(name): error while creating volume data path '\(mountpoint)': mkdir \(mountpoint): \(error)"
      )
    }
    try daemon.store.put(Self.bucket, name, volume)
    state.withLock { state in
      state.volumes[name] = volume
      if let user { state.add(user, to: name) }
    }
    daemon.events.publish(type: "volume", action: "create", id: name, attributes: ["driver": volume.driver])
    return volume
  }

  /// Mounts a volume's device, once for all its users.
  private func mount(_ volume: VolumeRecord) throws {
    guard volume.needsMount, !state.withLock({ $0.mounted.contains(volume.name) }) else { return }
    let path = volume.mountpoint(dataRoot)
    let device = volume.options?["device"] ?? ""
    let options = volume.options?["o"] ?? ""
    do throws(Errno) {
      try daemon.files.mount(
        source: device, target: path, type: volume.options?["type"] ?? "",
        options: options.split(separator: ",").map(String.init))
    } catch {
      let shown = options.split(separator: ",").map { $0.hasPrefix("password=") ? "password=********" : String($0) }
      let data = shown.isEmpty ? "" : ", data: " + shown.joined(separator: ",")
      throw EngineError(
        .unknown,
        "error while mounting volume '\(path)': failed to mount local volume: mount \(device):\(path)\(data): \(error)")
    }
    state.withLock { _ = $0.mounted.insert(volume.name) }
  }

  private func remove(_ name: String) throws {
    let volume = try get(name)
    let users = state.withLock { $0.users[name] ?? [] }
    guard users.isEmpty else {
      throw EngineError(.conflict, "remove \(name): volume is in use - [\(users.joined(separator: ", "))]")
    }
    let root = volume.root(dataRoot)
    do throws(Errno) { try daemon.files.removeAll(root) } catch {
      throw EngineError(.unknown, "remove \(name): error removing volume path '\(root)': unlinkat \(root): \(error)")
    }
    try daemon.store.remove(Self.bucket, name)
    state.withLock { $0.volumes[name] = nil }
    daemon.events.publish(type: "volume", action: "destroy", id: name, attributes: ["driver": volume.driver])
  }

  // MARK: Requests

  private func listResponse(_ request: APIRequest) throws -> APIResponse {
    let filters = try APIFilters(request.query("filters"))
    try filters.validate(["dangling", "name", "driver", "label"])
    let volumes = try select(filters)
    return APIResponse(
      200, .json(["Volumes": .array(volumes.map { $0.json(dataRoot) }), "Warnings": .null]))
  }

  private func select(_ filters: APIFilters) throws -> [VolumeRecord] {
    let dangling = filters.contains("dangling") ? try filters.bool("dangling", default: false) : nil
    let (volumes, users) = state.withLock { ($0.volumes, $0.users) }
    return volumes.values.filter { volume in
      filters.matchesPart("name", volume.name) && filters.matchesExactly("driver", volume.driver)
        && filters.matchesLabels(volume.labels ?? [:])
        && (dangling.map { $0 == (users[volume.name] ?? []).isEmpty } ?? true)
    }.sorted { $0.name < $1.name }
  }

  private func createResponse(_ request: APIRequest) throws -> APIResponse {
    let body = request.body ?? [:]
    let volume = try create(
      name: body["Name"]?.string ?? "", driver: body["Driver"]?.string ?? "",
      labels: body["Labels"]?.object == nil ? nil : NetworkService.strings(body["Labels"]),
      options: body["DriverOpts"]?.object == nil ? nil : NetworkService.strings(body["DriverOpts"]))
    return APIResponse(201, .json(volume.json(dataRoot)))
  }

  private func deleteResponse(_ request: APIRequest) throws -> APIResponse {
    do { try remove(request.parameters["name"] ?? "") } catch let error as EngineError {
      // With force a volume that is not there is removed already.
      guard error.code == .notFound, request.flag("force") else { throw error }
    }
    return APIResponse(204)
  }

  private func pruneResponse(_ request: APIRequest) throws -> APIResponse {
    let filters = try APIFilters(request.query("filters"))
    try filters.validate(["label", "label!", "all"])
    let all = try filters.bool("all", default: false)
    var deleted: [String] = []
    var bytes: Int64 = 0
    for volume in try select(filters) where all || volume.isAnonymous {
      guard state.withLock({ ($0.users[volume.name] ?? []).isEmpty }) else { continue }
      let size = daemon.files.usage(volume.mountpoint(dataRoot))
      do { try remove(volume.name) } catch { continue }
      deleted.append(volume.name)
      bytes += size
    }
    daemon.events.publish(type: "volume", action: "prune", id: "", attributes: ["reclaimed": String(bytes)])
    return APIResponse(
      200, .json(["VolumesDeleted": deleted.isEmpty ? .null : JSON(deleted), "SpaceReclaimed": .int(bytes)]))
  }
}

extension VolumeService: DiskUsageSource {
  /// Engine API `Volume` with `UsageData` of each.
  func diskUsage() async throws -> DiskUsage {
    let (volumes, users) = state.withLock { ($0.volumes, $0.users) }
    var usage = DiskUsage()
    for volume in volumes.values.sorted(by: { $0.name < $1.name }) {
      let size = volume.needsMount ? 0 : daemon.files.usage(volume.mountpoint(dataRoot))
      let count = users[volume.name]?.count ?? 0
      usage.items.append(volume.json(dataRoot, usage: (size, count)))
      usage.totalSize += size
      if count > 0 { usage.activeCount += 1 } else { usage.reclaimable += size }
    }
    return usage
  }
}
