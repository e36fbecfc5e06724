import JSONTree
import OCISpec
import Seams

/// Harbor: a registry with projects, members, robot accounts, quotas, immutable tags and a scanner whose findings can
/// forbid a pull.
///
/// Projects: `library` is public; `shop` is private, its release tags (`1.0`, `2.3.0`) are immutable, and images with
/// critical findings cannot be pulled; `sandbox` is private and may hold 10 MiB.
final class Harbor: RegistryHost {
  static let host = "harbor.example.com"
  private static let service = "harbor-registry"

  struct Project: Sendable {
    var id: Int
    var name: String
    var isPublic = false
    /// Images whose gravest finding is at least this cannot be pulled.
    var prevents: Vulnerability.Severity?
    /// Bytes; nil without a limit.
    var quota: Int64?
    /// Members and what they may do.
    var members: [String: Set<String>] = [:]
  }

  static let projects = [
    Project(id: 1, name: "library", isPublic: true, members: ["admin": ["pull", "push", "delete"]]),
    Project(
      id: 2, name: "shop", prevents: .critical,
      members: [
        "admin": ["pull", "push", "delete"], "ana": ["pull", "push", "delete"], "robot$shop+ci": ["pull", "push"],
        "robot$shop+deploy": ["pull"],
      ]),
    Project(
      id: 3, name: "sandbox", quota: 10 << 20,
      members: ["admin": ["pull", "push", "delete"], "ana": ["pull", "push", "delete"]]),
  ]

  let store: RegistryStore
  private let world: any World
  private let distribution: DistributionService
  private let tokens: TokenService

  init(world: any World) {
    self.world = world
    let shop = { RegistryStore.Seed(catalogue: .shop, repository: $0) }
    let hub = { RegistryStore.Seed(catalogue: .hub, repository: $0) }
    let store = RegistryStore([
      "library/alpine": hub("library/alpine"), "library/nginx": hub("library/nginx"), "shop/web": shop("shop/web"),
      "shop/api": shop("shop/api"),
    ])
    self.store = store
    var options = DistributionService.Options()
    options.manifestUnknown = { name, reference in
      .refusal(
        404, "NOT_FOUND", "artifact \(name)\(reference.contains(":") ? "@" : ":")\(reference) not found")
    }
    options.nameUnknown = { name in .refusal(404, "NOT_FOUND", "repository \(name) not found") }
    options.refusesBlob = { name, size in
      guard let project = Harbor.project(of: name), let quota = project.quota else { return nil }
      let used = store.pushedBytes(below: project.name + "/")
      guard used + size > quota else { return nil }
      return .refusal(
        403, "DENIED",
        "adding \(Harbor.binary(size)) of storage resource, which when updated to current usage of "
          + "\(Harbor.binary(used)) will exceed the configured upper limit of \(Harbor.binary(quota)).")
    }
    options.refusesManifest = { name, reference, digest in
      guard Harbor.isImmutable(name, reference), let there = store.manifest(name, reference), there.digest != digest
      else { return nil }
      return .refusal(
        412, "PRECONDITION", "Failed to process request due to '\(name):\(reference)' configured as immutable.")
    }
    distribution = DistributionService(store: store, world: world, options: options)
    tokens = TokenService(
      world: world, accounts: RegistryAccounts.harbor, lifetime: 1800,
      wrongPassword: .refusal(401, "UNAUTHORIZED", "unauthorized"),
      policy: { account, _, name, actions in
        guard let project = Harbor.project(of: name) else { return [] }
        var granted = account.flatMap { project.members[$0.name] } ?? []
        if project.isPublic { granted.insert("pull") }
        return granted.intersection(actions)
      })
  }

  static func project(of name: String) -> Project? {
    let first = name.prefix { $0 != "/" }
    return projects.first { $0.name == first }
  }

  /// A rule of the project `shop`: tags that are versions.
  static func isImmutable(_ name: String, _ tag: String) -> Bool {
    name.hasPrefix("shop/") && tag.utf8.contains(UInt8(ascii: "."))
      && tag.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
  }

  /// Bytes as Harbor writes them: `28.4 MiB`.
  static func binary(_ bytes: Int64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 1024, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
    let tenths = Int((value * 10).rounded())
    return unit == 0 ? "\(bytes) B" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }

  func answer(_ request: RegistryRequest) async -> RegistryResponse {
    let path = request.path
    if path == "/service/token" { return request.method == "GET" ? tokens.get(request) : .notFound }
    if path.hasPrefix("/api/v2.0/") { return api(request, String(path.dropFirst(10))) }
    guard let route = DistributionRoute(path) else { return .notFound }
    if route.name != nil || route == .base || route == .catalog {
      let refusal = tokens.refusal(
        request, route, realm: "https://\(Harbor.host)/service/token", service: Harbor.service
      ) { name, actions, _ in
        let words =
          name.isEmpty
          ? "unauthorized: unauthorized"
          : "unauthorized to access repository: \(name), action: \(actions.last ?? "pull")"
        return .refusal(401, "UNAUTHORIZED", name.isEmpty ? words : "\(words): \(words)")
      }
      if let refusal { return refusal }
    }
    // Only GET is a pull: a push asks with HEAD what is there.
    if case .manifest(let name, let reference) = route, request.method == "GET",
      let refusal = prevented(name, reference)
    {
      return refusal
    }
    return await distribution.answer(request, route)
  }

