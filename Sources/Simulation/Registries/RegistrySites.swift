import Seams

/// The registries as web servers of the simulated internet: what `curl https://registry-1.docker.io/v2/` reaches, on the
/// host and in containers. They are the same registries that containerd pulls from.
struct RegistrySite: Sendable {
  let registries: RegistryWorld
  let world: any World

  /// Answers the requests of one connection.
  @Sendable func serve(_ connection: Duplex) async {
    var pending: [UInt8] = []
    while let request = await HTTPRequest.read(from: connection, pending: &pending) {
      let response = await answer(request)
      await connection.output.write(
        response.encoded(date: httpDate(world.unixTime / Duration64.second), isHead: request.method == "HEAD"))
      if !request.keepsAlive { return }
    }
  }

  private func answer(_ request: HTTPRequest) async -> HTTPResponse {
    let target = request.path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    let call = RegistryRequest(
      request.method, host: request.header("host")?.lowercased() ?? "", String(target.first ?? "/"),
      query: target.count > 1 ? APIRequest.query(of: target[1]) : [],
      headers: request.headers.map { NameValue($0.name, $0.value) }, body: request.body)
    do {
      let response = try await registries.send(call)
      // The length is the body's own; a layer of trace mode claims more than it has.
      let headers = response.headers.filter { $0.name.lowercased() != "content-length" }
      return HTTPResponse(response.status, headers.map { ($0.name, $0.value) }, response.body)
    } catch {
      return HTTPResponse(502, [("Content-Type", "text/plain")], "\(error)\n")
    }
  }
}

extension SimInternet {
  /// Adds the registries' machines. Their distance is `RegistryWorld`'s to model.
  func add(_ registries: RegistryWorld, world: any World) {
    let site = RegistrySite(registries: registries, world: world)
    let hosts: [(names: [String], address: String)] = [
      ([DockerHub.api, "docker.io", DockerHub.index], "44.208.254.194"), ([DockerHub.tokens], "44.193.57.117"),
      ([DockerHub.cdn], "104.16.98.215"), ([RegistryWorld.privateHost], "198.51.100.20"),
      ([RegistryWorld.harborHost], "198.51.100.30"), (["ecr.amazonaws.com"], "75.101.190.14"),
    ]
    for (names, address) in hosts {
      add(InternetHost(names: names, addresses: [address], latency: 100_000, services: [443: site.serve]))
    }
  }
}
