import JSONTree
import OCISpec
import Seams
import Synchronization

/// Docker Hub: registry-1.docker.io, its token service, its CDN and its search, and the limit on pulls.
final class DockerHub: RegistryHost {
  static let api = "registry-1.docker.io"
  static let tokens = "auth.docker.io"
  static let index = "index.docker.io"
  static let cdn = "production.cloudflare.docker.com"
  /// The address that the simulated machine has on the internet.
  static let publicAddress = "203.0.113.7"
  /// Seconds: six hours.
  static let window: UInt64 = 21_600
  static let anonymousLimit = 100

  let store: RegistryStore
  private let world: any World
  private let service: DistributionService
  private let tokenService: TokenService
  /// When each source pulled, oldest first; nanoseconds since 1970. The source of anonymous users is their address.
  private let pulls = Mutex<[String: [UInt64]]>([:])
  /// Where the CDN finds what it was announced.
  private let announced: Announced

  /// The CDN has blobs by digest; the registry tells it where they are.
  private final class Announced: Sendable {
    let names = Mutex<[Digest: String]>([:])
  }

  init(world: any World) {
    self.world = world
    let store = RegistryStore([Catalogue.hub])
    self.store = store
    let announced = Announced()
    self.announced = announced
    var options = DistributionService.Options()
    options.allowsDeletes = false
    options.blobLocation = { name, digest in
      announced.names.withLock { $0[digest] = name }
      let hex = digest.encoded
      return "https://\(DockerHub.cdn)/registry-v2/docker/registry/v2/blobs/sha256/\(hex.prefix(2))/\(hex)/data"
    }
    service = DistributionService(store: store, world: world, options: options)
    tokenService = TokenService(
      world: world, accounts: RegistryAccounts.hub, lifetime: 300,
      wrongPassword: .json(401, ["details": "incorrect username or password"]),
      policy: { account, isReadOnly, name, actions in
        let owner = name.prefix { $0 != "/" }
        let isOwner = account.map { $0.name == owner } ?? false
        var granted: Set<String> = []
        if isOwner || (store.contains(name) && !DockerHub.isPrivate(name)) { granted.insert("pull") }
        if isOwner, !isReadOnly { granted.insert("push") }
        return granted.intersection(actions)
      })
  }

  /// `ana/shop` is; everything that is pushed is public.
  static func isPrivate(_ name: String) -> Bool { name == "ana/shop" }

  func answer(_ request: RegistryRequest) async -> RegistryResponse {
    switch request.host {
    case DockerHub.tokens:
      guard request.path == "/token" else { return .notFound }
      return request.method == "POST" ? tokenService.post(request) : tokenService.get(request)
    case DockerHub.index: return request.path == "/v1/search" ? search(request) : .notFound
    case DockerHub.cdn: return download(request)
    default: return await registry(request)
    }
  }

  private func registry(_ request: RegistryRequest) async -> RegistryResponse {
    guard let route = DistributionRoute(request.path) else { return .notFound }
    let refusal = tokenService.refusal(
      request, route, realm: "https://\(DockerHub.tokens)/token", service: "registry.docker.io"
    ) { name, actions, grant in
      if let grant, grant.isReadOnly, actions.contains("push"), grant.access[name]?.contains("pull") == true {
        return .refusal(401, "UNAUTHORIZED", "access token has insufficient scopes")
      }
      let detail = actions.map { action in
        ["Type": "repository", "Class": "", "Name": .string(name), "Action": .string(action)] as JSON
      }
      return .refusal(401, "UNAUTHORIZED", "authentication required", detail: name.isEmpty ? nil : .array(detail))
    }
    if let refusal { return refusal }
    if case .catalog = route { return service.unsupported }
    guard case .manifest(let name, let reference) = route, request.method == "GET" || request.method == "HEAD" else {
      return await service.answer(request, route)
    }
    let account = request.bearerToken.flatMap { tokenService.grant($0) }?.account
    let isFree = account != nil && account?.pullLimit == nil
    if request.method == "GET", !isFree {
      // A pull is one manifest of an image. The index that leads to it and HEAD are free, but not over the limit.
      let left = pullsLeft(account)
      guard left > 0 else { return tooManyRequests(account) }
      if let manifest = store.manifest(name, reference), MediaType.isManifest(manifest.mediaType) { count(account) }
    }
    var response = await service.answer(request, route)
    if response.status < 400, !isFree { response.headers += limitHeaders(account) }
    return response
  }

  // MARK: The limit

  private func source(_ account: RegistryAccounts.Account?) -> String { account?.name ?? DockerHub.publicAddress }
  func limit(_ account: RegistryAccounts.Account?) -> Int { account?.pullLimit ?? DockerHub.anonymousLimit }

  /// How many pulls an account, or the anonymous users of this machine, have left.
  func pullsLeft(_ account: RegistryAccounts.Account?) -> Int {
    let (source, now) = (source(account), world.unixTime)
    let used = pulls.withLock { pulls in
      // Only the last six hours count.
      pulls[source]?.removeAll { $0 + DockerHub.window * Duration64.second <= now }
      return pulls[source]?.count ?? 0
    }
    return max(0, limit(account) - used)
  }

