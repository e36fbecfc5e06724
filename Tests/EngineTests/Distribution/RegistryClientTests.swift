import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

/// The client of the distribution API: signing in, resolving, and what a registry may do wrong.
@Suite struct RegistryClientTests {
  let world = RegistryTestWorld()
  let registry = FakeRegistry()

  func repository(
    _ name: String = "registry.example/app:1", _ credentials: RegistryCredentials? = nil, hosts: RegistryHosts = .init()
  ) throws -> RegistryRepository {
    RegistryClient(world: world, api: registry, hosts: hosts).repository(
      try ImageReference(name), credentials: credentials)
  }

  /// The words with which `body` fails.
  func words(_ body: @escaping @Sendable () async throws -> Void) -> String {
    do {
      try world.run(body)
      return "no error"
    } catch let error as EngineError {
      return error.message
    } catch {
      return "\(error)"
    }
  }

  // MARK: Where

  @Test func loopbackAndInsecureRegistriesSpeakHTTP() {
    let hosts = RegistryHosts(insecure: ["10.1.0.0/16", "plain.example", "other.example:5000", "fd00::/8"])
    for host in ["localhost:5000", "127.0.0.1:5000", "127.8.9.1", "[::1]:5000", "10.1.2.3:80", "plain.example:99"] {
      #expect(hosts.scheme(of: host) == "http", "\(host)")
    }
    #expect(hosts.scheme(of: "[fd12::7]:5000") == "http")
    #expect(hosts.scheme(of: "other.example:5000") == "http")
    for host in ["registry-1.docker.io", "10.2.0.1", "other.example", "other.example:5001", "[fe80::1]:5000"] {
      #expect(hosts.scheme(of: host) == "https", "\(host)")
    }
  }

  @Test func dockerHubIsServedByAnotherHost() throws {
    registry.addImage("library/alpine", "latest", layers: ["a"])
    let repository = try repository("alpine")
    _ = try world.run { try await repository.resolve() }
    #expect(registry.seen.map(\.host) == ["registry-1.docker.io"])
    #expect(registry.lines == ["HEAD /v2/library/alpine/manifests/latest"])
  }

