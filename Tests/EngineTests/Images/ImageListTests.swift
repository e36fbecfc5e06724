import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

@Suite struct ImageListTests {
  let web = SampleImage("web")
  let old = SampleImage("old", created: "2024-01-01T00:00:00Z", labels: ["tier": "front", "empty": ""])
  let lost = SampleImage("lost", created: "2023-01-01T00:00:00Z")

  private func dockerd() async throws -> DockerdFixture {
    let docker = try await DockerdFixture()
    web.put(in: docker.containerd, as: ["docker.io/library/web:latest", "docker.io/library/web:1"])
    old.put(in: docker.containerd, as: ["registry.example/team/old:2"])
    lost.put(in: docker.containerd, as: [SampleImage.dangling(lost)])
    return docker
  }

  private func list(_ docker: DockerdFixture, _ filters: String = "", all: Bool = false, more: [(String, String)] = [])
    async throws -> [JSON]
  {
    let query = [("filters", filters)] + (all ? [("all", "1")] : []) + more
    return try await docker.send("GET", "/images/json", query: query).json.array ?? []
  }

  @Test func eachTargetIsOneEntryTheNewestFirst() async throws {
    let docker = try await dockerd()
    docker.containers.add("c1", name: "one", imageID: web.target.digest)
    let images = try await list(docker)
    #expect(images.map { $0["Id"]?.string } == [web.id, old.id, lost.id])
    #expect(images[0]["RepoTags"] == ["web:1", "web:latest"])
    #expect(images[0]["RepoDigests"] == [.string("web@\(web.id)")])
    #expect(images[0]["Containers"] == 1)
    #expect(images[0]["Created"] == 1_748_736_000)
    #expect(images[0]["SharedSize"] == -1)
    #expect(images[0]["Labels"] == [:])
    #expect(images[1]["RepoTags"] == ["registry.example/team/old:2"])
    #expect(images[1]["Labels"] == ["empty": "", "tier": "front"])
    #expect(images[2]["RepoTags"] == [])
    #expect(images[2]["RepoDigests"] == [])
  }

  @Test(arguments: [
    (#"{"dangling":["true"]}"#, ["lost"]), (#"{"dangling":["false"]}"#, ["web", "old"]),
    (#"{"dangling":{"1":true}}"#, ["lost"]), (#"{"label":["tier"]}"#, ["old"]),
    (#"{"label":["tier=front"]}"#, ["old"]), (#"{"label":["tier=back"]}"#, []),
    (#"{"label":["tier","empty="]}"#, ["old"]), (#"{"label!":["tier"]}"#, ["web", "lost"]),
    (#"{"reference":["web"]}"#, ["web"]), (#"{"reference":["web:1"]}"#, ["web"]),
    (#"{"reference":["we?:l*"]}"#, ["web"]), (#"{"reference":["registry.example/*/old"]}"#, ["old"]),
    (#"{"reference":["*old"]}"#, []), (#"{"reference":["docker.io/library/*"]}"#, ["web"]),
    (#"{"before":["web"]}"#, ["old", "lost"]), (#"{"since":["registry.example/team/old:2"]}"#, ["web"]),
    (#"{"until":["1h"]}"#, []), (#"{"until":["2026-01-01T00:00:01Z"]}"#, ["web", "old", "lost"]),
  ])
  func filtersLetThrough(_ filters: String, _ expected: [String]) async throws {
    let names = [web.id: "web", old.id: "old", lost.id: "lost"]
    let images = try await list(try await dockerd(), filters)
    #expect(images.map { names[$0["Id"]?.string ?? ""] } == expected)
  }

  @Test(arguments: [
    (#"{"color":["red"]}"#, 400, "invalid filter 'color'"), ("nonsense", 400, "invalid filter"),
    (#"{"dangling":["maybe"]}"#, 400, "invalid filter 'dangling=[maybe]'"),
    (#"{"before":["nope"]}"#, 404, "No such image: nope:latest"),
  ])
  func badFiltersAreRefused(_ filters: String, _ status: Int, _ message: String) async throws {
    let answer = try await (try await dockerd()).send("GET", "/images/json", query: [("filters", filters)])
    #expect(answer.status == status)
    #expect(answer.json["message"]?.string == message)
  }

  @Test func theSizeCountsWhatIsPackedAndUnpacked() async throws {
    let images = try await list(try await dockerd())
    #expect(images[0]["Size"] == .int(Int64(web.layer.count + web.config.count + web.manifest.count) + 1000))
  }

  @Test func platformsThatAreNotHereAreShownAsMissing() async throws {
    let docker = try await DockerdFixture()
    let many = SampleImage("many", indexed: true, alsoFor: [Platform(architecture: "arm64")])
    many.put(in: docker.containerd, as: ["docker.io/library/many:latest"])
    let manifests = try await list(docker, more: [("manifests", "1")])[0]["Manifests"]
    #expect(manifests?[0]?["Available"] == false)
    #expect(manifests?[0]?["ImageData"]?["Platform"]?["architecture"] == "arm64")
    #expect(manifests?[1]?["Available"] == true)
    #expect(manifests?[1]?["ImageData"]?["Size"]?["Unpacked"] == 1000)
  }

  @Test func parentsOfTheClassicBuilderAreShownOnRequestOnly() async throws {
    let docker = try await DockerdFixture()
    lost.put(in: docker.containerd, as: [SampleImage.dangling(lost)])
    web.put(
      in: docker.containerd, as: ["docker.io/library/web:latest"], labels: [ImageStore.parentLabel: lost.id])
    #expect(try await list(docker).map { $0["Id"]?.string } == [web.id])
    let all = try await list(docker, all: true)
    #expect(all.map { $0["Id"]?.string } == [web.id, lost.id])
    #expect(all[0]["ParentId"]?.string == lost.id)
  }

  @Test func whatImagesShareIsCounted() async throws {
    let docker = try await DockerdFixture()
    let twin = SampleImage("web", labels: ["twin": "yes"])
    web.put(in: docker.containerd, as: ["docker.io/library/web:latest"])
    twin.put(in: docker.containerd, as: ["docker.io/library/twin:latest"])
    let images = try await list(docker, more: [("shared-size", "1")])
    #expect(
      images.map { $0["SharedSize"] } == [.int(Int64(web.layer.count) + 1000), .int(Int64(web.layer.count) + 1000)])
  }

  @Test func pathPatternsAreThoseOfGo() {
    #expect(pathMatch("a*c", "abbc"))
    #expect(!pathMatch("a*", "a/b"))
    #expect(pathMatch("a/*", "a/b"))
    #expect(pathMatch("[a-c]x", "bx"))
    #expect(!pathMatch("[^a-c]x", "bx"))
    #expect(pathMatch("\\*", "*"))
    #expect(!pathMatch("", "a"))
    #expect(!pathMatch("[a", "a"))
  }
}
