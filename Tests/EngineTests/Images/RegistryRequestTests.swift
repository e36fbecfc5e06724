import JSONTree
import OCISpec
import Seams
import Synchronization
import Testing

@testable import Engine

/// A registry's store as far as a push needs one.
private final class PushedTo: Sendable {
  struct State {
    var blobs: [String: [UInt8]] = [:]
    var manifests: [String: [UInt8]] = [:]
    /// Repositories from which blobs may be mounted.
    var mountable: Set<String> = []
  }
  let state = Mutex(State())

  func answer(_ request: RegistryRequest) async -> RegistryResponse {
    let path = request.path
    let last = path.split(separator: "/").last.map(String.init) ?? ""
    var body = request.body
    if let upload = request.upload { body = await upload.readAll() }
    return state.withLock { state in
      switch (request.method, path) {
      case ("HEAD", let path) where path.contains("/blobs/"):
        return RegistryResponse(state.blobs[last] == nil ? 404 : 200)
      case ("HEAD", _):
        guard let manifest = state.manifests[last] else { return RegistryResponse(404) }
        return RegistryResponse(
          200, headers: [NameValue("Docker-Content-Digest", Digest(sha256: manifest).description)])
      case ("POST", _):
        let mount = request.query.first { $0.name == "mount" }?.value ?? ""
        let from = request.query.first { $0.name == "from" }?.value ?? ""
        if state.mountable.contains(from) {
          state.blobs[mount] = []
          return RegistryResponse(201)
        }
        return RegistryResponse(202, headers: [NameValue("Location", path + "upload1")])
      case ("PUT", let path) where path.contains("/manifests/"):
        state.manifests[last] = body
        return RegistryResponse(201)
      case ("PUT", _):
        state.blobs[request.query.first { $0.name == "digest" }?.value ?? ""] = body
        return RegistryResponse(201)
      default: return RegistryResponse(405)
      }
    }
  }
}

@Suite struct RegistryRequestTests {
  let web = SampleImage("web")

  private func push(_ docker: DockerdFixture, _ name: String = "me/web", tag: String = "latest") async throws
    -> (status: Int, json: JSON)
  {
    try await docker.send("POST", "/images/{name}/push", ["name": name], query: [("tag", tag)])
  }