  @Test func aMirrorIsAskedFirstAndNeverSeesCredentials() throws {
    registry.addImage("library/alpine", "latest", layers: ["a"])
    let hosts = RegistryHosts(mirrors: ["docker.io": ["https://mirror.example"]])
    let credentials = RegistryCredentials(username: "u", password: "p")
    registry.require(token: "t")
    registry.fault { $0.host == "mirror.example" ? RegistryResponse(404) : nil }
    let repository = try repository("alpine", credentials, hosts: hosts)
    _ = try world.run { try await repository.resolve() }
    #expect(
      registry.seen.map { "\($0.host) \($0.line)" } == [
        "mirror.example HEAD /v2/library/alpine/manifests/latest",
        "registry-1.docker.io HEAD /v2/library/alpine/manifests/latest", "auth.example POST /token",
        "registry-1.docker.io HEAD /v2/library/alpine/manifests/latest",
      ])
    #expect(registry.seen[0].query == ["ns": "docker.io"])
    #expect(registry.seen[0].authorization == nil)
  }

  // MARK: Signing in

  @Test func challengesAreReadHoweverTheyAreWritten() {
    let challenges = AuthChallenge.parse([
      #"Basic realm="a, \"b\"", Bearer realm="https://auth/token",service=reg , scope="repository:x:pull,push""#,
      "Negotiate", ",, =garbage",
    ])
    #expect(
      challenges == [
        AuthChallenge(scheme: "basic", parameters: ["realm": "a, \"b\""]),
        AuthChallenge(
          scheme: "bearer",
          parameters: ["realm": "https://auth/token", "service": "reg", "scope": "repository:x:pull,push"]),
        AuthChallenge(scheme: "negotiate", parameters: [:]), AuthChallenge(scheme: "garbage", parameters: [:]),
      ])
  }

  @Test func anonymousTokensAreFetchedOnceForAllRequests() throws {
    let manifest = registry.addImage("app", "1", layers: ["a"])
    registry.require(token: "secret")
    let repository = try repository()
    _ = try world.run {
      _ = try await repository.resolve()
      return try await repository.document(manifest)
    }
    #expect(
      registry.lines == [
        "HEAD /v2/app/manifests/1", "GET /token", "HEAD /v2/app/manifests/1",
        "GET /v2/app/manifests/\(manifest.digest)",
      ])
    #expect(registry.seen[1].query == ["service": "registry.example", "scope": "repository:app:pull"])
    #expect(registry.seen[1].authorization == nil)
    #expect(registry.seen[3].authorization == "Bearer secret")
  }

  @Test func anExpiredTokenIsReplaced() throws {
    registry.addImage("app", "1", layers: ["a"])
    registry.require(token: "secret")
    let (repository, world) = (try repository(), world)
    try world.run {
      _ = try await repository.resolve()
      try await world.sleep(301 * Duration64.second)
      _ = try await repository.resolve()
    }
    #expect(registry.lines.filter { $0 == "GET /token" }.count == 2)
    // The registry never saw the old one.
    #expect(registry.lines.count == 5)
  }

  @Test func aTokenThatIsRefusedBeforeItsTimeIsReplacedOnce() throws {
    registry.addImage("app", "1", layers: ["a"])
    registry.require(token: "old")
    let (repository, registry) = (try repository(), registry)
    try world.run {
      _ = try await repository.resolve()
      registry.require(token: "new")
      _ = try await repository.resolve()
    }
    #expect(registry.lines.filter { $0 == "GET /token" }.count == 2)
  }

  @Test func passwordsGoByPOSTAndByGETWhereThatIsNotKnown() throws {
    registry.addImage("app", "1", layers: ["a"])
    registry.require(token: "secret")
    let credentials = RegistryCredentials(username: "ann", password: "p&w")
    let first = try repository("registry.example/app:1", credentials)
    _ = try world.run { try await first.resolve() }
    #expect(registry.lines[1] == "POST /token")
    #expect(
      String(decoding: registry.seen[1].body, as: UTF8.self)
        == "client_id=containerd-client&grant_type=password&password=p%26w&scope=repository%3Aapp%3Apull"
        + "&service=registry.example&username=ann")

    registry.forget()
    registry.fail("POST /token") { _ in RegistryResponse(404) }
    let second = try repository("registry.example/app:1", credentials)
    _ = try world.run { try await second.resolve() }
    #expect(registry.lines[1...2] == ["POST /token", "GET /token"])
    #expect(registry.seen[2].authorization == "Basic YW5uOnAmdw==")
    #expect(registry.seen[2].query["account"] == "ann")
  }

  @Test func identityTokensGoByPOSTOnly() throws {
    registry.addImage("app", "1", layers: ["a"])
    registry.require(token: "secret")
    let credentials = RegistryCredentials(username: "", password: "", identityToken: "id")
    let repository = try repository("registry.example/app:1", credentials)
    _ = try world.run { try await repository.resolve() }
    #expect(
      String(decoding: registry.seen[1].body, as: UTF8.self).contains("grant_type=refresh_token&refresh_token=id"))
  }

  @Test func credentialsAreNotSentInTheClear() throws {
    registry.fail("HEAD") { _ in
      RegistryResponse(401, headers: [NameValue("WWW-Authenticate", "Bearer realm=\"http://evil.example/token\"")])
    }
    let repository = try repository("registry.example/app:1", .init(username: "u", password: "p"))
    #expect(words { _ = try await repository.resolve() }.contains("refusing to send credentials"))
    #expect(registry.lines.count == 1)
  }

  @Test func basicAuthenticationNeedsCredentials() throws {
    registry.fail("HEAD", times: 2) { request in
      request.header("Authorization") == nil
        ? RegistryResponse(401, headers: [NameValue("WWW-Authenticate", "Basic realm=\"r\"")])
        : RegistryResponse(404)
    }
    let anonymous = try repository()
    #expect(
      words { _ = try await anonymous.resolve() }
        == "Head \"https://registry.example/v2/app/manifests/1\": no basic auth credentials")
    registry.addImage("app", "1", layers: ["a"])
    let known = try repository("registry.example/app:1", .init(username: "u", password: "p"))
    registry.mend()
    registry.fail("HEAD", times: 1) { _ in
      RegistryResponse(401, headers: [NameValue("WWW-Authenticate", "Basic realm=\"r\"")])
    }
    _ = try world.run { try await known.resolve() }
    #expect(registry.seen.last?.authorization == "Basic dTpw")
  }

  @Test func aRegistryThatIsNeverContentIsNotAskedForEver() throws {
    registry.fail("/v2/") { _ in
      RegistryResponse(401, headers: [NameValue("WWW-Authenticate", "Bearer realm=\"https://auth.example/token\"")])
    }
    let repository = try repository()
    #expect(
      words { _ = try await repository.resolve() }
        == "pull access denied for registry.example/app, repository does not exist or may require 'docker login': "
        + "unauthorized: authentication required")
    #expect(registry.lines.count <= 4)
  }

  // MARK: Refusals in Docker's words

  @Test func whatHubSaysOfARepositoryThatIsNotThere() throws {
    registry.fail("HEAD") { request in
      let error = request.header("Authorization") == nil ? "" : ",error=\"insufficient_scope\""
      return RegistryResponse(
        401, headers: [NameValue("WWW-Authenticate", "Bearer realm=\"https://auth.example/token\"\(error)")])
    }
    let repository = try repository("nosuch")
    #expect(
      words { _ = try await repository.resolve() }
        == "pull access denied for nosuch, repository does not exist or may require 'docker login': "
        + "denied: requested access to the resource is denied")
  }

  @Test(arguments: [
    (
      403, #"{"errors":[{"code":"DENIED","message":"not for you"}]}"#,
      "pull access denied for registry.example/app, repository does not exist or may require 'docker login': "
        + "denied: not for you"
    ),
    (
      404, #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
      "manifest for registry.example/app:1 not found: manifest unknown: manifest unknown"
    ),
    (
      404, #"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#,
      "repository registry.example/app not found: name unknown: repository name not known to registry"
    ),
    (
      429,
      #"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit."}]}"#,
      "toomanyrequests: You have reached your unauthenticated pull rate limit."
    ),
    (
      418, "<html>",
      "unexpected status from GET request to https://registry.example/v2/app/manifests/1: 418 I'm a teapot"
    ),
  ])
  func refusals(status: Int, body: String, expected: String) throws {
    // HEAD has no body, so the words come from GET.
    registry.fail("HEAD") { _ in RegistryResponse(405) }
    registry.fail("GET /v2/") { _ in RegistryResponse(status, body: Array(body.utf8)) }
    let repository = try repository()
    #expect(words { _ = try await repository.resolve() } == expected)
    #expect(registry.lines.count == 2)
    #expect(world.slept.isEmpty)
  }

  @Test func aHostThatCannotBeReachedIsNamed() throws {
    struct Down: DistributionAPI {
      func send(_ request: RegistryRequest) async throws -> RegistryResponse {
        throw EngineError(.unavailable, "dial tcp: lookup \(request.host): no such host")
      }
    }
    let repository = RegistryClient(world: world, api: Down()).repository(try ImageReference("alpine"))
    #expect(
      words { _ = try await repository.resolve() }
        == "Head \"https://registry-1.docker.io/v2/library/alpine/manifests/latest\": "
        + "dial tcp: lookup registry-1.docker.io: no such host")
  }

  // MARK: Patience

  @Test func retryAfterIsObeyed() throws {
    registry.addImage("app", "1", layers: ["a"])
    registry.fail("HEAD", times: 2) { _ in RegistryResponse(429, headers: [NameValue("Retry-After", "3")]) }
    let repository = try repository()
    _ = try world.run { try await repository.resolve() }
    #expect(world.slept == [3 * Duration64.second, 3 * Duration64.second])
  }

  @Test func retryAfterMayBeADate() {
    #expect(retryAfter("Thu, 01 Jan 2026 00:00:07 GMT", now: RegistryTestWorld.epoch) == 7)
    #expect(retryAfter("Wed, 31 Dec 2025 00:00:07 GMT", now: RegistryTestWorld.epoch) == 0)
    #expect(retryAfter("Mon, 29 Feb 2027", now: RegistryTestWorld.epoch) == nil)
    #expect(retryAfter("soon", now: RegistryTestWorld.epoch) == nil)
  }

  @Test func aRegistryThatWantsHoursIsNotWaitedFor() throws {
    registry.fail("HEAD") { _ in RegistryResponse(429, headers: [NameValue("Retry-After", "21600")]) }
    let repository = try repository("alpine")
    #expect(
      words { _ = try await repository.resolve() }
        == "toomanyrequests: You have reached your unauthenticated pull rate limit. "
        + "https://www.docker.com/increase-rate-limit")
    #expect(world.slept.isEmpty)
  }

  @Test func serverErrorsAreTriedAgainWithGrowingPauses() throws {
    registry.addImage("app", "1", layers: ["a"])
    registry.fail("HEAD", times: 3) { _ in RegistryResponse(503) }
    let repository = try repository()
    _ = try world.run { try await repository.resolve() }
    #expect(world.slept.map { $0 / Duration64.millisecond } == [250, 500, 1000])

    registry.fail("HEAD") { _ in RegistryResponse(502) }
    #expect(words { _ = try await repository.resolve() } == "received unexpected HTTP status: 502 Bad Gateway")
  }

  @Test func theRateLimitIsSurfaced() throws {
    registry.fail("HEAD") { _ in
      RegistryResponse(
        200,
        headers: [
          NameValue("Content-Type", MediaType.ociManifest), NameValue("Content-Length", "2"),
          NameValue("Docker-Content-Digest", Digest(sha256: [1]).description),
          NameValue("ratelimit-limit", "100;w=21600"), NameValue("ratelimit-remaining", "76;w=21600"),
        ])
    }
    let repository = try repository()
    _ = try world.run { try await repository.resolve() }
    let limit = try #require(repository.rateLimit)
    #expect((limit.limit, limit.remaining, limit.window) == (100, 76, 21600))
  }

  // MARK: Resolving

  @Test func aDigestWinsOverATagAndIsChecked() throws {
    let image = registry.addImage("app", "1", layers: ["a"])
    let repository = try repository("registry.example/app:other@\(image.digest)")
    #expect(try world.run { try await repository.resolve() }.digest == image.digest)
    #expect(registry.lines == ["HEAD /v2/app/manifests/\(image.digest)"])

    let other = Digest(sha256: [9])
    registry.addManifest("app", other.description, MediaType.ociManifest, ["lies": true])
    let liar = try self.repository("registry.example/app@\(other)")
    #expect(words { _ = try await liar.resolve() }.hasPrefix("unexpected digest sha256:"))
  }

  @Test func whatHEADLeavesOutIsTakenFromGET() throws {
    let bytes = Array(#"{"schemaVersion":2}"#.utf8)
    registry.fail("HEAD") { _ in RegistryResponse(200) }
    registry.fail("GET") { _ in
      RegistryResponse(
        200, headers: [NameValue("Content-Type", "application/vnd.oci.image.index.v1+json; charset=utf-8")], body: bytes
      )
    }
    let repository = try repository()
    let descriptor = try world.run { try await repository.resolve() }
    #expect(
      descriptor
        == Descriptor(mediaType: MediaType.ociIndex, digest: Digest(sha256: bytes), size: Int64(bytes.count)))
  }

  @Test func schemaOneIsRefusedByName() throws {
    registry.addManifest("app", "1", "application/vnd.docker.distribution.manifest.v1+prettyjws", ["schemaVersion": 1])
    let repository = try repository()
    #expect(words { _ = try await repository.resolve() }.contains("is no longer supported since containerd v2.1"))
  }

  // MARK: Sign-in and search

  @Test func loginAsksForARefreshToken() throws {
    registry.require(token: "secret")
    registry.fail("GET /token") { _ in
      RegistryResponse(200, body: Array(#"{"token":"secret","refresh_token":"keep"}"#.utf8))
    }
    let client = RegistryClient(world: world, api: registry, clientID: "docker")
    let kept = try world.run {
      try await client.login("https://index.docker.io/v1/", .init(username: "ann", password: "pw"))
    }
    #expect(kept == "keep")
    #expect(registry.lines == ["GET /v2/", "GET /token", "GET /v2/"])
    #expect(registry.seen[0].host == "registry-1.docker.io")
    #expect(
      registry.seen[1].query == [
        "service": "registry.example", "account": "ann", "client_id": "docker", "offline_token": "true",
      ])
  }

  @Test func aWrongPasswordIsRefusedInDockersWords() throws {
    registry.require(token: "secret")
    registry.fail("GET /token") { _ in
      RegistryResponse(401, body: Array(#"{"details":"incorrect username or password"}"#.utf8))
    }
    let client = RegistryClient(world: world, api: registry)
    #expect(
      words { _ = try await client.login("", .init(username: "ann", password: "no")) }
        == "Get \"https://registry-1.docker.io/v2/\": unauthorized: incorrect username or password")
    registry.mend()
    registry.fail("/v2/") { _ in
      RegistryResponse(401, headers: [NameValue("WWW-Authenticate", "Basic realm=\"r\"")])
    }
    #expect(
      words { _ = try await client.login("localhost:5000", .init(username: "ann", password: "no")) }
        == "login attempt to http://localhost:5000/v2/ failed with status: 401 Unauthorized")
  }

  @Test func searchAsksDockersIndexOrTheOneNamed() throws {
    registry.fail("/v1/search") { _ in
      RegistryResponse(
        200,
        body: Array(
          #"{"results":[{"name":"nginx","description":"web","star_count":7,"is_official":true},{"name":"x/nginx"}]}"#
            .utf8))
    }
    let client = RegistryClient(world: world, api: registry)
    let results = try world.run { try await client.search("nginx", limit: 1) }
    #expect(
      results == [RegistrySearchResult(name: "nginx", description: "web", starCount: 7, isOfficial: true)])
    _ = try world.run { try await client.search("localhost:5000/nginx") }
    #expect(registry.seen.map(\.host) == ["index.docker.io", "localhost:5000"])
    #expect(registry.seen[0].query == ["q": "nginx", "n": "1"])
    #expect(registry.seen[1].query["q"] == "nginx")
  }
}
