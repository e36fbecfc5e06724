import Archive
import Engine
import Foundation
import JSONTree
import OCISpec
import RegistryHarness
import Seams
import Synchronization
import Testing

@testable import RealMachine

/// Registries that do wrong, and what of it a user sees. After each, nothing is left of the image, and an honest
/// registry can be pulled from at once.
@Suite("Pulling from registries that do wrong")
struct FaultTests {
  /// One image of one layer and one of another.
  private static func image(_ size: Int = 40_000) -> (images: TestImages, target: Descriptor, layer: Digest) {
    var images = TestImages()
    let before = Set(images.content.keys)
    let target = images.image([TestImages.layer("a", size: size)])
    let manifest = try? JSON(parsing: images.content[target.digest] ?? [])
    let layer = manifest?["layers"]?[0]?["digest"]?.string.flatMap(Digest.init) ?? target.digest
    precondition(before.isEmpty)
    return (images, target, layer)
  }

  /// Pulls `app:1` with `twist`; then the refusal, what the registry was asked, and that nothing is left.
  private func refused(
    _ twist: @escaping @Sendable (FaultyRegistry.Request, inout FaultyRegistry.Answer) -> Void,
    _ check: (String, [FaultyRegistry.Request]) throws -> Void
  ) async throws {
    let (images, target, _) = Self.image()
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(images, tags: ["1": target], twist: twist) { registry in
        let answer = try await engine.pull("\(registry.host)/app:1")
        let error = try #require(answer.error, "\(answer.text)")
        try check(error, registry.requests)
      }
      #expect(try await engine.get("/images/json").json == [])
      #expect(engine.snapshots.isEmpty)
      #expect(engine.blobs.isEmpty)
      try await FaultyRegistry.with(images, tags: ["1": target]) { registry in
        let answer = try await engine.pull("\(registry.host)/app:1")
        #expect(answer.error == nil)
        #expect(engine.blobs.count == 3)
        #expect(engine.ingests.isEmpty)
      }
    }
  }

  @Test("a layer whose bytes are others than its digest says")
  func wrongDigest() async throws {
    try await refused { request, answer in
      if request.isBlob, answer.body.count > 20_000 { answer.body[20_000] ^= 1 }
    } _: { error, _ in
      #expect(error.contains("unexpected commit digest sha256:"))
    }
  }

  @Test("a layer that declares another size than its descriptor")
  func wrongSize() async throws {
    try await refused { request, answer in
      if request.isBlob, answer.body.count > 20_000 { answer.body.append(0) }
    } _: { error, _ in
      #expect(error.contains("unexpected commit size"))
    }
  }

  @Test("a manifest whose bytes are others than its digest says")
  func wrongManifest() async throws {
    try await refused { request, answer in
      if request.isManifest { answer.body[answer.body.count - 1] = UInt8(ascii: " ") }
    } _: { error, _ in
      #expect(error.contains("unexpected commit digest"))
    }
  }

  @Test("a connection cut in mid-layer goes on from there, by a Range request")
  func cut() async throws {
    let (images, target, layer) = Self.image(200_000)
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(
        images, tags: ["1": target],
        twist: { request, answer in
          if request.uri.hasSuffix(layer.description), request.before < 2 { answer.cut = answer.body.count / 2 }
        }
      ) { registry in
        let answer = try await engine.pull("\(registry.host)/app:1")
        #expect(answer.error == nil)
        #expect(answer.text.contains("Retrying in"))
        let ranges = registry.requests.filter { $0.uri.hasSuffix(layer.description) }
          .map { $0.headers.first(name: "Range") ?? "" }
        #expect(ranges.count == 3)
        #expect(ranges.dropFirst().allSatisfy { $0.hasPrefix("bytes=") && $0 != "bytes=0-" })
        #expect(engine.blobs.count == 3)
      }
    }
  }

  @Test("a body that is always cut short fails; the next pull goes on from what came")
  func alwaysCut() async throws {
    let (images, target, layer) = Self.image(200_000)
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(
        images, tags: ["1": target],
        twist: { request, answer in
          guard request.uri.hasSuffix(layer.description) else { return }
          answer.cut = request.headers.first(name: "Range") == nil ? 100_000 : 0
        }
      ) { registry in
        let answer = try await engine.pull("\(registry.host)/app:1")
        #expect(answer.error?.contains("unexpected EOF") == true)
      }
      #expect(engine.ingests.count == 1)
      try await FaultyRegistry.with(images, tags: ["1": target]) { registry in
        let pulled = try await engine.pull("\(registry.host)/app:1")
        #expect(pulled.error == nil)
        let asked = try #require(registry.requests.first { $0.uri.hasSuffix(layer.description) })
        // Of what was under way when the connection broke, less may have arrived.
        let range = asked.headers.first(name: "Range") ?? ""
        #expect(range.hasPrefix("bytes=") && range != "bytes=0-", "\(range)")
      }
      #expect(engine.ingests.isEmpty)
    }
  }

  @Test("a registry that refuses every token is not asked for ever")
  func unauthorizedLoop() async throws {
    try await refused { request, answer in
      if request.uri.hasPrefix("/token") {
        answer = .init(body: Array(#"{"token":"useless"}"#.utf8))
      } else {
        let host = request.headers.first(name: "Host") ?? ""
        answer = .init(
          status: 401,
          headers: [("WWW-Authenticate", "Bearer realm=\"http://\(host)/token\",service=\"s\"")])
      }
    } _: { error, requests in
      #expect(error.contains("pull access denied for"))
      #expect(error.contains("may require 'docker login'"))
      #expect(requests.count < 10)
    }
  }

  @Test("a refusal is told in Docker's words", arguments: [(403, "pull access denied for"), (404, "not found")])
  func denied(status: Int, words: String) async throws {
    try await refused { request, answer in
      if request.uri.hasPrefix("/v2/app") { answer = .init(status: status) }
    } _: { error, requests in
      #expect(error.contains(words))
      #expect(requests.count < 4)
    }
  }

  @Test("429 is explained, after as much patience as Retry-After asks for")
  func tooMany() async throws {
    let body = Array(
      #"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#.utf8)
    try await refused { request, answer in
      if request.isManifest { answer = .init(status: 429, headers: [("Retry-After", "3600")], body: body) }
    } _: { error, requests in
      #expect(error.contains("toomanyrequests"))
      // An hour is for the user to wait.
      #expect(requests.count <= 2)
    }
  }

  @Test("a server error that passes is not seen; one that stays is told")
  func serverErrors() async throws {
    let (images, target, _) = Self.image()
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(
        images, tags: ["1": target],
        twist: { request, answer in if request.before == 0 { answer = .init(status: 503) } }
      ) { registry in
        let pulled = try await engine.pull("\(registry.host)/app:1")
        #expect(pulled.error == nil)
      }
    }
    try await refused { request, answer in
      if request.isManifest { answer = .init(status: 500, headers: [("Retry-After", "0")]) }
    } _: { error, _ in
      #expect(error.contains("received unexpected HTTP status: 500 Internal Server Error"))
    }
  }

  @Test("a redirect to elsewhere gets no credentials, and the layer comes from there")
  func redirect() async throws {
    let (images, target, layer) = Self.image()
    let elsewhere = Mutex("")
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(images, tags: [:]) { storage in
        elsewhere.withLock { $0 = storage.host }
        try await FaultyRegistry.with(
          images, tags: ["1": target],
          twist: { request, answer in
            guard request.headers.first(name: "Authorization") == "Basic bWU6czNjcmV0" else {
              answer = .init(status: 401, headers: [("WWW-Authenticate", "Basic realm=\"r\"")])
              return
            }
            if request.uri.hasSuffix(layer.description) {
              answer = .init(
                status: 307, headers: [("Location", "http://\(elsewhere.withLock { $0 })/v2/x/blobs/\(layer)")])
            }
          }
        ) { registry in
          let answer = try await engine.pull(
            "\(registry.host)/app:1", auth: ["username": "me", "password": "s3cret"])
          #expect(answer.error == nil)
          #expect(storage.requests.count == 1)
          #expect(storage.requests.allSatisfy { $0.headers.first(name: "Authorization") == nil })
          let trace = engine.keeper.records.map { record -> String in
            var writer = JSONWriter()
            record.write(line: &writer)
            return String(decoding: writer.bytes, as: UTF8.self)
          }.joined()
          #expect(!trace.contains("bWU6czNjcmV0"))
          #expect(!trace.contains("s3cret"))
        }
      }
    }
  }

  @Test("a manifest list that points at itself, or goes down without end")
  func circle() async throws {
    // No honest list can hold its own digest: the registry lies about what is under it.
    let own = Digest(sha256: Array("own".utf8))
    let text =
      "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociIndex)\",\"manifests\":[{\"mediaType\":\"\(MediaType.ociIndex)\",\"digest\":\"\(own)\",\"size\":10}]}"
    try await refused { request, answer in
      if request.isManifest {
        answer = .init(
          headers: [("Docker-Content-Digest", own.description), ("Content-Type", MediaType.ociIndex)],
          body: Array(text.utf8))
      }
    } _: { error, requests in
      #expect(error.contains("unexpected commit"))
      #expect(requests.count < 10)
    }
    var images = TestImages()
    var target = images.image([TestImages.layer("a")])
    for _ in 0..<12 {
      target.platform = nil
      target = images.index([target])
    }
    let deep = target
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(images, tags: ["1": deep]) { registry in
        let pulled = try await engine.pull("\(registry.host)/app:1")
        #expect(pulled.error?.contains("nested too deep") == true)
      }
      #expect(engine.blobs.isEmpty)
    }
  }

  @Test("10,000 layers are refused before one of them is fetched")
  func manyLayers() async throws {
    var images = TestImages()
    let config = images.add(Array("{}".utf8), MediaType.ociConfig)
    let layer = TestImages.words(
      Descriptor(mediaType: MediaType.ociLayerGzip, digest: Digest(sha256: [1]), size: 100))
    let layers = Array(repeating: layer, count: 10_000).joined(separator: ",")
    let target = images.add(
      Array(
        "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociManifest)\",\"config\":\(TestImages.words(config)),\"layers\":[\(layers)]}"
          .utf8), MediaType.ociManifest)
    let served = images
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(served, tags: ["1": target]) { registry in
        let answer = try await engine.pull("\(registry.host)/app:1")
        #expect(answer.error?.contains("max depth exceeded") == true, "\(answer.text)")
        #expect(!registry.requests.contains { $0.isBlob })
      }
      #expect(engine.blobs.isEmpty)
    }
  }

  @Test("documents that are not what they say", arguments: ["no JSON", "index as manifest", "manifest as index"])
  func lies(kind: String) async throws {
    var images = TestImages()
    var target: Descriptor
    switch kind {
    case "no JSON":
      let config = images.add(Array("this is no JSON".utf8), MediaType.ociConfig)
      target = images.add(
        Array(
          "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociManifest)\",\"config\":\(TestImages.words(config)),\"layers\":[]}"
            .utf8), MediaType.ociManifest)
    case "index as manifest":
      let honest = images.image([TestImages.layer("a")])
      target = images.index([honest])
      target.mediaType = MediaType.ociManifest
    default:
      target = images.image([TestImages.layer("a")])
      target.mediaType = MediaType.ociIndex
    }
    let (served, told) = (images, target)
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(
        served, tags: ["1": told],
        twist: { request, answer in
          guard request.isManifest else { return }
          answer.headers.removeAll { $0.0 == "Content-Type" }
          answer.headers.append(("Content-Type", told.mediaType))
        }
      ) { registry in
        let answer = try await engine.pull("\(registry.host)/app:1")
        let error = try #require(answer.error)
        #expect(error.contains(kind == "no JSON" ? "failed to unmarshal config" : "media-type: expected"), "\(error)")
      }
      #expect(engine.blobs.isEmpty)
      #expect(try await engine.get("/images/json").json == [])
    }
  }

  @Test("what is no image is called by its name")
  func artifact() async throws {
    var images = TestImages()
    let config = images.add(Array("{}".utf8), "application/vnd.cncf.helm.config.v1+json")
    let target = images.add(
      Array(
        "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociManifest)\",\"config\":\(TestImages.words(config)),\"layers\":[]}"
          .utf8), MediaType.ociManifest)
    let served = images
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(served, tags: ["1": target]) { registry in
        let answer = try await engine.pull("\(registry.host)/chart:1")
        #expect(answer.error?.contains("is an artifact of that type, not a container image") == true)
        #expect(answer.error?.contains("application/vnd.cncf.helm.config.v1+json") == true)
      }
    }
  }

  @Test("when few pulls are left, the user is told")
  func rateLimit() async throws {
    let (images, target, _) = Self.image()
    for (left, isTold) in [(76, false), (5, true)] {
      try await MachineFixture.with { engine in
        try await FaultyRegistry.with(
          images, tags: ["1": target],
          twist: { request, answer in
            guard request.isManifest else { return }
            answer.headers += [("RateLimit-Limit", "100;w=21600"), ("RateLimit-Remaining", "\(left);w=21600")]
          }
        ) { registry in
          let answer = try await engine.pull("\(registry.host)/app:1")
          #expect(answer.text.contains("5 of 100 pulls are left") == isTold, "\(answer.text)")
        }
      }
    }
  }

  @Test("two pulls at once share what they have in common")
  func together() async throws {
    let (images, target, layer) = Self.image(300_000)
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(images, tags: ["1": target, "2": target]) { registry in
        async let first = engine.pull("\(registry.host)/app:1")
        async let second = engine.pull("\(registry.host)/app:2")
        let answers = try await [first, second]
        #expect(answers.allSatisfy { $0.error == nil }, "\(answers.map(\.text))")
        #expect(registry.requests.count { $0.uri.hasSuffix(layer.description) } == 1)
        #expect(engine.snapshots.count == 1)
        #expect(try await engine.get("/images/json").json[0]?["RepoTags"]?.strings?.count == 2)
      }
    }
  }

  /// Waits until `condition` holds; what another task does may take its time.
  private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    for _ in 0..<30_000 {
      if try await condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("never: \(what)")
  }

  @Test("a client that goes away in mid-layer ends the pull: nothing is left but what the next one goes on from")
  func disconnect() async throws {
    let (images, target, layer) = Self.image(300_000)
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(
        images, tags: ["1": target],
        twist: { request, answer in
          // The registry says nothing more, so nobody would notice by writing progress.
          if request.uri.hasSuffix(layer.description) { answer.stall = 150_000 }
        }
      ) { registry in
        let response = try await engine.machine.daemon.send(
          APIRequest("POST", path: "/images/create?fromImage=\(registry.host)/app&tag=1"))
        guard case .stream(let stream) = response.body else {
          Issue.record("no stream")
          return
        }
        var seen: [UInt8] = []
        while !String(decoding: seen, as: UTF8.self).contains("Downloading"), let bytes = await stream.read() {
          seen += bytes
        }
        stream.closeReading()
        try await eventually("the pull ends") { engine.blobs.isEmpty }
        #expect(try await engine.get("/images/json").json == [])
        #expect(engine.snapshots.isEmpty)
      }
      try await FaultyRegistry.with(images, tags: ["1": target]) { registry in
        let pulled = try await engine.pull("\(registry.host)/app:1")
        #expect(pulled.error == nil, "\(pulled.text)")
        #expect(engine.ingests.isEmpty)
        let asked = try #require(registry.requests.first { $0.uri.hasSuffix(layer.description) })
        #expect(asked.headers.first(name: "Range")?.hasPrefix("bytes=") == true)
      }
    }
  }

  @Test("a client that goes away before there is an answer ends the pull, too")
  func earlyDisconnect() async throws {
    let (images, target, _) = Self.image()
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(
        images, tags: ["1": target], twist: { request, answer in answer.isSilent = request.isManifest }
      ) { registry in
        let host = registry.host
        let pull = Task { try await engine.pull("\(host)/app:1") }
        try await eventually("the registry is asked") { !registry.requests.isEmpty }
        pull.cancel()
        await #expect(throws: (any Error).self) {
          let answer = try await pull.value
          if let error = answer.error { throw EngineError(.canceled, error) }
        }
        #expect(engine.blobs.isEmpty && engine.snapshots.isEmpty && engine.ingests.isEmpty)
      }
    }
  }

  @Test("what stands before a registry takes no large requests: layers go in chunks")
  func tooLarge() async throws {
    let (images, target, layer) = Self.image(20_000_000)
    let limit = 5 << 20
    let received = Mutex<[UInt8]>([])
    let sizes = Mutex<[Int]>([])
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(images, tags: ["1": target]) { registry in
        let pulled = try await engine.pull("\(registry.host)/app:1")
        #expect(pulled.error == nil, "\(pulled.text)")
        let name = "\(registry.host)/app:1"
        let target = try await FaultyRegistry { request in
          if request.body.count > limit { return .init(status: 413) }
          switch request.method {
          case "HEAD": return .init(status: 404)
          case "POST":
            received.withLock { $0 = [] }
            return .init(status: 202, headers: [("Location", "/v2/copy/blobs/uploads/1")])
          case "PATCH":
            let end = received.withLock { $0.count }
            let range = request.headers.first(name: "Content-Range") ?? ""
            guard range == "\(end)-\(end + request.body.count - 1)" else { return .init(status: 416) }
            received.withLock { $0 += request.body }
            sizes.withLock { $0.append(request.body.count) }
            return .init(
              status: 202,
              headers: [
                ("Location", "/v2/copy/blobs/uploads/1"), ("Range", "0-\(end + request.body.count - 1)"),
              ])
          case "PUT" where request.uri.contains("/blobs/uploads/"):
            let bytes = received.withLock { $0 } + request.body
            return .init(status: request.uri.contains(Digest(sha256: bytes).encoded) ? 201 : 400)
          default: return .init(status: 201)
          }
        }
        let repository = "\(target.host)/copy"
        _ = try await engine.ask(
          APIRequest(
            "POST", "/images/{name}/tag", ["name": name],
            query: [NameValue("repo", repository), NameValue("tag", "1")]))
        let pushed = try await engine.push("\(repository):1")
        await target.close()
        #expect(pushed.error == nil, "\(pushed.text)")
      }
      let chunks = sizes.withLock { $0 }
      #expect(chunks.count >= 4 && chunks.allSatisfy { $0 <= limit }, "\(chunks)")
      #expect(chunks.reduce(0, +) == images.content[layer]?.count)
    }
  }

  @Test("layers whose media type lies about their compression are read by their bytes", arguments: [true, false])
  func lyingLayers(isPlain: Bool) async throws {
    var images = TestImages()
    let tar = TestImages.layer("a")
    let layer = images.add(
      isPlain ? tar : Gzip.compress(tar), isPlain ? MediaType.ociLayerGzip : MediaType.ociLayerZstd)
    let config = images.add(
      Array(
        "{\"architecture\":\"\(Platform.host.architecture)\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"\(Digest(sha256: tar))\"]}}"
          .utf8), MediaType.ociConfig)
    let target = images.add(
      Array(
        "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociManifest)\",\"config\":\(TestImages.words(config)),\"layers\":[\(TestImages.words(layer))]}"
          .utf8), MediaType.ociManifest)
    let served = images
    try await MachineFixture.with { engine in
      try await FaultyRegistry.with(served, tags: ["1": target]) { registry in
        let pulled = try await engine.pull("\(registry.host)/app:1")
        #expect(pulled.error == nil, "\(pulled.text)")
        #expect(engine.snapshots.count == 1)
      }
    }
  }
}
