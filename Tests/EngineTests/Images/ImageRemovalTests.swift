import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

@Suite struct ImageRemovalTests {
  let web = SampleImage("web")
  let base = SampleImage("base")

  private func dockerd(_ names: [String] = ["docker.io/library/web:latest"]) async throws -> DockerdFixture {
    let docker = try await DockerdFixture()
    web.put(in: docker.containerd, as: names)
    return docker
  }

  private func remove(_ docker: DockerdFixture, _ name: String, force: Bool = false) async throws
    -> (status: Int, json: JSON)
  {
    try await docker.send("DELETE", "/images/{name}", ["name": name], query: force ? [("force", "1")] : [])
  }

  @Test func theLastNameTakesTheImageWithIt() async throws {
    let docker = try await dockerd()
    let (status, json) = try await remove(docker, "web")
    #expect(status == 200)
    #expect(json == [["Untagged": "web:latest"], ["Deleted": .string(web.id)]])
    #expect(docker.containerd.names.isEmpty)
    #expect(docker.containerd.state.withLock { $0.blobs.isEmpty })
  }

  @Test func anotherNameIsOnlyTakenOff() async throws {
    let docker = try await dockerd(["docker.io/library/web:latest", "docker.io/library/web:1"])
    #expect(try await remove(docker, "web:1").json == [["Untagged": "web:1"]])
    #expect(docker.containerd.names == ["docker.io/library/web:latest"])
  }