  /// The project's rule against pulling what is vulnerable.
  private func prevented(_ name: String, _ reference: String) -> RegistryResponse? {
    guard let project = Harbor.project(of: name), let limit = project.prevents,
      let manifest = store.manifest(name, reference)
    else { return nil }
    let count = HarborScanner.findings(store, name, manifest).count { $0.severity >= limit }
    guard count > 0 else { return nil }
    return .refusal(
      412, "PROJECTPOLICYVIOLATION",
      "current image with \(count) vulnerabilities cannot be pulled due to configured policy in 'Prevent images with "
        + "vulnerability severity of \"\(limit.rawValue)\" or higher from running.' To continue with pull, please contact "
        + "your project administrator to exempt matched vulnerabilities through configuring the CVE allowlist.",
      headers: [DistributionService.version])
  }

  // MARK: Harbor's own API

  /// What may be asked of `/api/v2.0/`, by everybody who may pull from the project.
  private func api(_ request: RegistryRequest, _ path: String) -> RegistryResponse {
    var name: String?
    if request.header("Authorization") != nil {
      guard let (user, password) = request.basicCredentials,
        let match = RegistryAccounts.match(RegistryAccounts.harbor, user, password)
      else { return .refusal(401, "UNAUTHORIZED", "unauthorized") }
      name = match.account.name
    }
    let time = Moment(nanoseconds: world.unixTime).text
    func canRead(_ project: Project) -> Bool { project.isPublic || name.map { project.members[$0] != nil } ?? false }
    let parts = path.split(separator: "/").map(String.init)
    switch parts.count {
    case 1 where parts[0] == "health": return .json(200, ["status": "healthy"])
    case 1 where parts[0] == "systeminfo":
      return .json(
        200,
        [
          "harbor_version": "v2.14.1", "registry_url": .string(Harbor.host), "auth_mode": "db_auth",
          "self_registration": false,
        ])
    case 1 where parts[0] == "projects":
      return .json(
        200,
        .array(
          Harbor.projects.filter(canRead).map { project in
            [
              "project_id": JSON(project.id), "name": .string(project.name),
              "repo_count": JSON(store.names.count { $0.hasPrefix(project.name + "/") }),
              "metadata": [
                "public": project.isPublic ? "true" : "false",
                "prevent_vul": project.prevents == nil ? "false" : "true",
                "severity": .string(project.prevents?.rawValue.lowercased() ?? "low"), "auto_scan": "true",
              ],
            ]
          }))
    case 1 where parts[0] == "quotas":
      return .json(
        200,
        .array(
          Harbor.projects.filter(canRead).map { project in
            [
              "ref": ["name": .string(project.name)], "hard": ["storage": JSON(project.quota ?? -1)],
              "used": ["storage": JSON(store.pushedBytes(below: project.name + "/"))],
            ]
          }))
    case 1 where parts[0] == "search":
      let query = (request.query("q") ?? "").lowercased()
      let readable = Harbor.projects.filter(canRead)
      let repositories = store.names.filter { repository in
        repository.contains(query) && readable.contains { repository.hasPrefix($0.name + "/") }
      }
      return .json(
        200,
        [
          "project": .array(
            readable.filter { $0.name.contains(query) }.map { ["project_id": JSON($0.id), "name": .string($0.name)] }),
          "repository": .array(
            repositories.map {
              [
                "repository_name": .string($0), "project_name": .string(String($0.prefix { $0 != "/" })),
                "artifact_count": JSON(store.tags($0)?.count ?? 0),
              ]
            }),
        ])
    default: break
    }
    guard parts.count >= 3, parts[0] == "projects", parts[2] == "repositories",
      let project = Harbor.projects.first(where: { $0.name == parts[1] })
    else { return .refusal(404, "NOT_FOUND", "path not found") }
    guard canRead(project) else {
      return name == nil ? .refusal(401, "UNAUTHORIZED", "unauthorized") : .refusal(403, "FORBIDDEN", "forbidden")
    }
    if parts.count == 3 {
      return .json(
        200,
        .array(
          store.names.filter { $0.hasPrefix(project.name + "/") }.map {
            ["name": .string($0), "artifact_count": JSON(store.tags($0)?.count ?? 0)]
          }))
    }
    let repository = "\(project.name)/\(parts[3])"
    guard parts.count >= 5, parts[4] == "artifacts", let tags = store.tags(repository) else {
      return .refusal(404, "NOT_FOUND", "repository \(repository) not found")
    }
    if parts.count == 5 {
      return .json(200, .array(tags.compactMap { artifact(repository, $0, time) }))
    }
    guard let manifest = store.manifest(repository, parts[5]) else {
      return .refusal(404, "NOT_FOUND", "artifact \(repository):\(parts[5]) not found")
    }
    switch (request.method, parts.dropFirst(6).joined(separator: "/")) {
    case ("GET", ""): return .json(200, artifact(repository, parts[5], time) ?? nil)
    case ("POST", "scan"): return RegistryResponse(202)
    case ("GET", "additions/vulnerabilities"):
      return .json(200, HarborScanner.report(HarborScanner.findings(store, repository, manifest), at: time))
    default: return .refusal(404, "NOT_FOUND", "path not found")
    }
  }

  private func artifact(_ repository: String, _ reference: String, _ time: String) -> JSON? {
    guard let manifest = store.manifest(repository, reference) else { return nil }
    return [
      "digest": .string(manifest.digest.description), "manifest_media_type": .string(manifest.mediaType),
      "type": "IMAGE",
      "tags": [["name": .string(reference), "immutable": .bool(Harbor.isImmutable(repository, reference))]],
      "scan_overview": HarborScanner.overview(HarborScanner.findings(store, repository, manifest), at: time),
    ]
  }
}
