import JSONTree
import OCISpec
import Seams
import Testing

@testable import Engine

@Suite struct ImagePullTests {
  let web = SampleImage("web", size: 300)

  private func dockerd() async throws -> DockerdFixture { try await DockerdFixture() }

  private func pull(_ docker: DockerdFixture, _ name: String = "web", tag: String = "latest") async throws
    -> (status: Int, json: JSON)
  {
    try await docker.send("POST", "/images/create", query: [("fromImage", name), ("tag", tag)])
  }

  private func serve(_ docker: DockerdFixture, _ image: SampleImage, steps: [(String, Int64)]) {
    docker.containerd.state.withLock {
      $0.transfer = { [containerd = docker.containerd] transfer in
        guard case .registry(let reference, _) = transfer.source else { return }
        transfer.progress(.init(event: "resolved", descriptor: image.target, name: reference))
        for (event, offset) in steps {
          transfer.progress(
            .init(event: event, descriptor: image.layerDescriptor, offset: offset, total: image.layerDescriptor.size))
        }
        image.put(in: containerd, as: [reference])
      }
    }
  }

  @Test func aPullTellsEachStepOfALayerAndWhatIsNewAtTheEnd() async throws {
    let docker = try await dockerd()
    serve(
      docker, web,
      steps: [
        ("waiting", 0), ("downloading", 0), ("downloading", 100), ("downloading", 100), ("downloading", 300),
        ("complete", 300), ("extracting", 0), ("extracted", 0),
      ])
    let (status, json) = try await pull(docker)
    #expect(status == 200)
    let id = truncatedID(web.layerDescriptor.digest.description)
    #expect(
      DockerdFixture.lines(json) == [
        "latest: Pulling from library/web", "\(id): Pulling fs layer", "\(id): Waiting", "\(id): Downloading",
        "\(id): Downloading", "\(id): Download complete", "\(id): Extracting", "\(id): Pull complete",
        "Digest: \(web.id)", "Status: Downloaded newer image for web:latest",
      ])
    #expect(json[3]?["progressDetail"] == ["current": 100, "total": 300])
    #expect(json[5]?["progressDetail"] == ["hidecounts": true])
    #expect(json[6]?["progressDetail"] == ["current": 1, "units": "s"])
  }

  @Test func containerdIsAskedOnceAndFindsNothingLeftBehind() async throws {
    let docker = try await dockerd()
    serve(docker, web, steps: [])
    _ = try await pull(docker)
    let changes = docker.containerd.operations.filter {
      !$0.hasPrefix("Content/") && !$0.hasSuffix("/Get") && !$0.hasSuffix("/List")
    }
    #expect(changes == ["Leases/Create", "Transfer/Transfer", "Leases/Delete"])
    #expect(docker.containerd.state.withLock { $0.leases.isEmpty })
  }

  @Test func aPullOfWhatIsHereSaysNothingOfLayers() async throws {
    let docker = try await dockerd()
    web.put(in: docker.containerd, as: ["docker.io/library/web:latest"])
    serve(docker, web, steps: [("waiting", 0), ("already exists", 0)])
    let (_, json) = try await pull(docker)
    #expect(
      DockerdFixture.lines(json) == [
        "latest: Pulling from library/web", "Digest: \(web.id)", "Status: Image is up to date for web:latest",
      ])
  }

  @Test func aLayerThatIsHereIsToldWhenAnotherOneIsNot() async throws {
    let docker = try await dockerd()
    let other = SampleImage("other")
    docker.containerd.state.withLock {
      $0.transfer = { [containerd = docker.containerd, web] transfer in
        transfer.progress(.init(event: "resolved", descriptor: web.target))
        transfer.progress(.init(event: "waiting", descriptor: other.layerDescriptor))
        transfer.progress(.init(event: "already exists", descriptor: other.layerDescriptor))
        transfer.progress(.init(event: "complete", descriptor: web.layerDescriptor))
        web.put(in: containerd, as: ["docker.io/library/web:latest"])
      }
    }
    let lines = DockerdFixture.lines(try await pull(docker).json)
    #expect(lines[1] == "\(truncatedID(other.layerDescriptor.digest.description)): Already exists")
    #expect(lines[2] == "\(truncatedID(web.layerDescriptor.digest.description)): Pulling fs layer")
  }

  @Test func whatTheNamePointedAtBeforeStaysAsADanglingImage() async throws {
    let docker = try await dockerd()
    let old = SampleImage("old")
    old.put(in: docker.containerd, as: ["docker.io/library/web:latest"])
    web.put(in: docker.containerd, as: [SampleImage.dangling(web)])
    serve(docker, web, steps: [])
    _ = try await pull(docker)
    #expect(docker.containerd.names == ["docker.io/library/web:latest", SampleImage.dangling(old)])
  }

  @Test func aRefusalBeforeAnythingWasSentIsAStatus() async throws {
    let docker = try await dockerd()
    docker.containerd.state.withLock {
      $0.transfer = { _ in throw EngineError(.notFound, "manifest for nope:latest not found: manifest unknown") }
    }
    let (status, json) = try await pull(docker, "nope")
    #expect(status == 404)
    #expect(json["message"] == "manifest for nope:latest not found: manifest unknown")
    #expect(docker.containerd.state.withLock { $0.leases.isEmpty })
  }

  @Test func aRefusalInMidStreamIsAMessageOfTheStream() async throws {
    let docker = try await dockerd()
    docker.containerd.state.withLock {
      $0.transfer = { [web] transfer in
        transfer.progress(.init(event: "resolved", descriptor: web.target))
        throw EngineError(.unavailable, "connection reset")
      }
    }
    let (status, json) = try await pull(docker)
    #expect(status == 200)
    #expect(json[1] == ["errorDetail": ["message": "connection reset"], "error": "connection reset"])
  }

  @Test func whoMayNotPullIsToldToSignIn() async throws {
    let docker = try await dockerd()
    docker.containerd.state.withLock {
      $0.transfer = { _ in throw EngineError(.unauthenticated, "unauthorized: authentication required") }
    }
    let (status, json) = try await pull(docker, "me/secret")
    #expect(status == 404)
    #expect(
      json["message"]?.string
        == "pull access denied for me/secret, repository does not exist or may require 'docker login': "
        + "unauthorized: authentication required")
  }

  @Test func thePlatformAndTheSecretGoToContainerd() async throws {
    let docker = try await dockerd()
    docker.containerd.state.withLock {
      $0.transfer = { transfer in
        guard case .registry(_, let auth) = transfer.source, case .imageStore(_, let platform, _) = transfer.destination
        else { return }
        throw EngineError(.unknown, "\(auth?.username ?? "nobody") \(platform.map(\.description) ?? "none")")
      }
    }
    let (_, json) = try await docker.send(
      "POST", "/images/create", query: [("fromImage", "web"), ("tag", "1"), ("platform", "linux/arm64")],
      auth: ["username": "ada", "password": "x"])
    #expect(json["message"] == "ada linux/arm64")
  }

  @Test func withoutATagAllTagsArePulled() async throws {
    let docker = try await dockerd()
    docker.registry.answer { request in
      request.path == "/v2/library/web/tags/list"
        ? RegistryResponse(200, body: Array(#"{"name":"library/web","tags":["1","2"]}"#.utf8)) : RegistryResponse(404)
    }
    serve(docker, web, steps: [])
    _ = try await docker.send("POST", "/images/create", query: [("fromImage", "web")])
    #expect(docker.containerd.names == ["docker.io/library/web:1", "docker.io/library/web:2"])
  }

  @Test(arguments: [
    ("Web", "latest", 400, "invalid reference format: repository name (library/Web) must be lowercase"),
    ("web", "a/b", 400, "invalid tag format"), ("scratch", "latest", 403, "'scratch' is a reserved name"),
  ])
  func badNamesAreRefused(_ name: String, _ tag: String, _ status: Int, _ message: String) async throws {
    let answer = try await pull(try await dockerd(), name, tag: tag)
    #expect(answer.status == status)
    #expect(answer.json["message"]?.string == message)
  }
}
