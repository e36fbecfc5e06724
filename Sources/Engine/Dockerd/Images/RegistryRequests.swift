import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `POST /auth`: `docker login`.
  func authResponse(_ request: APIRequest) async throws -> APIResponse {
    let body = request.body ?? [:]
    let credentials = RegistryCredentials(
      username: body["username"]?.string ?? "", password: body["password"]?.string ?? "",
      identityToken: body["identitytoken"]?.string ?? "")
    let token = try await registryClient.login(body["serveraddress"]?.string ?? "", credentials)
    return APIResponse(200, .json(["Status": "Login Succeeded", "IdentityToken": .string(token)]))
  }

  /// `GET /images/search`.
  func searchResponse(_ request: APIRequest) async throws -> APIResponse {
    var limit = 25
    if let text = request.query("limit"), !text.isEmpty {
      guard let number = Int(text), number >= 0 else {
        throw EngineError(.invalidArgument, "invalid limit specified: \(text)")
      }
      if number != 0 { limit = number }
    }
    guard (1...100).contains(limit) else {
      throw EngineError(.invalidArgument, "limit \(limit) is outside the range of [1, 100]")
    }
    let filters = try APIFilters(request.query("filters"))
    try filters.validate(["is-automated", "is-official", "stars"])
    let isAutomated = filters.contains("is-automated") ? try filters.bool("is-automated", default: false) : nil
    let isOfficial = filters.contains("is-official") ? try filters.bool("is-official", default: false) : nil
    var stars = 0
    for text in filters["stars"] {
      guard let number = Int(text) else {
        throw EngineError(.invalidArgument, "invalid filter 'stars=[\(text)]'")
      }
      stars = max(stars, number)
    }
    let found = try await registryClient.search(
      request.query("term") ?? "", limit: limit, credentials: Self.credentials(request.registryAuth))
    let results = found.filter { result in
      (isAutomated ?? result.isAutomated) == result.isAutomated
        && (isOfficial ?? result.isOfficial) == result.isOfficial && result.starCount >= stars
    }
    return APIResponse(
      200,
      .json(
        .array(
          results.map { result in
            [
              "star_count": .int(Int64(result.starCount)), "is_official": .bool(result.isOfficial),
              "name": .string(result.name), "is_automated": .bool(result.isAutomated),
              "description": .string(result.description),
            ]
          })))
  }

  /// `GET /distribution/{name}/json`: what a registry has under a name, without pulling it.
  func distributionResponse(_ request: APIRequest) async throws -> APIResponse {
    let name = request.parameters["name"] ?? ""
    guard case .named(let reference) = try ImageName(name) else {
      throw EngineError(.invalidArgument, "unknown image reference format: \(name)")
    }
    let repository = registryClient.repository(
      reference.tagged, credentials: Self.credentials(request.registryAuth))
    let descriptor = try await repository.resolve()
    var platforms: [Platform] = []
    switch try ImageDocument(try await repository.document(descriptor), mediaType: descriptor.mediaType) {
    case .index(let index): platforms = index.manifests.compactMap(\.platform)
    case .manifest(let manifest):
      if MediaType.isConfig(manifest.config.mediaType) {
        let config = try JSON(parsing: try await repository.document(manifest.config)).decode(ImageConfig.self)
        platforms = [config.platform]
      }
    }
    return APIResponse(
      200,
      .json([
        "Descriptor": descriptor.json,
        "Platforms": .array(try platforms.map { try JSON(encoding: $0) }),
      ]))
  }

  /// All tags of a repository, for `pull -a` (distribution-spec, "Listing Tags").
  func remoteTags(_ reference: ImageReference, auth: RegistryCredentials?) async throws -> [String] {
    let repository = registryClient.repository(reference, credentials: auth)
    return try await repository.asking { endpoint in
      var tags: [String] = []
      var last: String?
      // Pages of a thousand; a registry that never ends is not believed for ever.
      for _ in 0..<100 {
        let response = try await repository.send(
          "GET", "/v2/{name}/tags/list", at: endpoint,
          query: [NameValue("n", "1000")] + (last.map { [NameValue("last", $0)] } ?? []))
        guard response.status == 200 else { throw await repository.refusal(response, "GET", "tags/list") }
        let page = try? JSON(parsing: try await response.collect(limit: 4 << 20))["tags"]?.strings
        tags += page ?? []
        guard response.header("Link") != nil, let end = page?.last else { break }
        last = end
      }
      return tags
    }
  }
}
