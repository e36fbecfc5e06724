import Engine
import Foundation
import Handoff
import JSONTree
import OCISpec
import RegistryHarness
import Seams
import Testing

@testable import RealMachine

@Suite(
  "Pulling for real, from the genuine docker-registry", .serialized,
  .enabled(if: GenuineRegistry.isHere || isCI, "docker-registry is not installed"))
struct PullTests {
  @Test("an image comes whole: content, snapshots, names; the second time is one question", arguments: [false, true])
  func pull(docker: Bool) async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a", seed: 1), TestImages.layer("b", seed: 2)], docker: docker)
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "team/app:1")
      let name = "\(registry.host)/team/app:1"
      try await MachineFixture.with { engine in
        let answer = try await engine.pull(name)
        #expect(answer.status == 200)
        #expect(answer.error == nil)
        #expect(answer.text.contains("Digest: \(target.digest)"))
        #expect(answer.text.contains("Downloaded newer image for \(name)"))
        #expect(engine.blobs == images.content.keys.map(\.encoded).sorted())
        #expect(engine.ingests.isEmpty)
        #expect(engine.snapshots.count == 2)
        let listed = try await engine.get("/images/json").json
        #expect(listed[0]?["RepoTags"]?.strings == [name])
        #expect(listed[0]?["Id"]?.string == target.digest.description)
        let inspected = try await engine.get("/images/\(name)/json").json
        #expect(inspected["RootFS"]?["Layers"]?.array?.count == 2)
        #expect(inspected["Architecture"]?.string == Platform.host.architecture)

        engine.keeper.forget()
        let again = try await engine.pull(name)
        #expect(again.text.contains("Image is up to date for \(name)"))
        #expect(engine.keeper.calls(to: .registry) == ["HEAD /v2/{name}/manifests/{reference}"])
      }
    }
  }

  @Test("what was pulled is there after a start anew, and nothing is fetched again")
  func restart() async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a")])
    let root = MachineFixture.temporaryFolder("restart")
    defer { try? FileManager.default.removeItem(atPath: root) }
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      let name = "\(registry.host)/app:1"
      try await MachineFixture.with(root: root) { engine in try await engine.pull(name) }
      try await MachineFixture.with(root: root) { engine in
        #expect(try await engine.get("/images/\(name)/json").status == 200)
        #expect(engine.blobs.count == 3)
        #expect(engine.snapshots.count == 1)
        try await engine.pull(name)
        #expect(engine.keeper.calls(to: .registry) == ["HEAD /v2/{name}/manifests/{reference}"])
        #expect(try await engine.delete("/images/\(name)").status == 200)
        #expect(engine.blobs.isEmpty)
        #expect(engine.snapshots.isEmpty)
      }
    }
  }

  @Test("a data root has one engine at a time; the second one is told who has it")
  func lock() async throws {
    try await MachineFixture.with { engine in
      let error = await #expect(throws: EngineError.self) { _ = try await MachineFixture.open(engine.root) }
      #expect(error?.message.contains("in use by another drydockd (process \(getpid()))") == true)
    }
  }

  @Test("containers are refused with words that say when they come")
  func containers() async throws {
    try await MachineFixture.with { engine in
      for path in ["/containers/create", "/networks/create"] {
        let answer = try await engine.post(path, body: ["Image": "alpine", "Name": "n"])
        #expect(answer.status == 501)
        #expect(answer.error?.contains("comes with containers in real mode") == true)
      }
      #expect(try await engine.get("/containers/json").json == [])
      #expect(
        try await engine.get("/info").json["Driver"]?.string
          == (engine.machine.overlayObstacle == nil ? "overlayfs" : "native"))
    }
  }
}
