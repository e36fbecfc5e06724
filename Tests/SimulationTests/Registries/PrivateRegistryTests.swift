import Engine
import JSONTree
import OCISpec
import Seams
import Testing

@testable import Simulation

private let base = "http://localhost:5000/v2/"

@Suite struct PrivateRegistryTests {
  // MARK: registry:2 on this machine

  @Test func beginsEmptyAndTakesWhatIsPushed() throws {
    try RegistryLab().run { lab async throws in
      #expect(try await lab.ask("GET", base).status == 200)
      #expect(try await lab.ask("GET", base + "_catalog").tree["repositories"]?.strings == [])
      let image = TestImage("one", declaredSize: 5_000_000)
      let repository = lab.client().repository(try ImageReference("localhost:5000/team/app:1.0"))
      #expect(try await repository.push(image.descriptor, from: image) == image.digest)
      #expect(lab.registries.repositories("localhost:5000") == ["team/app"])
      #expect(lab.registries.digest(try ImageReference("localhost:5000/team/app:1.0")) == image.digest)
      // The layer keeps the size that it claims.
      let head = try await lab.ask("HEAD", base + "team/app/blobs/\(Digest(sha256: image.layer))")
      #expect(head.status == 200 && head.header("Content-Length") == "5000000")
      let writer = MemoryWriter()
      try await repository.fetch(
        Descriptor(mediaType: MediaType.ociLayerGzip, digest: Digest(sha256: image.layer), size: 5_000_000),
        into: writer)
      #expect(writer.bytes == image.layer)
    }
  }