  private func count(_ account: RegistryAccounts.Account?) {
    let (source, now) = (source(account), world.unixTime)
    pulls.withLock { $0[source, default: []].append(now) }
  }

  private func limitHeaders(_ account: RegistryAccounts.Account?) -> [NameValue] {
    [
      NameValue("ratelimit-limit", "\(limit(account));w=\(DockerHub.window)"),
      NameValue("ratelimit-remaining", "\(pullsLeft(account));w=\(DockerHub.window)"),
      NameValue("docker-ratelimit-source", source(account)),
    ]
  }

  private func tooManyRequests(_ account: RegistryAccounts.Account?) -> RegistryResponse {
    let message =
      account.map {
        "You have reached your pull rate limit as '\($0.name)'. You may increase the limit by upgrading. "
          + "https://www.docker.com/increase-rate-limit"
      } ?? "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
    return .refusal(
      429, "TOOMANYREQUESTS", message, headers: limitHeaders(account) + [DistributionService.version])
  }

  // MARK: The CDN

  private func download(_ request: RegistryRequest) -> RegistryResponse {
    let parts = request.path.split(separator: "/")
    guard parts.count >= 2, parts.last == "data", let digest = Digest("sha256:\(parts[parts.count - 2])"),
      let name = announced.names.withLock({ $0[digest] }), let blob = store.blob(name, digest)
    else { return RegistryResponse(403, body: Array("Forbidden\n".utf8)) }
    let response = DistributionService.content(blob, digest, request)
    return request.method == "HEAD" ? response.withoutBody : response
  }

  // MARK: Search

  private struct Listing {
    var name: String
    var stars: Int
    var description: String
  }

  private func search(_ request: RegistryRequest) -> RegistryResponse {
    if request.header("Authorization") != nil {
      guard let (name, password) = request.basicCredentials,
        RegistryAccounts.match(RegistryAccounts.hub, name, password) != nil
      else { return .json(401, ["detail": "incorrect username or password"]) }
    }
    let query = (request.query("q") ?? "").lowercased()
    let size = min(100, max(1, request.query("n").flatMap { Int($0) } ?? 25))
    let known = Dictionary(uniqueKeysWithValues: DockerHub.listings.map { ($0.name, $0) })
    let found = store.names.filter { !DockerHub.isPrivate($0) }.map { name in
      known[name] ?? Listing(name: name, stars: 0, description: "")
    }.filter { listing in
      let shown = listing.name.hasPrefix("library/") ? String(listing.name.dropFirst(8)) : listing.name
      return shown.contains(query) || listing.description.lowercased().contains(query)
    }.sorted { ($1.stars, $0.name) < ($0.stars, $1.name) }
    let results = found.prefix(size).map { listing -> JSON in
      let isOfficial = listing.name.hasPrefix("library/")
      return [
        "name": .string(isOfficial ? String(listing.name.dropFirst(8)) : listing.name),
        "description": .string(listing.description), "star_count": JSON(listing.stars),
        "is_official": .bool(isOfficial), "is_automated": false, "is_trusted": false,
      ]
    }
    return .json(
      200,
      [
        "num_pages": JSON((found.count + size - 1) / size), "num_results": JSON(found.count), "page": 1,
        "page_size": JSON(size), "query": .string(query), "results": .array(results),
      ])
  }

  private static let listings = [
    Listing(name: "library/nginx", stars: 21_128, description: "Official build of Nginx."),
    Listing(
      name: "library/ubuntu", stars: 17_770,
      description: "Ubuntu is a Debian-based Linux operating system based on free software."),
    Listing(
      name: "library/postgres", stars: 14_760,
      description: "The PostgreSQL object-relational database system provides reliability and data integrity."),
    Listing(
      name: "library/node", stars: 14_120,
      description: "Node.js is a JavaScript-based platform for server-side and networking applications."),
    Listing(
      name: "library/redis", stars: 13_640,
      description: "Redis is the world’s fastest data platform for caching, vector search, and NoSQL databases."),
    Listing(
      name: "library/alpine", stars: 11_540,
      description: "A minimal Docker image based on Alpine Linux with a complete package index and only 5 MB in size!"),
    Listing(
      name: "library/python", stars: 10_420,
      description: "Python is an interpreted, interactive, object-oriented, open-source programming language."),
    Listing(
      name: "library/debian", stars: 5_330,
      description: "Debian is a Linux distribution that's composed entirely of free and open-source software."),
    Listing(name: "library/httpd", stars: 4_930, description: "The Apache HTTP Server Project"),
    Listing(
      name: "library/registry", stars: 4_190,
      description: "Distribution implementation for storing and distributing of container images and artifacts"),
    Listing(name: "library/busybox", stars: 3_470, description: "Busybox base image."),
    Listing(
      name: "library/hello-world", stars: 2_560, description: "Hello World! (an example of minimal Dockerization)"),
    Listing(name: "library/buildpack-deps", stars: 0, description: ""),
    Listing(
      name: "traefik/whoami", stars: 102,
      description: "Tiny Go webserver that prints OS information and HTTP request to output."),
    Listing(name: "ana/web", stars: 1, description: "Ana's shop on nginx"),
    Listing(name: "ratelimitpreview/test", stars: 0, description: "Shows how many pulls are left"),
  ]
}
