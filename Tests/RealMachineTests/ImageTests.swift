import Archive
import Engine
import Foundation
import JSONTree
import OCISpec
import RegistryHarness
import Seams
import Testing

@testable import RealMachine

/// What images can do, on a real disk, beside the genuine docker-registry and skopeo.
@Suite(
  "Images for real", .serialized,
  .enabled(if: GenuineRegistry.isHere || isCI, "docker-registry is not installed"))
struct ImageTests {
  /// Runs skopeo; what it prints.
  @discardableResult
  private func skopeo(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/skopeo")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "skopeo \(arguments)")
    return String(decoding: data, as: UTF8.self)
  }

  @Test("push: what is pushed is what was pulled, bit for bit; known layers are not sent, or mounted")
  func push() async throws {
    var images = TestImages()
    let first = images.image([TestImages.layer("a", seed: 1), TestImages.layer("b", seed: 2)])
    let second = images.image([TestImages.layer("a", seed: 1), TestImages.layer("c", seed: 3)], docker: true)
    try await GenuineRegistry.with { registry in
      try await registry.push(first, of: images, as: "team/app:1")
      try await registry.push(second, of: images, as: "team/other:1")
      try await GenuineRegistry.with { target in
        try await MachineFixture.with { engine in
          for (name, image) in [("team/app:1", first), ("team/other:1", second)] {
            try await engine.pull("\(registry.host)/\(name)")
            let tagged = try await engine.ask(
              APIRequest(
                "POST", "/images/{name}/tag", ["name": "\(registry.host)/\(name)"],
                query: [
                  NameValue("repo", "\(target.host)/copy/\(name.dropLast(2).dropFirst(5))"), NameValue("tag", "2"),
                ]))
            #expect(tagged.status == 201)
            let pushed = try await engine.push("\(target.host)/copy/\(name.dropLast(2).dropFirst(5)):2")
            #expect(pushed.error == nil, "\(pushed.text)")
            #expect(pushed.text.contains("digest: \(image.digest)"))
            let raw = try skopeo(
              "inspect", "--raw", "--tls-verify=false",
              "docker://\(target.host)/copy/\(name.dropLast(2).dropFirst(5)):2")
            #expect(Array(raw.utf8) == images.content[image.digest])
          }
          engine.keeper.forget()
          let again = try await engine.push("\(target.host)/copy/app:2")
          #expect(again.text.contains("Layer already exists"))
          #expect(!engine.keeper.calls(to: .registry).contains { $0.hasPrefix("PATCH") })
          // Another repository of the same registry: nothing is uploaded but documents.
          _ = try await engine.ask(
            APIRequest(
              "POST", "/images/{name}/tag", ["name": "\(target.host)/copy/app:2"],
              query: [NameValue("repo", "\(target.host)/third/app"), NameValue("tag", "1")]))
          let mounted = try await engine.push("\(target.host)/third/app:1")
          #expect(mounted.text.contains("Mounted from copy/"), "\(mounted.text)")
        }
      }
    }
  }