  @Test func aPushSendsWhatTheRegistryDoesNotHave() async throws {
    let docker = try await DockerdFixture()
    let registry = PushedTo()
    docker.registry.answer { await registry.answer($0) }
    web.put(in: docker.containerd, as: ["docker.io/me/web:latest"])
    let (status, json) = try await push(docker)
    #expect(status == 200)
    let id = truncatedID(web.layerDescriptor.digest.description)
    #expect(
      DockerdFixture.lines(json) == [
        "The push refers to repository [docker.io/me/web]", "\(id): Waiting", "\(id): Pushing", "\(id): Pushed",
        "latest: digest: \(web.id) size: \(web.manifest.count)",
      ])
    let stored = registry.state.withLock { ($0.blobs, $0.manifests) }
    #expect(stored.0[web.layerDescriptor.digest.description] == web.layer)
    #expect(stored.0[web.configDescriptor.digest.description] == web.config)
    #expect(stored.1["latest"] == web.manifest)
    // From now on other repositories of this registry can mount it.
    let labels = docker.containerd.state.withLock { $0.blobs[web.layerDescriptor.digest]?.info.labels }
    #expect(labels == ["containerd.io/distribution.source.docker.io": "me/web"])
  }

  @Test func aPushOfWhatIsThereAsksForEachBlobAndTheManifest_asInTheCapture() async throws {
    let docker = try await DockerdFixture()
    let registry = PushedTo()
    docker.registry.answer { await registry.answer($0) }
    web.put(in: docker.containerd, as: ["docker.io/me/web:latest"])
    _ = try await push(docker)
    docker.containerd.clearOperations()
    let before = docker.registry.seen.count
    let (_, json) = try await push(docker)
    let id = truncatedID(web.layerDescriptor.digest.description)
    #expect(DockerdFixture.lines(json)[2] == "\(id): Layer already exists")
    // The blobs are asked for at the same time, here on real threads: in either order.
    let asked = Array(docker.registry.seen[before...])
    #expect(
      Set(asked.dropLast()) == [
        "HEAD /v2/me/web/blobs/\(web.layerDescriptor.digest)", "HEAD /v2/me/web/blobs/\(web.configDescriptor.digest)",
      ])
    #expect(asked.count == 3 && asked.last == "HEAD /v2/me/web/manifests/latest")
    let changes = docker.containerd.operations.filter {
      !$0.hasPrefix("Content/") && !$0.hasSuffix("/Get") && !$0.hasSuffix("/List")
    }
    #expect(changes == ["Leases/Create", "Leases/Delete"])
  }

  @Test func aBlobThatAnotherRepositoryHasIsMounted() async throws {
    let docker = try await DockerdFixture()
    let registry = PushedTo()
    registry.state.withLock { $0.mountable = ["library/web"] }
    docker.registry.answer { await registry.answer($0) }
    web.put(in: docker.containerd, as: ["docker.io/me/web:latest"], sources: "library/web")
    let lines = DockerdFixture.lines(try await push(docker).json)
    #expect(lines.contains("\(truncatedID(web.layerDescriptor.digest.description)): Mounted from library/web"))
  }

  @Test func whatIsNotHereCannotBePushed() async throws {
    let docker = try await DockerdFixture()
    #expect(
      DockerdFixture.lines(try await push(docker, "me/nope").json) == [
        "The push refers to repository [docker.io/me/nope]", "error: tag does not exist: me/nope:latest",
      ])
    let all = try await docker.send("POST", "/images/{name}/push", ["name": "me/nope"])
    #expect(DockerdFixture.lines(all.json)[1] == "error: An image does not exist locally with the tag: me/nope")
  }

  @Test func withoutATagAllTagsArePushed() async throws {
    let docker = try await DockerdFixture()
    let registry = PushedTo()
    docker.registry.answer { await registry.answer($0) }
    web.put(in: docker.containerd, as: ["docker.io/me/web:1", "docker.io/me/web:2", "docker.io/me/webs:3"])
    _ = try await docker.send("POST", "/images/{name}/push", ["name": "me/web"])
    #expect(registry.state.withLock { $0.manifests.keys.sorted() } == ["1", "2"])
  }

  @Test func aRefusalIsToldInTheStream() async throws {
    let docker = try await DockerdFixture()
    docker.registry.answer { _ in
      RegistryResponse(
        403,
        body: Array(
          #"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#.utf8))
    }
    web.put(in: docker.containerd, as: ["docker.io/me/web:latest"])
    let lines = DockerdFixture.lines(try await push(docker).json)
    #expect(lines.last == "error: denied: requested access to the resource is denied")
    #expect(docker.containerd.state.withLock { $0.leases.isEmpty })
  }

  @Test func ofAnIncompleteIndexThePlatformThatIsHereIsPushed() async throws {
    let docker = try await DockerdFixture()
    let registry = PushedTo()
    docker.registry.answer { await registry.answer($0) }
    let many = SampleImage("many", indexed: true, alsoFor: [Platform(architecture: "arm64")])
    many.put(in: docker.containerd, as: ["docker.io/me/web:latest"])
    let (_, json) = try await push(docker)
    #expect(registry.state.withLock { $0.manifests["latest"] } == many.manifest)
    #expect(json.array?.contains { $0["aux"]?["manifestPushedInsteadOfIndex"] == true } ?? false)
    #expect(
      DockerdFixture.lines(json).last
        == "latest: digest: \(many.manifestDescriptor.digest) size: \(many.manifest.count)")
  }

  // MARK: login, search, distribution

  @Test func aLoginIsTriedAtTheRegistry() async throws {
    let docker = try await DockerdFixture()
    docker.registry.answer { request in
      let basic = request.header("Authorization") ?? ""
      // ada:secret
      if basic == "Basic YWRhOnNlY3JldA==" { return RegistryResponse(200) }
      return RegistryResponse(401, headers: [NameValue("WWW-Authenticate", "Basic realm=\"x\"")])
    }
    func login(_ password: String) async throws -> (status: Int, json: JSON) {
      try await docker.send(
        "POST", "/auth",
        body: ["username": "ada", "password": .string(password), "serveraddress": "registry.example"])
    }
    #expect(try await login("secret") == (200, ["Status": "Login Succeeded", "IdentityToken": ""]))
    let refused = try await login("wrong")
    #expect(refused.status == 401)
    #expect(
      refused.json["message"]
        == "login attempt to https://registry.example/v2/ failed with status: 401 Unauthorized")
  }

  @Test func aSearchIsFilteredByTheDaemon() async throws {
    let docker = try await DockerdFixture()
    docker.registry.answer { request in
      guard request.host == "index.docker.io", request.path == "/v1/search" else { return RegistryResponse(404) }
      return RegistryResponse(
        200,
        body: Array(
          (#"{"results":[{"name":"nginx","description":"Official","star_count":20000,"is_official":true},"#
            + #"{"name":"me/nginx","description":"","star_count":3,"is_official":false}]}"#).utf8))
    }
    func search(_ query: [(String, String)]) async throws -> (status: Int, json: JSON) {
      try await docker.send("GET", "/images/search", query: [("term", "nginx")] + query)
    }
    #expect(try await search([]).json.array?.count == 2)
    let popular = try await search([("filters", #"{"stars":["10"]}"#)]).json
    #expect(
      popular == [
        [
          "star_count": 20000, "is_official": true, "name": "nginx", "is_automated": false, "description": "Official",
        ]
      ])
    #expect(try await search([("filters", #"{"is-official":["false"]}"#)]).json[0]?["name"] == "me/nginx")
    #expect(try await search([("limit", "101")]).json["message"] == "limit 101 is outside the range of [1, 100]")
    #expect(try await search([("filters", #"{"stars":["many"]}"#)]).status == 400)
    #expect(try await search([("filters", #"{"size":["1"]}"#)]).json["message"] == "invalid filter 'size'")
  }

  @Test func distributionInspectPullsNothing() async throws {
    let docker = try await DockerdFixture()
    let many = SampleImage("many", indexed: true, alsoFor: [Platform(architecture: "arm64")])
    docker.registry.answer { request in
      guard request.path.hasPrefix("/v2/library/many/manifests/") else { return RegistryResponse(404) }
      return RegistryResponse(
        200,
        headers: [
          NameValue("Content-Type", MediaType.ociIndex), NameValue("Docker-Content-Digest", many.id),
          NameValue("Content-Length", String(many.index?.count ?? 0)),
        ], body: request.method == "HEAD" ? [] : many.index ?? [])
    }
    let (status, json) = try await docker.send("GET", "/distribution/{name}/json", ["name": "many"])
    #expect(status == 200)
    #expect(json["Descriptor"]?["digest"]?.string == many.id)
    #expect(json["Platforms"]?.array?.map { $0["architecture"]?.string } == ["arm64", "amd64"])
    #expect(docker.containerd.operations.isEmpty)
  }
}