  @Test func speaksPlainHTTPOnly() throws {
    let lab = RegistryLab()
    let error = #expect(throws: EngineError.self) {
      try lab.run { try await $0.ask("GET", "https://localhost:5000/v2/") }
    }
    #expect(error?.message == "http: server gave HTTP response to HTTPS client")
    #expect(try lab.run { try await $0.ask("GET", "http://registry.example.com/v2/") }.status == 400)
  }

  @Test func hostsThatAreNotThereCannotBeReached() throws {
    let lab = RegistryLab()
    for (url, words) in [
      ("https://registry.nowhere.example/v2/", "dial tcp: lookup registry.nowhere.example: no such host"),
      ("http://localhost:5001/v2/", "dial tcp 127.0.0.1:5001: connect: connection refused"),
      ("https://evil.dkr.ecr.us-east-1.amazonaws.com/v2/", "no such host"),
    ] {
      let error = #expect(throws: EngineError.self) { try lab.run { try await $0.ask("GET", url) } }
      #expect(error?.message.contains(words) == true)
    }
  }

  // MARK: Uploads

  @Test func aBlobCanBePostedInOneRequest() throws {
    try RegistryLab().run { lab async throws in
      let digest = Digest(sha256: Array("hello".utf8)).description
      let created = try await lab.ask(
        "POST", base + "a/blobs/uploads/", query: [("digest", digest)], body: Array("hello".utf8))
      #expect(created.status == 201 && created.header("Location") == "/v2/a/blobs/" + digest)
      #expect(try await lab.ask("GET", base + "a/blobs/" + digest).body == Array("hello".utf8))
    }
  }

  @Test func aBlobCanBePutAfterAPost() throws {
    try RegistryLab().run { lab async throws in
      let begun = try await lab.ask("POST", base + "a/b/blobs/uploads/")
      #expect(begun.status == 202 && begun.header("Range") == "0-0")
      let location = "http://localhost:5000" + (begun.header("Location") ?? "")
      let wrong = try await lab.ask(
        "PUT", location, query: [("digest", Digest(sha256: [1]).description)], body: [2])
      #expect(wrong.status == 400 && wrong.code == "DIGEST_INVALID")
      let right = try await lab.ask(
        "PUT", location, query: [("digest", Digest(sha256: [2]).description)], body: [2])
      #expect(right.status == 201)
      let gone = try await lab.ask("PUT", location, query: [("digest", Digest(sha256: [2]).description)], body: [2])
      #expect(gone.status == 404 && gone.code == "BLOB_UPLOAD_UNKNOWN")
    }
  }

  @Test func aBlobCanComeInChunksThatMustFitTogether() throws {
    try RegistryLab().run { lab async throws in
      let begun = try await lab.ask("POST", base + "a/blobs/uploads/")
      let location = "http://localhost:5000" + (begun.header("Location") ?? "")
      let first = try await lab.ask("PATCH", location, headers: ["Content-Range": "0-2"], body: [1, 2, 3])
      #expect(first.status == 202 && first.header("Range") == "0-2")
      let gap = try await lab.ask("PATCH", location, headers: ["Content-Range": "7-8"], body: [8, 9])
      #expect(gap.status == 416 && gap.header("Range") == "0-2")
      let status = try await lab.ask("GET", location)
      #expect(status.status == 204 && status.header("Range") == "0-2")
      _ = try await lab.ask("PATCH", location, headers: ["Content-Range": "3-4"], body: [4, 5])
      let digest = Digest(sha256: [1, 2, 3, 4, 5]).description
      #expect(try await lab.ask("PUT", location, query: [("digest", digest)]).status == 201)
      #expect(try await lab.ask("GET", base + "a/blobs/" + digest).body == [1, 2, 3, 4, 5])

      let other = try await lab.ask("POST", base + "a/blobs/uploads/")
      let cancelled = "http://localhost:5000" + (other.header("Location") ?? "")
      #expect(try await lab.ask("DELETE", cancelled).status == 204)
      #expect(try await lab.ask("GET", cancelled).status == 404)
    }
  }

  @Test func aBlobCanBeMountedFromAnotherRepository() throws {
    try RegistryLab().run { lab async throws in
      let digest = Digest(sha256: [1]).description
      _ = try await lab.ask("POST", base + "a/blobs/uploads/", query: [("digest", digest)], body: [1])
      let mounted = try await lab.ask("POST", base + "b/blobs/uploads/", query: [("mount", digest), ("from", "a")])
      #expect(mounted.status == 201)
      #expect(try await lab.ask("HEAD", base + "b/blobs/" + digest).status == 200)
      let missing = Digest(sha256: [9]).description
      let upload = try await lab.ask("POST", base + "b/blobs/uploads/", query: [("mount", missing), ("from", "a")])
      #expect(upload.status == 202, "what cannot be mounted is uploaded")
    }
  }

  // MARK: Manifests

  @Test func aManifestNeedsItsBlobs() throws {
    try RegistryLab().run { lab async throws in
      let image = TestImage("one")
      let headers = ["Content-Type": MediaType.ociManifest]
      let refused = try await lab.ask("PUT", base + "a/manifests/1", headers: headers, body: image.manifest)
      #expect(refused.status == 400 && refused.code == "MANIFEST_BLOB_UNKNOWN")
      for blob in [image.layer, image.config] {
        _ = try await lab.ask(
          "POST", base + "a/blobs/uploads/", query: [("digest", Digest(sha256: blob).description)], body: blob)
      }
      let put = try await lab.ask("PUT", base + "a/manifests/1", headers: headers, body: image.manifest)
      #expect(put.status == 201 && put.header("Docker-Content-Digest") == image.digest.description)
      #expect(try await lab.ask("GET", base + "a/manifests/1").body == image.manifest)
      #expect(try await lab.ask("GET", base + "a/manifests/\(image.digest)").body == image.manifest)
      let other = Digest(sha256: [1]).description
      #expect(
        try await lab.ask("PUT", base + "a/manifests/" + other, headers: headers, body: image.manifest).code
          == "DIGEST_INVALID")
      #expect(
        try await lab.ask("PUT", base + "a/manifests/-bad", headers: headers, body: image.manifest).code
          == "TAG_INVALID")
      for body in ["", "[]", "{}", #"{"schemaVersion":1}"#, #"{"schemaVersion":2,"config":{"digest":"x"}}"#] {
        let invalid = try await lab.ask("PUT", base + "a/manifests/2", headers: headers, body: Array(body.utf8))
        #expect(invalid.status == 400 && invalid.code == "MANIFEST_INVALID", "\(body)")
      }
    }
  }

  @Test func unknownThingsHaveTheirWords() throws {
    try RegistryLab().run { lab async throws in
      _ = try await lab.ask("POST", base + "a/blobs/uploads/", query: [("digest", Digest(sha256: []).description)])
      let digest = Digest(sha256: [9]).description
      for (path, status, code) in [
        ("nope/manifests/latest", 404, "NAME_UNKNOWN"), ("a/manifests/latest", 404, "MANIFEST_UNKNOWN"),
        ("a/manifests/" + digest, 404, "MANIFEST_UNKNOWN"), ("a/blobs/" + digest, 404, "BLOB_UNKNOWN"),
        ("a/blobs/nonsense", 400, "DIGEST_INVALID"), ("nope/tags/list", 404, "NAME_UNKNOWN"),
        ("UPPER/manifests/latest", 400, "NAME_INVALID"),
      ] {
        let answer = try await lab.ask("GET", base + path)
        #expect(answer.status == status && answer.code == code, "\(path)")
      }
      #expect(try await lab.ask("GET", "http://localhost:5000/v3/").status == 404)
      #expect(try await lab.ask("POST", base + "a/tags/list").status == 405)
      let picky = try await pushed("one", lab: lab)
      let refused = try await lab.ask(
        "GET", base + "app/manifests/\(picky.digest)", headers: ["Accept": MediaType.dockerManifest])
      #expect(refused.status == 404)
    }
  }

  private func pushed(_ text: String, tag: String = "latest", lab: RegistryLab) async throws -> TestImage {
    let image = TestImage(text)
    try await lab.client().repository(try ImageReference("localhost:5000/app:" + tag)).push(
      image.descriptor, from: image)
    return image
  }

  @Test func listsComeInPages() throws {
    try RegistryLab().run { lab async throws in
      for tag in ["c", "a", "e", "b", "d"] { _ = try await pushed("one", tag: tag, lab: lab) }
      let first = try await lab.ask("GET", base + "app/tags/list", query: [("n", "2")])
      #expect(first.tree["tags"]?.strings == ["a", "b"])
      #expect(first.header("Link") == "</v2/app/tags/list?last=b&n=2>; rel=\"next\"")
      let last = try await lab.ask("GET", base + "app/tags/list", query: [("n", "9"), ("last", "b")])
      #expect(last.tree["tags"]?.strings == ["c", "d", "e"] && last.header("Link") == nil)
      #expect(try await lab.ask("GET", base + "_catalog", query: [("n", "1")]).tree["repositories"]?.strings == ["app"])
      for n in ["-1", "x", "99999999999999999999"] {
        #expect(try await lab.ask("GET", base + "app/tags/list", query: [("n", n)]).status == 200)
      }
    }
  }

  @Test func manifestsTagsAndBlobsCanBeDeleted() throws {
    try RegistryLab().run { lab async throws in
      let image = try await pushed("one", tag: "1", lab: lab)
      _ = try await pushed("one", tag: "2", lab: lab)
      #expect(try await lab.ask("DELETE", base + "app/manifests/1").status == 202)
      #expect(lab.registries.tags("localhost:5000", "app") == ["2"])
      #expect(try await lab.ask("DELETE", base + "app/manifests/\(image.digest)").status == 202)
      #expect(lab.registries.tags("localhost:5000", "app") == [])
      #expect(try await lab.ask("GET", base + "app/manifests/2").status == 404)
      let layer = Digest(sha256: image.layer)
      #expect(try await lab.ask("DELETE", base + "app/blobs/\(layer)").status == 202)
      #expect(try await lab.ask("DELETE", base + "app/blobs/\(layer)").status == 404)
    }
  }

  @Test func referrersAreListed() throws {
    try RegistryLab().run { lab async throws in
      let image = try await pushed("one", lab: lab)
      let signature =
        #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","artifactType":"application/vnd.example.sig","#
        + #""config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\#(Digest(sha256: image.config))","size":2},"#
        + #""layers":[],"subject":{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(image.digest)","size":1}}"#
      let put = try await lab.ask(
        "PUT", base + "app/manifests/sig", headers: ["Content-Type": MediaType.ociManifest], body: Array(signature.utf8)
      )
      #expect(put.status == 201 && put.header("OCI-Subject") == image.digest.description)
      let list = try await lab.ask("GET", base + "app/referrers/\(image.digest)")
      #expect(list.header("Content-Type") == MediaType.ociIndex)
      #expect(list.tree["manifests"]?[0]?["artifactType"]?.string == "application/vnd.example.sig")
      let filtered = try await lab.ask(
        "GET", base + "app/referrers/\(image.digest)", query: [("artifactType", "other")])
      #expect(
        filtered.tree["manifests"]?.array?.isEmpty == true && filtered.header("OCI-Filters-Applied") == "artifactType")
    }
  }

  @Test func rangesOfABlobCanBeAskedFor() throws {
    try RegistryLab().run { lab async throws in
      let image = TestImage("0123456789", declaredSize: 1000)  // "layer 0123456789"
      try await lab.client().repository(try ImageReference("localhost:5000/app")).push(image.descriptor, from: image)
      let path = base + "app/blobs/\(Digest(sha256: image.layer))"
      func range(_ text: String) async throws -> RegistryResponse {
        try await lab.ask("GET", path, headers: ["Range": text])
      }
      let middle = try await range("bytes=6-8")
      #expect(middle.status == 206 && middle.body == Array("012".utf8))
      #expect(middle.header("Content-Range") == "bytes 6-8/1000")
      #expect(try await range("bytes=14-").body == Array("89".utf8))
      let behind = try await range("bytes=16-")
      #expect(behind.status == 206 && behind.body.isEmpty, "the model ends before its claim")
      #expect(try await range("bytes=1000-").status == 416)
      #expect(try await range("bytes=9-3").status == 416)
      for text in ["bytes=", "bytes=-5", "bytes=x-y", "bytes=1-2-3", "bytes=99999999999999999999-"] {
        #expect(try await range(text).status == 200, "\(text) is passed over")
      }
    }
  }

  // MARK: Behind a password file

  @Test func aPasswordFileAsksForBasicAuthentication() throws {
    try RegistryLab().run { lab async throws in
      let refused = try await lab.ask("GET", "https://registry.example.com/v2/")
      #expect(refused.status == 401 && refused.header("WWW-Authenticate") == #"Basic realm="Registry Realm""#)
      let error = await #expect(throws: EngineError.self) {
        try await lab.client().repository(try ImageReference("registry.example.com/shop/web:1.1")).resolve()
      }
      #expect(error?.message.hasSuffix("no basic auth credentials") == true)
      let ci = RegistryCredentials(username: "ci", password: "drydock-ci")
      let repository = lab.client().repository(try ImageReference("registry.example.com/shop/web:1.1"), credentials: ci)
      #expect(try await repository.resolve().mediaType == MediaType.ociIndex)
      #expect(try await lab.client().login("registry.example.com", ci) == "")
      let failed = await #expect(throws: EngineError.self) {
        try await lab.client().login("registry.example.com", RegistryCredentials(username: "ci", password: "no"))
      }
      #expect(failed?.message.contains("401 Unauthorized") == true)
      #expect(lab.registries.tags("registry.example.com", "shop/web") == ["1.0", "1.1", "latest"])
    }
  }
}
