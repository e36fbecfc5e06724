import Engine
import JSONTree
import OCISpec
import Seams
import Testing

@testable import Simulation

private let ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com"

@Suite struct ElasticContainerRegistryTests {
  private let web = Result { try ImageReference(ecr + "/shop/web:1.1") }

  @Test func wantsAPasswordThatLastsTwelveHours() throws {
    let lab = RegistryLab()
    let reference = try web.get()
    let resolve: @Sendable (String?) throws -> Descriptor = { password in
      try lab.run { lab async throws in
        let credentials = password.map { RegistryCredentials(username: "AWS", password: $0) }
        return try await lab.client().repository(reference, credentials: credentials).resolve()
      }
    }
    #expect(
      #expect(throws: EngineError.self) { try resolve(nil) }?.message.hasSuffix("no basic auth credentials") == true)
    #expect(throws: EngineError.self) { try resolve("wrong") }
    #expect(try resolve("drydock").mediaType == MediaType.ociIndex)
    let password = lab.registries.ecrPassword()
    #expect(try resolve(password).mediaType == MediaType.ociIndex)
    lab.world.advance(12 * 3600 * Duration64.second)
    let late = try lab.run {
      try await $0.ask("GET", "https://\(ecr)/v2/", headers: ["Authorization": basic("AWS", password)])
    }
    #expect(late.status == 403 && late.message == "Your authorization token has expired. Reauthenticate and try again.")
    #expect(try resolve(lab.registries.ecrPassword()).mediaType == MediaType.ociIndex)
  }

  @Test func aRepositoryMustBeThereBeforeThePush() throws {
    try RegistryLab().run { lab async throws in
      let image = TestImage("one")
      let aws = RegistryCredentials(username: "AWS", password: "drydock")
      func push(_ name: String) async throws {
        try await lab.client().repository(try ImageReference("\(ecr)/\(name)"), credentials: aws)
          .push(image.descriptor, from: image)
      }
      let error = await #expect(throws: EngineError.self) { try await push("new:1") }
      #expect(
        error?.message.contains(
          "The repository with name 'new' does not exist in the registry with id '123456789012'") == true)
      try await push("web:1")
      #expect(lab.registries.tags(ecr, "web") == ["1"])
      let immutable = await #expect(throws: EngineError.self) { try await push("shop/api:2.3.0") }
      #expect(immutable?.message.contains("cannot be overwritten because the tag is immutable") == true)
    }
  }

  @Test func layersComeFromABucket() throws {
    try RegistryLab().run { lab async throws in
      let headers = ["Authorization": basic("AWS", "drydock")]
      let index = try await lab.ask("GET", "https://\(ecr)/v2/shop/web/manifests/1.1", headers: headers)
      let digest = try #require(index.tree["manifests"]?[0]?["digest"]?.string)
      let manifest = try await lab.ask("GET", "https://\(ecr)/v2/shop/web/manifests/" + digest, headers: headers)
      let layer = try #require(manifest.tree["layers"]?[0]?["digest"]?.string)
      let redirect = try await lab.ask("GET", "https://\(ecr)/v2/shop/web/blobs/" + layer, headers: headers)
      #expect(redirect.status == 307)
      let blob = try await lab.ask("GET", try #require(redirect.header("Location")))
      #expect(Digest(sha256: blob.body).description == layer)
    }
  }

  @Test func anotherAccountHasARegistryOfItsOwn() throws {
    let lab = RegistryLab()
    #expect(lab.registries.repositories("210987654321.dkr.ecr.sa-east-1.amazonaws.com") == [])
    #expect(lab.registries.repositories(ecr) == ["shop/api", "shop/web", "web"])
  }

  @Test func itsOwnAPIGivesOutPasswords() throws {
    try RegistryLab().run { lab async throws in
      let url = "https://api.ecr.us-east-1.amazonaws.com/"
      #expect(try await lab.ask("POST", url).status == 400)
      let answer = try await lab.ask(
        "POST", url,
        headers: [
          "Authorization": "AWS4-HMAC-SHA256 Credential=AKIA",
          "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
        ])
      let token = try #require(answer.tree["authorizationData"]?[0]?["authorizationToken"]?.string)
      #expect(
        try await lab.ask("GET", "https://\(ecr)/v2/", headers: ["Authorization": "Basic " + token]).status == 200)
    }
  }
}