  @Test("an index: the wanted platform with its variant, by tag and by digest")
  func platforms() async throws {
    var images = TestImages()
    let wanted: [(String, String?)] = [("amd64", nil), ("arm64", "v8"), ("arm", "v6"), ("arm", "v7")]
    let list = wanted.map { architecture, variant in
      images.image(
        [TestImages.layer(architecture + (variant ?? ""))],
        platform: Platform(os: "linux", architecture: architecture, variant: variant))
    }
    let target = images.index(list, docker: true)
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      let name = "\(registry.host)/app"
      for (text, place) in [("linux/arm/v6", 2), ("linux/arm/v7", 3), ("linux/arm64", 1)] {
        try await MachineFixture.with { engine in
          let answer = try await engine.pull("\(name):1", platform: text)
          #expect(answer.error == nil, "\(answer.text)")
          #expect(engine.blobs.contains(list[place].digest.encoded))
          // The index, one manifest, its config and its layer.
          #expect(engine.blobs.count == 4)
        }
      }
      try await MachineFixture.with { engine in
        #expect(try await engine.pull("\(name)@\(target.digest)").error == nil)
        let missing = try await engine.pull("\(name):1", platform: "linux/s390x")
        #expect(missing.error?.contains("no matching manifest for linux/s390x in the manifest list entries") == true)
      }
    }
  }

  @Test("save and load: through skopeo and back, bit for bit, several images in one archive")
  func saveAndLoad() async throws {
    var images = TestImages()
    let first = images.image([TestImages.layer("a", size: 400_000, seed: 1), TestImages.layer("b", seed: 2)])
    let second = images.image([TestImages.layer("a", size: 400_000, seed: 1)], docker: true)
    let folder = MachineFixture.temporaryFolder("saved")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await GenuineRegistry.with { registry in
      let names = ["\(registry.host)/one:1", "\(registry.host)/two:1"]
      try await registry.push(first, of: images, as: "one:1")
      try await registry.push(second, of: images, as: "two:1")
      var saved: [UInt8] = []
      try await MachineFixture.with { engine in
        for name in names { try await engine.pull(name) }
        saved = try await engine.get("/images/get?names=\(names[0])&names=\(names[1])").bytes
        let one = try await engine.get("/images/\(names[0])/get").bytes
        try Data(one).write(to: URL(fileURLWithPath: folder + "/one.tar"))
      }
      try await MachineFixture.with { engine in
        let answer = try await engine.post("/images/load", upload: saved)
        for name in names { #expect(answer.text.contains("Loaded image: \(name)"), "\(answer.text)") }
        #expect(engine.blobs == images.content.keys.map(\.encoded).sorted())
        #expect(engine.snapshots.count == 2)
        #expect(try await engine.get("/images/\(names[0])/json").json["Id"]?.string == first.digest.description)
      }
      // skopeo reads what was saved, and gives it back as an OCI archive.
      try skopeo("copy", "--quiet", "oci-archive:\(folder)/one.tar", "oci:\(folder)/layout:one")
      try skopeo("copy", "--quiet", "oci:\(folder)/layout:one", "oci-archive:\(folder)/back.tar:back.example/one:9")
      try await MachineFixture.with { engine in
        let back = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/back.tar")))
        let answer = try await engine.post("/images/load", upload: back)
        #expect(answer.text.contains("Loaded image"), "\(answer.text)")
        #expect(engine.blobs.contains(first.digest.encoded))
        // Docker's own format, with uncompressed layers: the same config.
        try skopeo(
          "copy", "--quiet", "--src-tls-verify=false", "docker://\(names[1])",
          "docker-archive:\(folder)/docker.tar:old.example/two:7")
        let docker = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/docker.tar")))
        let loaded = try await engine.post("/images/load", upload: docker)
        #expect(loaded.text.contains("Loaded image: old.example/two:7"), "\(loaded.text)")
        let config = try JSON(parsing: images.content[second.digest] ?? [])["config"]?["digest"]?.string ?? ""
        #expect(engine.blobs.contains(String(config.dropFirst(7))))
      }
      // A damaged one says so, and leaves nothing.
      try await MachineFixture.with { engine in
        var broken = saved
        for index in 100_000..<100_100 { broken[index] ^= 0xff }
        let answer = try await engine.post("/images/load", upload: broken)
        #expect(answer.error?.contains("unexpected commit digest") == true, "\(answer.text)")
        let cut = try await engine.post("/images/load", upload: Array(saved.prefix(200_000)))
        #expect(cut.error != nil, "\(cut.text)")
        let strange = try await engine.post("/images/load", upload: TarWriter.archive([ArchiveEntry(path: "x")]))
        #expect(strange.error?.contains("unrecognized image format") == true)
        #expect(try await engine.get("/images/json").json == [])
        #expect(engine.blobs.isEmpty)
        #expect(engine.snapshots.isEmpty)
      }
    }
  }

  @Test("a registry with a password: refused without it, and login says whether it is right")
  func basic() async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a")])
    let settings = "auth: {htpasswd: {realm: drydock, path: FOLDER/htpasswd}}"
    try await GenuineRegistry.with(
      settings: settings,
      prepare: { folder in
        // me:s3cret
        try "me:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n".write(
          toFile: folder + "/htpasswd", atomically: true, encoding: .utf8)
      }
    ) { registry in
      try await registry.push(target, of: images, as: "app:1", credentials: .init(username: "me", password: "s3cret"))
      let name = "\(registry.host)/app:1"
      try await MachineFixture.with { engine in
        #expect(try await engine.pull(name).error?.contains("no basic auth credentials") == true)
        #expect(try await engine.pull(name, auth: ["username": "me", "password": "wrong"]).error != nil)
        #expect(try await engine.get("/images/json").json == [])
        let right: JSON = ["username": "me", "password": "s3cret"]
        #expect(try await engine.pull(name, auth: right).error == nil)
        for (password, status) in [("s3cret", 200), ("wrong", 401)] {
          let answer = try await engine.post(
            "/auth",
            body: ["username": "me", "password": .string(password), "serveraddress": .string(registry.host)])
          #expect(answer.status == status, "\(answer.text)")
        }
      }
    }
  }

  @Test("names: tag, untag, conflict, force, by Docker's rules and words")
  func names() async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a")], labels: ["stage": "test"])
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      let name = "\(registry.host)/app:1"
      try await MachineFixture.with { engine in
        try await engine.pull(name)
        for tag in ["a", "b"] {
          _ = try await engine.ask(
            APIRequest(
              "POST", "/images/{name}/tag", ["name": name], query: [NameValue("repo", "mine"), NameValue("tag", tag)]))
        }
        #expect(try await engine.get("/images/json").json[0]?["RepoTags"]?.strings?.count == 3)
        let untagged = try await engine.delete("/images/mine:a")
        #expect(untagged.json == [["Untagged": "mine:a"]])
        let conflict = try await engine.delete("/images/\(target.digest.encoded.prefix(12))")
        #expect(conflict.status == 409)
        #expect(conflict.error?.contains("must be forced") == true)
        for (filter, count) in [
          ("label=stage=test", 1), ("label=stage=other", 0), ("reference=mine", 1), ("reference=nobody", 0),
          ("dangling=true", 0),
        ] {
          let parts = filter.split(separator: "=", maxSplits: 1).map(String.init)
          let json: JSON = .object(JSONObject([.init(parts[0], .array([.string(parts[1])]))]))
          let listed = try await engine.ask(
            APIRequest("GET", "/images/json", query: [NameValue("filters", json.text)]))
          #expect(listed.json.array?.count == count, "\(filter): \(listed.text)")
        }
        let history = try await engine.get("/images/\(name)/history").json
        #expect(history[0]?["CreatedBy"]?.string == "layer 0")
        let usage = try await engine.get("/system/df").json
        #expect(usage.text.contains(target.digest.description))
        let forced = try await engine.delete("/images/\(target.digest.encoded.prefix(12))?force=1")
        #expect(forced.status == 200)
        #expect(forced.text.contains("Deleted"))
        #expect(engine.blobs.isEmpty)
        #expect(engine.snapshots.isEmpty)
        #expect(try await engine.delete("/images/mine:b").error?.contains("No such image: mine:b") == true)
      }
    }
  }

  @Test("import makes an image of an archive, pull by digest keeps it when its tag moves")
  func importAndMove() async throws {
    var images = TestImages()
    let old = images.image([TestImages.layer("old", seed: 1)])
    let new = images.image([TestImages.layer("new", seed: 2)])
    try await MachineFixture.with { engine in
      let imported = try await engine.post(
        "/images/create?fromSrc=-&repo=made&tag=1&message=hello", upload: TestImages.layer("file"))
      #expect(imported.error == nil, "\(imported.text)")
      let inspected = try await engine.get("/images/made:1/json").json
      #expect(inspected["Comment"]?.string == "hello")
      #expect(engine.snapshots.count == 1)
      _ = try await engine.delete("/images/made:1")
      #expect(engine.blobs.isEmpty)
      try await GenuineRegistry.with { registry in
        let name = "\(registry.host)/app:latest"
        try await registry.push(old, of: images, as: "app:latest")
        try await engine.pull(name)
        try await registry.push(new, of: images, as: "app:latest")
        let moved = try await engine.pull(name)
        #expect(moved.text.contains("Downloaded newer image"))
        // The old one is dangling now: prune takes it and leaves the new one.
        #expect(try await engine.get("/images/json").json.array?.count == 2)
        let pruned = try await engine.post("/images/prune")
        #expect(pruned.text.contains(old.digest.description))
        #expect(try await engine.get("/images/json").json.array?.count == 1)
        #expect(engine.snapshots.count == 1)
        #expect(engine.blobs.count == 3)
      }
    }
  }

  @Test("plain copies where overlayfs is not to be had")
  func copies() async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a", seed: 1), TestImages.layer("b", seed: 2)])
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      try await MachineFixture.with {
        $0.copiesSnapshots = true
      } _: { engine in
        let name = "\(registry.host)/app:1"
        #expect(try await engine.pull(name).error == nil)
        #expect(try await engine.get("/info").json["Driver"]?.string == "native")
        #expect(engine.snapshots.count == 2)
        #expect(try await engine.get("/images/json").json[0]?["Size"]?.int ?? 0 > 0)
        _ = try await engine.delete("/images/\(name)")
        #expect(engine.snapshots.isEmpty)
      }
    }
  }

  @Test("an archive larger than memory is worth: saved and loaded in pieces, in both formats")
  func large() async throws {
    var images = TestImages()
    let target = images.image([
      TestImages.layer("a", size: 6_000_000, seed: 1), TestImages.layer("b", size: 5_000_000, seed: 2),
    ])
    let folder = MachineFixture.temporaryFolder("large")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      let name = "\(registry.host)/app:1"
      var saved: [UInt8] = []
      try await MachineFixture.with { engine in
        try await engine.pull(name)
        engine.keeper.forget()
        saved = try await engine.get("/images/\(name)/get").bytes
        // Blobs in pieces of a megabyte.
        let reads = engine.keeper.calls(to: .containerd).count { $0.hasSuffix("Content/Read") }
        #expect(reads >= 11, "\(reads)")
      }
      // GNU tar agrees on what it is.
      try Data(saved).write(to: URL(fileURLWithPath: folder + "/saved.tar"))
      let tar = Process()
      tar.executableURL = URL(fileURLWithPath: "/bin/tar")
      tar.arguments = ["-xf", folder + "/saved.tar", "-C", folder]
      try tar.run()
      tar.waitUntilExit()
      #expect(tar.terminationStatus == 0)
      for (digest, bytes) in images.content {
        let file = try Data(contentsOf: URL(fileURLWithPath: folder + "/blobs/sha256/\(digest.encoded)"))
        #expect([UInt8](file) == bytes)
      }
      try skopeo(
        "copy", "--quiet", "oci-archive:\(folder)/saved.tar", "docker-archive:\(folder)/docker.tar:old.example/a:1")
      let docker = [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/docker.tar")))
      try await MachineFixture.with { engine in
        for archive in [saved, docker] {
          let answer = try await engine.post("/images/load", upload: archive)
          #expect(answer.text.contains("Loaded image: "), "\(answer.text)")
          #expect(engine.ingests.isEmpty)
        }
        #expect(Set(images.content.keys.map(\.encoded)).isSubset(of: Set(engine.blobs)))
        // Both have the same layers.
        #expect(engine.snapshots.count == 2)
        for reference in [name, "old.example/a:1"] { _ = try await engine.delete("/images/\(reference)?force=1") }
        #expect(engine.blobs.isEmpty)
        #expect(engine.snapshots.isEmpty)
        // One byte of a layer is another.
        var broken = saved
        broken[9_000_000] ^= 1
        let answer = try await engine.post("/images/load", upload: broken)
        #expect(answer.error?.contains("unexpected commit digest") == true, "\(answer.text)")
        let cut = try await engine.post("/images/load", upload: Array(saved.prefix(9_000_000)))
        #expect(cut.error?.contains("unexpected EOF") == true, "\(cut.text)")
        #expect(engine.blobs.isEmpty)
        #expect(engine.ingests.isEmpty)
      }
    }
  }
}
