import JSONTree
import OCISpec
import Seams

/// A CI server on another machine of the simulated internet, in the same office as the learner's host.
///
/// Its job `deploy` brings a version of the shop's web site to the learner's host, over the Remote API:
/// `curl -X POST 'https://ci.example.com/jobs/deploy?version=1.0'`. Its job `nightly` builds many times on fresh machines,
/// each of which pulls its base image from Docker Hub, from the address that the learner's host has as well.
public struct BuildServer: Sendable {
  public static let name = "ci.example.com"
  /// How it reaches the learner's host: TCP with TLS.
  public static let dockerHost = "tcp://drydock.example.com:2376"
  /// What it deploys, without a tag.
  public static let image = "registry.example.com/shop/web"

  /// Runs one command line of its docker client; its status and what it printed.
  public typealias Runner = @Sendable (_ words: [String]) async -> (status: Int32, output: String)
  private let world: any World
  private let registries: RegistryWorld
  private let run: Runner

  public init(world: any World, registries: RegistryWorld, run: @escaping Runner) {
    (self.world, self.registries, self.run) = (world, registries, run)
  }

  /// Adds the server's machine to the internet of a host.
  public func join(_ internet: SimInternet) {
    internet.add(
      InternetHost(
        names: [Self.name], addresses: ["198.51.100.40"], latency: 9 * Duration64.millisecond,
        services: [80: serve, 443: serve]))
  }

  @Sendable private func serve(_ connection: Duplex) async {
    var pending: [UInt8] = []
    while let request = await HTTPRequest.read(from: connection, pending: &pending) {
      let response = await answer(request)
      await connection.output.write(
        response.encoded(date: httpDate(world.unixTime / Duration64.second), isHead: request.method == "HEAD"))
      if !request.keepsAlive { return }
    }
  }

  private func answer(_ request: HTTPRequest) async -> HTTPResponse {
    let call = APIRequest(request.method, path: request.path)
    switch (request.method, call.template) {
    case ("GET", "/"), ("GET", "/jobs"), ("GET", "/jobs/deploy"), ("GET", "/jobs/nightly"): return text(200, Self.page)
    case ("POST", "/jobs/nightly"): return await nightly()
    case ("POST", "/jobs/deploy"):
      let body = APIRequest.query(of: String(decoding: request.body, as: UTF8.self))
      let version = (call.query + body).first { $0.name == "version" }?.value ?? ""
      guard !version.isEmpty, version.utf8.count <= 128,
        version.utf8.allSatisfy({
          $0 < 128 && (Character(UnicodeScalar($0)).isLetter || ".-_0123456789".utf8.contains($0))
        })
      else { return text(400, "deploy: which version? For example: /jobs/deploy?version=1.0\n") }
      return await deploy(version)
    default: return text(404, "no such job\n\n" + Self.page)
    }
  }

  private func text(_ status: Int, _ body: String) -> HTTPResponse {
    HTTPResponse(status, [("Content-Type", "text/plain; charset=utf-8")], body)
  }

  private static let page = """
    ci.example.com
    deploy    brings \(image):VERSION to \(dockerHost)
              curl -X POST 'https://ci.example.com/jobs/deploy?version=1.0'
    nightly   100 builds, each on a fresh machine
              curl -X POST https://ci.example.com/jobs/nightly

    """

  /// The job: a new image, away with the old container, a new one in its place.
  private func deploy(_ version: String) async -> HTTPResponse {
    let image = "\(Self.image):\(version)"
    var log = "[deploy] on ci.example.com, DOCKER_HOST=\(Self.dockerHost) DOCKER_TLS_VERIFY=1\n"
    let steps = [
      ["docker", "pull", "--quiet", image], ["docker", "rm", "--force", "shop"],
      ["docker", "run", "--detach", "--name", "shop", "--publish", "8080:80", image],
    ]
    for step in steps {
      log += "[deploy] $ \(step.joined(separator: " "))\n"
      let (status, output) = await run(step)
      log += output
      guard status == 0 else { return text(500, log + "[deploy] FAILURE (exit status \(status))\n") }
    }
    return text(200, log + "[deploy] SUCCESS\n")
  }

  // MARK: nightly

  /// The job: a hundred builds, none of which finds its base image in a cache, until Docker Hub says no.
  private func nightly() async -> HTTPResponse {
    let repository = "library/node"
    var log = "[nightly] 100 builds, each on a fresh machine: docker pull node:latest\n"
    func get(_ host: String, _ path: String, query: [NameValue] = [], token: String? = nil) async -> RegistryResponse? {
      try? await registries.send(
        RegistryRequest(
          "GET", host: host, path, query: query,
          headers: token.map { [NameValue("Authorization", "Bearer \($0)")] } ?? []))
    }
    func line(_ build: Int, _ response: RegistryResponse) -> String {
      "[nightly] build \(build): \(response.status), ratelimit-limit: \(response.header("ratelimit-limit") ?? "-"), "
        + "ratelimit-remaining: \(response.header("ratelimit-remaining") ?? "-")\n"
    }
    var manifest = "latest"
    for build in 1...100 {
      let answer = await get(
        DockerHub.tokens, "/token",
        query: [NameValue("service", "registry.docker.io"), NameValue("scope", "repository:\(repository):pull")])
      let token = answer.flatMap { try? JSON(parsing: $0.body) }?["token"]?.string
      var path: String { "/v2/\(repository)/manifests/\(manifest)" }
      guard var response = await get(DockerHub.api, path, token: token) else {
        return text(500, log + "[nightly] FAILURE: Docker Hub does not answer\n")
      }
      // The index is no pull yet; the manifest of one platform is.
      if build == 1, let list = (try? JSON(parsing: response.body))?["manifests"]?.array,
        let digest = list.first(where: { $0["platform"]?["architecture"]?.string == "amd64" })?["digest"]?.string
      {
        manifest = digest
        response = await get(DockerHub.api, path, token: token) ?? response
      }
      guard response.status == 200 else {
        let message = (try? JSON(parsing: response.body))?["errors"]?.array?.first?["message"]?.string ?? ""
        log += "[nightly] build \(build): \(response.status) \(HTTPResponse.reason(response.status)): \(message)\n"
        return text(500, log + "[nightly] FAILURE after \(build - 1) builds\n")
      }
      let remaining = Int(response.header("ratelimit-remaining")?.prefix { $0 != ";" } ?? "")
      if build == 1 || (remaining ?? 1) % 25 == 0 { log += line(build, response) }
    }
    return text(200, log + "[nightly] SUCCESS\n")
  }
}