@Suite struct HarborTests {
  private static func ask(
    _ lab: RegistryLab, _ method: String, _ path: String, _ user: String? = nil, _ password: String = "drydock"
  ) async throws -> RegistryResponse {
    try await lab.ask(
      method, "https://harbor.example.com" + path, headers: user.map { ["Authorization": basic($0, password)] } ?? [:])
  }

  private static func repository(
    _ lab: RegistryLab, _ name: String, _ user: String? = nil, _ password: String = "drydock"
  ) throws -> RegistryRepository {
    lab.client().repository(
      try ImageReference("harbor.example.com/" + name),
      credentials: user.map { RegistryCredentials(username: $0, password: password) })
  }

  @Test func publicProjectsAreForEverybodyPrivateOnesForMembers() throws {
    try RegistryLab().run { lab async throws in
      #expect(try await Self.repository(lab, "library/alpine:3.21").resolve().mediaType == MediaType.ociIndex)
      let error = await #expect(throws: EngineError.self) { try await Self.repository(lab, "shop/web:1.1").resolve() }
      #expect(error?.message.contains("pull access denied for harbor.example.com/shop/web") == true)
      #expect(try await Self.repository(lab, "shop/web:1.1", "ana").resolve().mediaType == MediaType.ociIndex)
      #expect(
        try await lab.client().login("harbor.example.com", RegistryCredentials(username: "ana", password: "drydock"))
          == "")
      await #expect(throws: EngineError.self) {
        try await lab.client().login("harbor.example.com", RegistryCredentials(username: "ana", password: "x"))
      }
    }
  }

  @Test func robotsMayDoWhatTheyAreFor() throws {
    try RegistryLab().run { lab async throws in
      let image = TestImage("one")
      let deploy = try Self.repository(lab, "shop/web:test", "robot$shop+deploy", "drydock-deploy")
      await #expect(throws: EngineError.self) { try await deploy.push(image.descriptor, from: image) }
      let ci = try Self.repository(lab, "shop/web:test", "robot$shop+ci", "drydock-ci")
      #expect(try await ci.push(image.descriptor, from: image) == image.digest)
      #expect(try await deploy.resolve().digest == image.digest)
      let elsewhere = try Self.repository(lab, "sandbox/web:test", "robot$shop+ci", "drydock-ci")
      await #expect(throws: EngineError.self) { try await elsewhere.push(image.descriptor, from: image) }
    }
  }

  @Test func whatTheScannerFindsForbidsThePull() throws {
    let lab = RegistryLab()
    let findings = try #require(lab.registries.harborFindings("shop/web", "1.0"))
    #expect(findings.count { $0.severity == .critical } == 3)
    #expect(lab.registries.harborFindings("shop/web", "1.1") == [])
    #expect(lab.registries.harborFindings("shop/web", "9") == nil)
    try lab.run { lab async throws in
      let repository = try Self.repository(lab, "shop/web:1.0", "ana")
      let index = try await repository.resolve()
      let error = await #expect(throws: EngineError.self) { try await repository.document(index) }
      #expect(error?.message.contains("current image with 3 vulnerabilities cannot be pulled") == true)
      let clean = try Self.repository(lab, "shop/web:1.1", "ana")
      #expect(try await clean.document(try await clean.resolve()).isEmpty == false)
    }
  }

  @Test func anImageInheritsTheFindingsOfItsBase() throws {
    try RegistryLab().run { lab async throws in
      // Somebody pushes an image of their own with the weak base as its only layer.
      let digest = try #require(Shop.oldNginx.documents.layers.keys.sorted().first)
      let blob = try #require(Catalogue.hub.blob("library/nginx", digest: digest))
      let config = Array("{}".utf8)
      let admin = try await lab.ask(
        "GET", "https://harbor.example.com/service/token", headers: ["Authorization": basic("ana", "drydock")],
        query: [("scope", "repository:sandbox/x:pull,push")])
      let headers = ["Authorization": "Bearer " + (admin.tree["token"]?.string ?? "")]
      for bytes in [blob.bytes, config] {
        let put = try await lab.ask(
          "POST", "https://harbor.example.com/v2/sandbox/x/blobs/uploads/", headers: headers,
          query: [("digest", Digest(sha256: bytes).description)], body: bytes)
        #expect(put.status == 201)
      }
      var writer = JSONWriter()
      ImageManifest(
        config: Descriptor(mediaType: MediaType.ociConfig, digest: Digest(sha256: config), size: 2),
        layers: [Descriptor(mediaType: MediaType.ociLayerGzip, digest: digest, size: blob.size)]
      ).write(to: &writer)
      let put = try await lab.ask(
        "PUT", "https://harbor.example.com/v2/sandbox/x/manifests/1",
        headers: headers.merging(["Content-Type": MediaType.ociManifest]) { $1 }, body: writer.bytes)
      #expect(put.status == 201)
      #expect(lab.registries.harborFindings("sandbox/x", "1")?.isEmpty == false)
    }
  }

  @Test func aQuotaEnds() throws {
    try RegistryLab().run { lab async throws in
      let small = TestImage("small", declaredSize: 6 << 20)
      let repository = try Self.repository(lab, "sandbox/app:1", "ana")
      #expect(try await repository.push(small.descriptor, from: small) == small.digest)
      let large = TestImage("large", declaredSize: 5 << 20)
      let error = await #expect(throws: EngineError.self) { try await repository.push(large.descriptor, from: large) }
      #expect(
        error?.message.contains(
          "adding 5.0 MiB of storage resource, which when updated to current usage of 6.0 MiB will exceed the configured upper limit of 10.0 MiB."
        ) == true,
        "\(error?.message ?? "")")
    }
  }

  @Test func releaseTagsAreImmutable() throws {
    try RegistryLab().run { lab async throws in
      let image = TestImage("one")
      let release = try Self.repository(lab, "shop/web:1.1", "ana")
      let error = await #expect(throws: EngineError.self) { try await release.push(image.descriptor, from: image) }
      #expect(error?.message.contains("'shop/web:1.1' configured as immutable") == true)
      let latest = try Self.repository(lab, "shop/web:latest", "ana")
      #expect(try await latest.push(image.descriptor, from: image) == image.digest)
    }
  }

  @Test func itsAPITellsOfProjectsScansAndQuotas() throws {
    try RegistryLab().run { lab async throws in
      let api = "/api/v2.0/"
      #expect(try await Self.ask(lab, "GET", api + "health").tree["status"]?.string == "healthy")
      let anonymous = try await Self.ask(lab, "GET", api + "projects").tree.array ?? []
      #expect(anonymous.compactMap { $0["name"]?.string } == ["library"])
      let ana = try await Self.ask(lab, "GET", api + "projects", "ana").tree.array ?? []
      #expect(ana.compactMap { $0["name"]?.string } == ["library", "shop", "sandbox"])
      let artifact = api + "projects/shop/repositories/web/artifacts/1.0"
      #expect(try await Self.ask(lab, "GET", artifact).status == 401)
      let type = "application/vnd.security.vulnerability.report; version=1.1"
      let overview = try await Self.ask(lab, "GET", artifact, "ana").tree["scan_overview"]?[type]
      #expect(overview?["severity"]?.string == "Critical" && overview?["summary"]?["total"]?.int == 9)
      #expect(try await Self.ask(lab, "POST", artifact + "/scan", "ana").status == 202)
      let report = try await Self.ask(lab, "GET", artifact + "/additions/vulnerabilities", "ana")
      #expect(report.tree[type]?["vulnerabilities"]?[0]?["id"]?.string == "CVE-2022-37434")
      let found = try await lab.ask(
        "GET", "https://harbor.example.com/api/v2.0/search", headers: ["Authorization": basic("ana", "drydock")],
        query: [("q", "web")])
      #expect(found.tree["repository"]?[0]?["repository_name"]?.string == "shop/web")
      #expect(try await Self.ask(lab, "GET", api + "projects", "ana", "wrong").status == 401)
      #expect(try await Self.ask(lab, "GET", api + "projects/shop/repositories/nope/artifacts", "ana").status == 404)
    }
  }

  @Test func bytesAreWrittenAsHarborDoes() {
    #expect(Harbor.binary(0) == "0 B" && Harbor.binary(1023) == "1023 B" && Harbor.binary(1536) == "1.5 KiB")
    #expect(Harbor.binary(10 << 20) == "10.0 MiB")
  }
}

@Suite struct RegistryDeterminismTests {
  @Test func theSameRequestsGetTheSameAnswers() throws {
    func session() throws -> [String] {
      let lab = RegistryLab()
      return try lab.run { lab async throws in
        var seen: [String] = [try await lab.hubToken("repository:library/alpine:pull")]
        let begun = try await lab.ask("POST", "http://localhost:5000/v2/a/blobs/uploads/")
        seen.append(begun.header("Location") ?? "")
        seen.append(lab.registries.ecrPassword())
        seen.append("\(lab.world.now)")
        return seen
      }
    }
    #expect(try session() == session())
  }
}
