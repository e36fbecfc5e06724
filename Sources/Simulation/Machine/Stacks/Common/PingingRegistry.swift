import JSONTree
import OCISpec
import Seams
import Synchronization

/// The registry as containers/image and the old docker daemon speak to it: before each pull they ask `GET /v2/` how to
/// sign in, and they get the manifest at once by its name, where containerd asks with HEAD what the name points at.
final class PingingRegistry: DistributionAPI {
  private struct State {
    /// References whose registry has said how to sign in, by host and path.
    var asked: Set<String> = []
    /// Manifests that were got by name, until they are wanted by digest.
    var manifests: [String: RegistryResponse] = [:]
  }
  private let next: any DistributionAPI
  private let state = Mutex(State())

  /// `next` is traced.
  init(_ next: any DistributionAPI) { self.next = next }

  func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    guard request.template == "/v2/{name}/manifests/{reference}" else { return try await next.send(request) }
    let key = request.host + request.path
    if request.method == "HEAD" { return try await resolve(request, key) }
    if request.method == "GET", let kept = state.withLock({ $0.manifests.removeValue(forKey: key) }) { return kept }
    return try await next.send(request)
  }

  private func resolve(_ request: RegistryRequest, _ key: String) async throws -> RegistryResponse {
    if state.withLock({ $0.asked.remove(key) }) == nil {
      var ping = RegistryRequest("GET", scheme: request.scheme, host: request.host, "/v2/")
      ping.headers = request.headers.filter { $0.name.lowercased() == "user-agent" }
      let response = try await next.send(ping)
      if response.status == 401, request.header("Authorization") == nil {
        state.withLock { _ = $0.asked.insert(key) }
        return RegistryResponse(401, headers: response.headers)
      }
      // A registry that is not one is refused by what comes next.
    }
    var get = request
    get.method = "GET"
    let response = try await next.send(get)
    guard response.status == 200 else {
      // The same scope may be asked for once more, as after any other refusal.
      return response
    }
    if let digest = response.header("Docker-Content-Digest") {
      let byDigest = "\(request.host)/v2/\(request.parameters["name"] ?? "")/manifests/\(digest)"
      state.withLock { state in
        if state.manifests.count > 64 { state.manifests = [:] }
        state.manifests[byDigest] = response
      }
    }
    return RegistryResponse(200, headers: response.headers)
  }
}
