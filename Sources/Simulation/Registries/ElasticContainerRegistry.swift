import Encodings
import JSONTree
import OCISpec
import Seams
import Synchronization

/// Amazon's Elastic Container Registry: basic authentication as `AWS` with a password that lasts twelve hours, and
/// repositories that must be there before the push.
final class ElasticContainerRegistry: RegistryHost {
  /// Seconds.
  static let passwordLifetime: UInt64 = 12 * 3600
  /// What the lessons call their account and region.
  static let host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

  let store: RegistryStore
  private let world: any World
  private let host: String
  private let service: DistributionService
  /// The passwords that were given out, with their end in nanoseconds since 1970.
  private let passwords: Mutex<[String: UInt64]>

  /// `ACCOUNT.dkr.ecr.REGION.amazonaws.com`; nil when `host` is nothing like that.
  static func parts(_ host: String) -> (account: String, region: String)? {
    let labels = host.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard labels.count == 6, labels[1] == "dkr", labels[2] == "ecr", labels[4] == "amazonaws", labels[5] == "com",
      labels[0].utf8.count == 12, labels[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), !labels[3].isEmpty
    else { return nil }
    return (labels[0], labels[3])
  }

  init(world: any World, host: String) {
    (self.world, self.host) = (world, host)
    let (account, region) = ElasticContainerRegistry.parts(host) ?? ("", "")
    let seed = { RegistryStore.Seed(catalogue: .shop, repository: $0) }
    // An account of one's own begins empty; the lessons' has the shop's images and an empty repository to push to.
    let isKnown = host == ElasticContainerRegistry.host
    let store = RegistryStore(isKnown ? ["shop/web": seed("shop/web"), "shop/api": seed("shop/api")] : [:])
    if isKnown { store.create("web") }
    self.store = store
    passwords = Mutex([
      "drydock": world.unixTime - world.now + ElasticContainerRegistry.passwordLifetime * Duration64.second
    ])
    var options = DistributionService.Options()
    options.createsRepositories = false
    options.allowsDeletes = false
    options.blobLocation = { name, digest in
      "https://prod-\(region)-starport-layer-bucket.s3.\(region).amazonaws.com/\(account)/\(name)/\(digest)"
    }
    options.manifestUnknown = { _, _ in .refusal(404, "MANIFEST_UNKNOWN", "Requested image not found") }
    options.nameUnknown = { name in
      .refusal(
        404, "NAME_UNKNOWN",
        "The repository with name '\(name)' does not exist in the registry with id '\(account)'")
    }
    // shop/api has immutable tags.
    options.refusesManifest = { name, reference, digest in
      guard name == "shop/api", let there = store.manifest(name, reference), there.digest != digest else { return nil }
      return .refusal(
        400, "TAG_INVALID",
        "The image tag '\(reference)' already exists in the '\(name)' repository and cannot be overwritten because the "
          + "tag is immutable.")
    }
    service = DistributionService(store: store, world: world, options: options)
  }

  /// What `aws ecr get-login-password` prints: a new password, good for twelve hours.
  func issuePassword() -> String {
    let expires = world.unixTime + ElasticContainerRegistry.passwordLifetime * Duration64.second
    let password = Base64.encode("{\"version\":\"2\",\"type\":\"DATA_KEY\",\"key\":\"\(world.hexID(32))\"}".utf8)
    passwords.withLock { $0[password] = expires }
    return password
  }

  func answer(_ request: RegistryRequest) async -> RegistryResponse {
    if request.host.hasPrefix("api.ecr.") { return api(request) }
    if request.host.contains("starport-layer-bucket") { return download(request) }
    guard let route = DistributionRoute(request.path) else { return .notFound }
    guard let (name, password) = request.basicCredentials else { return unauthorized(request) }
    guard name == "AWS", let expires = passwords.withLock({ $0[password] }) else {
      return refused(request, "Your authorization token is invalid.")
    }
    guard expires > world.unixTime else {
      return refused(request, "Your authorization token has expired. Reauthenticate and try again.")
    }
    if case .catalog = route { return service.unsupported }
    return await service.answer(request, route)
  }

  private func unauthorized(_ request: RegistryRequest) -> RegistryResponse {
    RegistryResponse(
      401,
      headers: [
        NameValue("Content-Type", "text/plain; charset=utf-8"),
        NameValue("WWW-Authenticate", "Basic realm=\"https://\(host)/\",service=\"ecr.amazonaws.com\""),
        DistributionService.version,
      ], body: request.method == "HEAD" ? [] : Array("Not Authorized\n".utf8))
  }

  private func refused(_ request: RegistryRequest, _ message: String) -> RegistryResponse {
    let response = RegistryResponse.refusal(403, "DENIED", message, headers: [DistributionService.version])
    return request.method == "HEAD" ? response.withoutBody : response
  }

  /// The layers' bytes are in S3.
  private func download(_ request: RegistryRequest) -> RegistryResponse {
    let parts = request.path.split(separator: "/").map(String.init)
    guard parts.count >= 3, let digest = Digest(parts[parts.count - 1]),
      let blob = store.blob(parts[1..<(parts.count - 1)].joined(separator: "/"), digest)
    else { return RegistryResponse(403, headers: [NameValue("Content-Type", "application/xml")]) }
    let response = DistributionService.content(blob, digest, request)
    return request.method == "HEAD" ? response.withoutBody : response
  }

  /// `GetAuthorizationToken` of ECR's own API.
  private func api(_ request: RegistryRequest) -> RegistryResponse {
    guard request.header("Authorization")?.hasPrefix("AWS4-HMAC-SHA256 ") == true else {
      return .json(400, ["__type": "MissingAuthenticationTokenException", "message": "Missing Authentication Token"])
    }
    guard request.header("X-Amz-Target")?.hasSuffix(".GetAuthorizationToken") == true else {
      return .json(400, ["__type": "UnknownOperationException"])
    }
    let password = issuePassword()
    return .json(
      200,
      [
        "authorizationData": [
          [
            "authorizationToken": .string(Base64.encode("AWS:\(password)".utf8)),
            "expiresAt": JSON(world.unixTime / Duration64.second + ElasticContainerRegistry.passwordLifetime),
            "proxyEndpoint": .string("https://\(host)"),
          ]
        ]
      ])
  }
}
