import Engine
import Foundation
import Handoff
import JSONTree
import OCISpec
import RegistryHarness
import Seams
import Synchronization
import Testing

@testable import RealMachine
@testable import Simulation

/// A pull in trace mode and a pull for real are the same handoffs.
@Suite("The spine of a real pull")
struct PullSpineTests {
  /// An index as Docker Hub has alpine's: one image for each platform, and an attestation beside each.
  static func alpine() -> (images: TestImages, target: Descriptor) {
    var images = TestImages()
    var manifests: [Descriptor] = []
    for architecture in [Platform.host.architecture, "riscv64", "s390x"] {
      let image = images.image(
        [TestImages.layer("a", size: 100_000)], platform: Platform(os: "linux", architecture: architecture))
      manifests.append(image)
      let config = images.add(
        Array("{\"architecture\":\"unknown\",\"x\":\"\(architecture)\"}".utf8), MediaType.ociConfig)
      var attestation = images.add(
        Array(
          "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociManifest)\",\"config\":\(TestImages.words(config)),\"layers\":[]}"
            .utf8),
        MediaType.ociManifest, platform: Platform(os: "unknown", architecture: "unknown"))
      attestation.annotations = [
        "vnd.docker.reference.digest": image.digest.description, "vnd.docker.reference.type": "attestation-manifest",
      ]
      manifests.append(attestation)
    }
    let target = images.index(manifests)
    return (images, target)
  }

  /// Token authentication for anonymous users, as Docker Hub has it.
  static func hub(_ request: FaultyRegistry.Request, _ answer: inout FaultyRegistry.Answer, storage: String) {
    if request.uri.hasPrefix("/token") {
      answer = .init(
        headers: [("Content-Type", "application/json")], body: Array(#"{"token":"t","expires_in":300}"#.utf8))
    } else if request.headers.first(name: "Authorization") != "Bearer t" {
      let host = request.headers.first(name: "Host") ?? ""
      answer = .init(
        status: 401,
        headers: [
          (
            "WWW-Authenticate",
            "Bearer realm=\"http://\(host)/token\",service=\"registry.docker.io\",scope=\"repository:library/alpine:pull\""
          )
        ])
    } else if request.isBlob, let digest = request.uri.split(separator: "/").last {
      answer = .init(status: 307, headers: [("Location", "http://\(storage)/v2/cdn/blobs/\(digest)")])
    }
  }

  @Test("is that of the simulated one, the first time and the second")
  func pull() async throws {
    let simulated = try SimMachine(seed: 1, stack: "docker", runtime: "runc")
    let keeper = RecordKeeper()
    simulated.recorder.attach(keeper)
    func simulatedPull() {
      _ = simulated.world.runBlocking { () -> Bool in
        let request = APIRequest(
          "POST", "/images/create", query: [NameValue("fromImage", "alpine"), NameValue("tag", "latest")])
        if case .stream(let stream)? = (try? await simulated.daemon.send(request))?.body { _ = await stream.readAll() }
        return true
      }
    }
    let (images, target) = Self.alpine()
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(images, tags: [:]) { cdn in
        let storage = cdn.host
        try await FaultyRegistry.with(
          images, tags: ["latest": target], twist: { Self.hub($0, &$1, storage: storage) }
        ) { registry in
          for time in ["first", "second"] {
            keeper.forget()
            engine.keeper.forget()
            simulatedPull()
            let pulled = try await engine.pull("\(registry.host)/library/alpine:latest")
            #expect(pulled.error == nil)
            let (real, trace) = (Spine.of(engine.keeper.records), Spine.of(keeper.records))
            // Blobs come side by side: which of their requests is first is the network's to say.
            func isBlob(_ line: String) -> Bool { line.contains("/blobs/") || line.contains("{location}") }
            #expect(real.filter { !isBlob($0) } == trace.filter { !isBlob($0) }, "\(time)")
            #expect(real.filter(isBlob).sorted() == trace.filter(isBlob).sorted(), "\(time)")
            #expect(real.count == (time == "first" ? 11 : 5), "\(time): \(real)")
          }
        }
      }
    }
  }
}
