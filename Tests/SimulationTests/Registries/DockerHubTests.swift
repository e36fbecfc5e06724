import Engine
import JSONTree
import OCISpec
import Seams
import Testing

@testable import Simulation

@Suite struct DockerHubTests {
  @Test func whoAsksWithoutATokenIsSentToTheTokenService() throws {
    try RegistryLab().run { lab async throws in
      let refused = try await lab.ask("HEAD", "https://registry-1.docker.io/v2/library/nginx/manifests/latest")
      #expect(refused.status == 401 && refused.body.isEmpty)
      #expect(
        refused.header("www-authenticate")
          == #"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull""#
      )
      let ping = try await lab.ask("GET", "https://registry-1.docker.io/v2/")
      #expect(ping.status == 401 && ping.code == "UNAUTHORIZED")
      let head = try await lab.hub("HEAD", "library/nginx", "manifests/latest")
      #expect(head.status == 200 && head.body.isEmpty && head.header("Content-Type") == MediaType.ociIndex)
      let index = try await lab.hub("GET", "library/nginx", "manifests/latest")
      #expect(Digest(sha256: index.body).description == head.header("Docker-Content-Digest"))
      #expect(head.header("Content-Length") == "\(index.body.count)")
    }
  }

  @Test func aTokenIsGoodForItsRepositoryAndForFiveMinutes() throws {
    let lab = RegistryLab()
    let token = try lab.run { try await $0.hubToken("repository:library/nginx:pull") }
    let ask: @Sendable (String) throws -> RegistryResponse = { name in
      try lab.run {
        try await $0.ask(
          "GET", "https://registry-1.docker.io/v2/\(name)/manifests/latest",
          headers: ["Authorization": "Bearer " + token])
      }
    }
    #expect(try ask("library/nginx").status == 200)
    #expect(try ask("library/redis").header("WWW-Authenticate")?.contains("insufficient_scope") == true)
    lab.world.advance(301 * Duration64.second)
    let late = try ask("library/nginx")
    #expect(late.status == 401 && late.header("WWW-Authenticate")?.contains("invalid_token") == true)
  }

  @Test func blobsComeFromTheCDN() throws {
    try RegistryLab().run { lab async throws in
      let client = lab.client().repository(try ImageReference("alpine:3.21"))
      let index = try JSON(parsing: try await client.document(try await client.resolve())).decode(ImageIndex.self)
      let descriptor = try #require(index.manifest(for: Platform(architecture: "amd64")))
      let manifest = try JSON(parsing: try await client.document(descriptor)).decode(ImageManifest.self)
      let layer = manifest.layers[0]
      let redirect = try await lab.hub("GET", "library/alpine", "blobs/\(layer.digest)")
      #expect(redirect.status == 307)
      let location = try #require(redirect.header("Location"))
      #expect(location.hasPrefix("https://production.cloudflare.docker.com/"))
      let blob = try await lab.ask("GET", location)
      #expect(blob.status == 200 && blob.header("Content-Length") == "\(layer.size)")
      #expect(Digest(sha256: blob.body) == layer.digest)
      // The engine's client takes it too.
      let writer = MemoryWriter()
      try await client.fetch(layer, into: writer)
      #expect(writer.bytes == blob.body)
      let made = try await lab.ask(
        "GET",
        "https://production.cloudflare.docker.com/registry-v2/docker/registry/v2/blobs/sha256/00/\(String(repeating: "0", count: 64))/data"
      )
      #expect(made.status == 403)
    }
  }

  @Test func aPullIsOneManifestOfAnImage() throws {
    try RegistryLab().run { lab async throws in
      let head = try await lab.hub("HEAD", "library/redis", "manifests/7")
      #expect(head.header("ratelimit-limit") == "100;w=21600")
      #expect(head.header("ratelimit-remaining") == "100;w=21600")
      #expect(head.header("docker-ratelimit-source") == "203.0.113.7")
      let index = try await lab.hub("GET", "library/redis", "manifests/7")
      #expect(index.header("ratelimit-remaining") == "100;w=21600", "the index is free")
      let digest = try #require(index.tree["manifests"]?[0]?["digest"]?.string)
      let manifest = try await lab.hub("GET", "library/redis", "manifests/" + digest)
      #expect(manifest.header("ratelimit-remaining") == "99;w=21600")
      #expect(lab.registries.pullsLeft() == 99)
      let again = try await lab.hub("HEAD", "library/redis", "manifests/" + digest)
      #expect(again.header("ratelimit-remaining") == "99;w=21600")
    }
  }

  @Test func after100PullsAnonymousUsersWaitUntilSixHoursHavePassed() throws {
    let lab = RegistryLab()
    let digest = try lab.run { lab async throws in
      try #require(
        try await lab.hub("GET", "library/busybox", "manifests/latest").tree["manifests"]?[0]?["digest"]?.string)
    }
    let pull: @Sendable (String?) throws -> RegistryResponse = { user in
      try lab.run { try await $0.hub("GET", "library/busybox", "manifests/" + digest, user) }
    }
    for _ in 0..<100 { #expect(try pull(nil).status == 200) }
    #expect(lab.registries.pullsLeft() == 0)
    let refused = try pull(nil)
    #expect(refused.status == 429 && refused.code == "TOOMANYREQUESTS")
    #expect(
      refused.message
        == "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit")
    #expect(refused.header("ratelimit-remaining") == "0;w=21600")
    let index = try lab.run { try await $0.hub("GET", "library/alpine", "manifests/latest") }
    #expect(index.status == 429, "every pull begins with an index")
    #expect(try lab.run { try await $0.hub("HEAD", "library/alpine", "manifests/latest") }.status == 200)

    // Whoever signs in has pulls of their own.
    #expect(try pull("ana").header("ratelimit-remaining") == "199;w=21600")
    #expect(lab.registries.pullsLeft(account: "ana") == 199)
    let paid = try pull("paula")
    #expect(paid.status == 200 && paid.header("ratelimit-limit") == nil)
    #expect(lab.registries.pullsLeft(account: "paula") == nil)

    lab.world.advance(5 * 3600 * Duration64.second)
    #expect(try pull(nil).status == 429)
    lab.world.advance(3600 * Duration64.second)
    #expect(try pull(nil).status == 200)
    #expect(lab.registries.pullsLeft() == 99)
  }

  @Test func theClientSaysItInDockersWords() throws {
    let lab = RegistryLab()
    let error = #expect(throws: EngineError.self) {
      try lab.run { lab in try await lab.client().repository(ImageReference("nope").tagged).resolve() }
    }
    #expect(
      error?.message == "pull access denied for nope, repository does not exist or may require 'docker login': "
        + "denied: requested access to the resource is denied")
    let tag = #expect(throws: EngineError.self) {
      try lab.run { lab async throws in
        let repository = lab.client().repository(try ImageReference("alpine:99"))
        _ = try await repository.document(
          Descriptor(mediaType: MediaType.ociIndex, digest: Digest(sha256: [1]), size: 1))
      }
    }
    #expect(tag?.message.hasPrefix("manifest for alpine:99 not found: manifest unknown: manifest unknown") == true)
  }

  @Test func privateRepositoriesAreForTheirOwner() throws {
    try RegistryLab().run { lab async throws in
      #expect(try await lab.hub("HEAD", "ana/shop", "manifests/latest").status == 401)
      #expect(try await lab.hub("HEAD", "ana/shop", "manifests/latest", "paula").status == 401)
      #expect(try await lab.hub("HEAD", "ana/shop", "manifests/latest", "ana").status == 200)
      #expect(try await lab.hub("HEAD", "ana/web", "manifests/latest").status == 200)
    }
  }

  @Test func passwordsAreChecked() throws {
    try RegistryLab().run { lab async throws in
      let wrong = try await lab.ask(
        "GET", "https://auth.docker.io/token", headers: ["Authorization": basic("ana", "no")],
        query: [("service", "registry.docker.io")])
      #expect(wrong.status == 401 && wrong.tree["details"]?.string == "incorrect username or password")
      let error = await #expect(throws: EngineError.self) {
        try await lab.client().login("", RegistryCredentials(username: "ana", password: "no"))
      }
      #expect(error?.message.contains("incorrect username or password") == true)
      #expect(try await lab.client().login("", RegistryCredentials(username: "ana", password: "drydock")) == "")
      let form =
        "grant_type=password&username=ana&password=drydock&scope=repository%3Aana%2Fshop%3Apull&service=registry.docker.io"
      let granted = try await lab.ask("POST", "https://auth.docker.io/token", body: Array(form.utf8))
      #expect(
        granted.status == 200 && granted.tree["access_token"]?.string != nil && granted.tree["expires_in"]?.int == 300)
    }
  }

  @Test func pushingIsForOnesOwnNamespace() throws {
    try RegistryLab().run { lab async throws in
      let image = TestImage("one")
      let ana = RegistryCredentials(username: "ana", password: "drydock")
      let mine = lab.client().repository(try ImageReference("ana/new:1.0"), credentials: ana)
      #expect(try await mine.push(image.descriptor, from: image) == image.digest)
      #expect(lab.registries.tags("docker.io", "ana/new") == ["1.0"])
      // What is pushed is public.
      #expect(try await lab.hub("HEAD", "ana/new", "manifests/1.0").status == 200)
      for (reference, credentials, words) in [
        ("library/nginx:mine", ana, "denied: requested access to the resource is denied"),
        ("ana/new:2.0", RegistryCredentials(username: "ana", password: "dckr_pat_ana-read-only"), "unauthorized"),
      ] {
        let error = await #expect(throws: EngineError.self) {
          let repository = lab.client().repository(try ImageReference(reference), credentials: credentials)
          try await repository.push(image.descriptor, from: image)
        }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
      }
    }
  }

  @Test func searchFindsOfficialImagesFirst() throws {
    try RegistryLab().run { lab async throws in
      let results = try await lab.client().search("nginx")
      #expect(results.first?.name == "nginx" && results.first?.isOfficial == true)
      #expect(results.contains { $0.name == "ana/web" })
      #expect(try await lab.client().search("shop").allSatisfy { $0.name != "ana/shop" })
      #expect(try await lab.client().search("a", limit: 3).count == 3)
      #expect(try await lab.client().search("no-such-thing").isEmpty)
    }
  }

  @Test func largeLayersTakeLonger() throws {
    let lab = RegistryLab()
    func time(_ image: String) throws -> UInt64 {
      let before = lab.world.now
      try lab.run { lab async throws in
        let client = lab.client().repository(try ImageReference(image))
        let index = try JSON(parsing: try await client.document(try await client.resolve())).decode(ImageIndex.self)
        let descriptor = try #require(index.manifest(for: Platform(architecture: "amd64")))
        let manifest = try JSON(parsing: try await client.document(descriptor)).decode(ImageManifest.self)
        for layer in manifest.layers { try await client.fetch(layer, into: MemoryWriter()) }
      }
      return lab.world.now - before
    }
    let (small, large) = try (time("hello-world:latest"), time("python:3.12"))
    #expect(small > 100 * Duration64.millisecond && small < Duration64.second)
    #expect(large > 2 * Duration64.second)
  }
}
