import JSONTree
import OCISpec
import Seams
import Synchronization

/// dockerd's images, kept in containerd's image and content stores (Engine API, "Image" and "Distribution").
public final class ImageService: DockerdService, ImageLookup, DiskUsageSource {
  let daemon: Daemon
  let store: ImageStore
  let isPruning = Mutex(false)

  public init(daemon: Daemon) {
    self.daemon = daemon
    store = ImageStore(daemon: daemon)
  }

  public func register(in router: inout Router) {
    router.on("GET /images/json") { [self] in try await listResponse($0) }
    router.on("GET /images/{name}/json") { [self] in try await inspectResponse($0) }
    router.on("GET /images/{name}/history") { [self] in try await historyResponse($0) }
    router.on("POST /images/create") { [self] request in
      request.query("fromImage").map { !$0.isEmpty } ?? false
        ? try await pullResponse(request) : try await importResponse(request)
    }
    router.on("POST /images/{name}/push") { [self] in try await pushResponse($0) }
    router.on("GET /images/search") { [self] in try await searchResponse($0) }
    router.on("GET /images/get") { [self] in try await saveResponse($0) }
    router.on("GET /images/{name}/get") { [self] in try await saveResponse($0) }
    router.on("POST /images/load") { [self] in try await loadResponse($0) }
    router.on("GET /distribution/{name}/json") { [self] in try await distributionResponse($0) }
    router.on("POST /auth") { [self] in try await authResponse($0) }
    router.on("POST /images/{name}/tag") { [self] in try await tagResponse($0) }
    router.on("DELETE /images/{name}") { [self] in try await deleteResponse($0) }
    router.on("POST /images/prune") { [self] in try await pruneResponse($0) }
  }

  /// Nothing of images is dockerd's own: containerd keeps them.
  public func start() async throws {}
  public func shutdown() async {}

  // MARK: ImageLookup

  public func image(_ name: String) async throws -> LocalImage { try await store.localImage(name) }

  public func image(_ name: String, platform: Platform?) async throws -> LocalImage {
    try await store.localImage(name, platform: platform)
  }

  public func displayName(_ id: Digest) async -> String {
    let records = (try? await store.names(of: id)) ?? []
    return records.first { !ImageStore.isDangling($0) }.map(ImageStore.familiarName) ?? id.description
  }

  // MARK: Shared by the operations

  /// `platform=linux/arm64`, or as JSON `{"os":…,"architecture":…}`; nil when absent.
  static func platform(_ text: String?) throws -> Platform? {
    guard let text, !text.isEmpty else { return nil }
    if text.hasPrefix("{") {
      guard let platform = try? JSON(parsing: text).decode(Platform.self) else {
        throw EngineError(.invalidArgument, "failed to parse platform: invalid platform")
      }
      return platform
    }
    guard let platform = Platform(text) else {
      throw EngineError(
        .invalidArgument,
        "\"\(text)\": unknown operating system or architecture: invalid argument")
    }
    return platform
  }

  /// Every value of a query parameter that may be repeated.
  static func platforms(_ request: APIRequest, _ parameter: String = "platform") throws -> [Platform] {
    try request.query.filter { $0.name == parameter }.compactMap { try platform($0.value) }
  }

  /// Tells of something that happened to an image which may still be here: its labels go along.
  func logEvent(_ action: String, id: String, name: String) async {
    var attributes = (try? await store.localImage(id))?.config.config?.labels ?? [:]
    attributes["name"] = name
    daemon.events.publish(type: "image", action: action, id: id, attributes: attributes)
  }

  /// Tells of something that happened to a name.
  func logEvent(_ action: String, _ record: ImageRecord, name: String) {
    daemon.events.publish(
      type: "image", action: action, id: record.target.digest.description, attributes: ["name": name])
  }

  /// The containers of an image, newest first.
  func containers(of image: Digest) async -> [ContainerSummary] {
    await daemon.containers.all().filter { $0.imageID == image }
  }
}