  @Test func anIdThatHasSeveralNamesMustBeForced() async throws {
    let docker = try await dockerd(["docker.io/library/web:latest", "docker.io/library/other:latest"])
    let short = truncatedID(web.id)
    let refused = try await remove(docker, short)
    #expect(refused.status == 409)
    #expect(
      refused.json["message"]?.string
        == "conflict: unable to delete \(short) (must be forced) - image is referenced in multiple repositories")
    let forced = try await remove(docker, short, force: true)
    #expect(
      forced.json == [
        ["Untagged": "other:latest"], ["Untagged": "web:latest"], ["Deleted": .string(web.id)],
      ])
  }

  @Test func anIdThatHasOneNameTakesItAlong() async throws {
    let docker = try await dockerd(["docker.io/library/web:latest"])
    let (status, json) = try await remove(docker, truncatedID(web.id))
    #expect(status == 200)
    #expect(json == [["Untagged": "web:latest"], ["Deleted": .string(web.id)]])
  }

  @Test func aNameThatAContainerUsesMustBeForced() async throws {
    let docker = try await dockerd()
    docker.containers.add(String(repeating: "c", count: 64), name: "one", state: "exited", imageID: web.target.digest)
    let refused = try await remove(docker, "web")
    #expect(refused.status == 409)
    #expect(
      refused.json["message"]?.string
        == "conflict: unable to delete web:latest (must be forced) - container cccccccccccc is using its referenced "
        + "image \(truncatedID(web.id))")
    #expect(try await remove(docker, "web", force: true).json == [["Untagged": "web:latest"]])
    #expect(docker.containerd.names == [SampleImage.dangling(web)])
  }

  @Test func aRunningContainerCannotBeForced() async throws {
    let docker = try await dockerd()
    docker.containers.add(String(repeating: "c", count: 64), name: "one", imageID: web.target.digest)
    let refused = try await remove(docker, web.id, force: true)
    #expect(refused.status == 409)
    #expect(
      refused.json["message"]?.string
        == "conflict: unable to delete \(truncatedID(web.id)) (cannot be forced) - image is being used by running "
        + "container cccccccccccc")
  }

  @Test func aStoppedContainerMustBeForced() async throws {
    let docker = try await dockerd()
    docker.containers.add(String(repeating: "c", count: 64), name: "one", state: "exited", imageID: web.target.digest)
    let refused = try await remove(docker, web.id)
    #expect(
      refused.json["message"]?.string
        == "conflict: unable to delete \(truncatedID(web.id)) (must be forced) - image is being used by stopped "
        + "container cccccccccccc")
    #expect(try await remove(docker, web.id, force: true).status == 200)
  }

  @Test(arguments: [("nope", 404, "No such image: nope:latest"), (" ", 400, "image name cannot be blank")])
  func whatIsNotHereCannotGo(_ name: String, _ status: Int, _ message: String) async throws {
    let answer = try await remove(try await dockerd(), name)
    #expect(answer.status == status)
    #expect(answer.json["message"]?.string == message)
  }

  @Test func untaggedParentsGoToo_inTheHandoffsOfTheCapture() async throws {
    // rmi.jsonl: an image of the classic builder over two intermediate images over a tagged one.
    let docker = try await DockerdFixture()
    let first = SampleImage("first")
    let second = SampleImage("second")
    base.put(in: docker.containerd, as: ["docker.io/library/base:latest"])
    first.put(
      in: docker.containerd, as: [SampleImage.dangling(first)], labels: [ImageStore.parentLabel: base.id])
    second.put(
      in: docker.containerd, as: [SampleImage.dangling(second)], labels: [ImageStore.parentLabel: first.id])
    web.put(
      in: docker.containerd, as: ["docker.io/library/built:latest"], labels: [ImageStore.parentLabel: second.id])
    let (_, json) = try await remove(docker, "built")
    let list = "Images/List"
    #expect(
      docker.containerd.operations == [
        "Images/Get", list, list, list, list, list, list, "Images/Delete", list, "Images/Delete", list,
        "Images/Delete", list,
      ])
    #expect(
      json == [
        ["Untagged": "built:latest"], ["Deleted": .string(web.id)], ["Deleted": .string(second.id)],
        ["Deleted": .string(first.id)],
      ])
    #expect(docker.containerd.names == ["docker.io/library/base:latest"])
  }

  @Test func aParentOfAnotherImageStaysWithoutAName() async throws {
    let docker = try await dockerd()
    base.put(in: docker.containerd, as: ["docker.io/library/child:latest"], labels: [ImageStore.parentLabel: web.id])
    _ = try await remove(docker, "web")
    #expect(docker.containerd.names == ["docker.io/library/child:latest", SampleImage.dangling(web)])
  }

  @Test func tellsOfWhatItTookOff() async throws {
    let docker = try await dockerd()
    _ = try await remove(docker, "web")
    let events = docker.daemon.events.subscribe { _ in }.past
    #expect(events.map { $0["Action"]?.string } == ["untag", "delete"])
    #expect(events[0]["Actor"]?["Attributes"] == ["name": "web:latest"])
  }

  // MARK: tag

  private func tag(_ docker: DockerdFixture, _ source: String, _ repo: String, _ tag: String) async throws
    -> (status: Int, json: JSON)
  {
    try await docker.send("POST", "/images/{name}/tag", ["name": source], query: [("repo", repo), ("tag", tag)])
  }

  @Test func aTagIsAnotherName() async throws {
    let docker = try await dockerd()
    #expect(try await tag(docker, "web", "registry.example/team/web", "2").status == 201)
    #expect(docker.containerd.names == ["docker.io/library/web:latest", "registry.example/team/web:2"])
  }

  @Test func whatBoreTheNameBeforeBecomesDangling() async throws {
    let docker = try await dockerd()
    base.put(in: docker.containerd, as: ["docker.io/library/base:latest"])
    #expect(try await tag(docker, "base", "web", "").status == 201)
    #expect(
      docker.containerd.names == [
        "docker.io/library/base:latest", "docker.io/library/web:latest", SampleImage.dangling(web),
      ])
    // And back: a name makes it no longer dangling.
    #expect(try await tag(docker, web.id, "again", "1").status == 201)
    #expect(
      docker.containerd.names == [
        "docker.io/library/again:1", "docker.io/library/base:latest", "docker.io/library/web:latest",
      ])
  }

  @Test(arguments: [
    ("web", "Web", "", 400, "invalid reference format: repository name (library/Web) must be lowercase"),
    ("web", "web", "a b", 400, "invalid tag format"), ("nope", "web", "", 404, "No such image: nope:latest"),
    ("web", "sha256", "1", 400, "refusing to create an ambiguous tag using digest algorithm as name"),
  ])
  func badTagsAreRefused(_ source: String, _ repo: String, _ text: String, _ status: Int, _ message: String)
    async throws
  {
    let answer = try await tag(try await dockerd(), source, repo, text)
    #expect(answer.status == status)
    #expect(answer.json["message"]?.string == message)
  }

  // MARK: prune

  private func prune(_ docker: DockerdFixture, _ filters: String = "") async throws -> (status: Int, json: JSON) {
    try await docker.send("POST", "/images/prune", query: [("filters", filters)])
  }

  @Test func pruneTakesDanglingImagesAndSaysHowMuchThatGaveBack() async throws {
    let docker = try await dockerd()
    base.put(in: docker.containerd, as: [SampleImage.dangling(base)])
    let (status, json) = try await prune(docker)
    #expect(status == 200)
    #expect(json["ImagesDeleted"] == [["Untagged": .string(base.id)], ["Deleted": .string(base.id)]])
    #expect(json["SpaceReclaimed"] == .int(Int64(base.layer.count + base.config.count + base.manifest.count)))
    #expect(docker.containerd.names == ["docker.io/library/web:latest"])
  }

  @Test func pruneAllLeavesWhatContainersUse() async throws {
    let docker = try await dockerd()
    base.put(in: docker.containerd, as: ["docker.io/library/base:latest", "docker.io/library/base:1"])
    docker.containers.add("c1", name: "one", state: "exited", image: "base:1", imageID: base.target.digest)
    let (_, json) = try await prune(docker, #"{"dangling":["false"]}"#)
    #expect(
      json["ImagesDeleted"] == [
        ["Untagged": "base:latest"], ["Untagged": "web:latest"], ["Deleted": .string(web.id)],
      ])
    #expect(docker.containerd.names == ["docker.io/library/base:1"])
  }

  @Test func pruneLeavesTheLastNameOfAnImageThatAContainerNamesByItsId() async throws {
    let docker = try await dockerd(["docker.io/library/web:latest", "docker.io/library/web:1"])
    docker.containers.add("c1", name: "one", image: truncatedID(web.id), imageID: web.target.digest)
    _ = try await prune(docker, #"{"dangling":["false"]}"#)
    #expect(docker.containerd.names == ["docker.io/library/web:latest"])
  }

  @Test func pruneKnowsItsFilters() async throws {
    let docker = try await dockerd()
    #expect(try await prune(docker, #"{"reference":["web"]}"#).json["message"] == "invalid filter 'reference'")
    let kept = try await prune(docker, #"{"dangling":["false"],"until":["24h"]}"#)
    #expect(kept.json["ImagesDeleted"] == .null)
    #expect(docker.containerd.names == ["docker.io/library/web:latest"])
  }
}
