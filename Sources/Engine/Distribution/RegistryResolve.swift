import JSONTree
import OCISpec
import Seams

/// The largest manifest or index that is read (containerd: `MaxManifestSize`).
let maxManifestSize: Int64 = 4 * 1048 * 1048
/// How deep indexes may be nested.
let maxIndexDepth = 8

extension RegistryRepository {
  private static let acceptAll = [
    MediaType.dockerManifest, MediaType.dockerManifestList, MediaType.ociManifest, MediaType.ociIndex, "*/*",
  ].joined(separator: ", ")

  /// What the reference (its digest, else its tag, else `latest`) points at: HEAD, and GET where HEAD does not say
  /// enough. Throws `manifest for X not found: …`, `pull access denied for X, …`.
  public func resolve() async throws -> Descriptor {
    try await asking { endpoint in
      if let digest = reference.digest {
        // Something that is addressed by its digest may as well be a blob.
        do {
          return try await resolve("manifests", "reference", digest.description, at: endpoint)
        } catch let error as EngineError where error.code == .notFound && !error.message.hasPrefix("pull access") {
          if let blob = try? await resolve("blobs", "digest", digest.description, at: endpoint) { return blob }
          throw error
        }
      }
      return try await resolve("manifests", "reference", reference.tag ?? "latest", at: endpoint)
    }
  }

  private func resolve(
    _ kind: String, _ parameter: String, _ value: String, at endpoint: RegistryEndpoint
  ) async throws -> Descriptor {
    let template = "/v2/{name}/\(kind)/{\(parameter)}"
    let headers = [NameValue("Accept", RegistryRepository.acceptAll)]
    var response = try await send("HEAD", template, [parameter: value], at: endpoint, headers: headers)
    var method = "HEAD"
    let isComplete =
      response.header("Docker-Content-Digest") != nil && response.header("Content-Length") != nil
      && response.header("Content-Type") != nil
    if response.status == 405 || (response.status == 200 && !isComplete) {
      method = "GET"
      response = try await send("GET", template, [parameter: value], at: endpoint, headers: headers)
    }
    guard response.status == 200 else { throw await refusal(response, method, "\(kind)/\(value)") }

    let mediaType = mediaTypeWithoutParameters(response.header("Content-Type") ?? "")
    if mediaType == "application/vnd.docker.distribution.manifest.v1+json"
      || mediaType == "application/vnd.docker.distribution.manifest.v1+prettyjws"
    {
      response.discard()
      throw EngineError(
        .notImplemented,
        "media type \"\(mediaType)\" is no longer supported since containerd v2.1, please rebuild the image as "
          + "\"\(MediaType.dockerManifest)\" or \"\(MediaType.ociManifest)\"")
    }
    var digest = response.header("Docker-Content-Digest").flatMap(Digest.init)
    var size = response.header("Content-Length").flatMap { Int64($0) }
    if method == "GET" {
      let body = try await response.collect(limit: Int(maxManifestSize))
      digest = Digest(sha256: body)
      size = Int64(body.count)
    }
    guard let digest, let size, size >= 0 else {
      throw EngineError(.unknown, "could not resolve digest for \(reference): invalid Docker-Content-Digest")
    }
    if let expected = reference.digest, expected != digest {
      throw EngineError(
        .failedPrecondition, "unexpected digest \(digest) for \(reference), expected \(expected): failed precondition")
    }
    return Descriptor(mediaType: mediaType, digest: digest, size: size)
  }

  /// A whole document: manifest, index, config or attestation, checked against its descriptor's size and digest.
  public func document(_ descriptor: Descriptor) async throws -> [UInt8] {
    guard descriptor.size <= maxManifestSize else {
      throw EngineError(
        .failedPrecondition, "rejecting \(descriptor.size) byte \(descriptor.mediaType): exceeded max size")
    }
    let isManifest = MediaType.isManifest(descriptor.mediaType) || MediaType.isIndex(descriptor.mediaType)
    return try await asking { endpoint in
      var attempt = 1
      while true {
        let body = try await fetchDocument(descriptor, isManifest: isManifest, at: endpoint)
        if Int64(body.count) == descriptor.size {
          let digest = Digest(sha256: body)
          guard digest == descriptor.digest else {
            throw mismatch(descriptor, "unexpected commit digest \(digest), expected \(descriptor.digest)")
          }
          return body
        }
        guard Int64(body.count) < descriptor.size, attempt < RegistryClient.maxAttempts else {
          throw mismatch(descriptor, "unexpected commit size \(body.count), expected \(descriptor.size)")
        }
        // The connection broke in the middle.
        attempt += 1
        try await client.world.sleep(RegistryClient.backoff(attempt))
      }
    }
  }

  private func fetchDocument(
    _ descriptor: Descriptor, isManifest: Bool, at endpoint: RegistryEndpoint
  ) async throws -> [UInt8] {
    let digest = descriptor.digest.description
    let response =
      isManifest
      ? try await send(
        "GET", "/v2/{name}/manifests/{reference}", ["reference": digest], at: endpoint,
        headers: [NameValue("Accept", "\(descriptor.mediaType), */*")])
      : try await send(
        "GET", "/v2/{name}/blobs/{digest}", ["digest": digest], at: endpoint,
        headers: [NameValue("Accept", "\(descriptor.mediaType), */*")])
    guard response.status == 200 else {
      throw await refusal(response, "GET", isManifest ? "manifests/\(digest)" : "blobs/\(digest)")
    }
    if let declared = response.header("Content-Length").flatMap({ Int64($0) }), declared != descriptor.size {
      response.discard()
      throw mismatch(descriptor, "unexpected commit size \(declared), expected \(descriptor.size)")
    }
    return try await response.collect(limit: Int(maxManifestSize))
  }

  func mismatch(_ descriptor: Descriptor, _ what: String) -> EngineError {
    EngineError(
      .failedPrecondition, "failed commit on ref \"\(ingestRef(descriptor))\": \(what): failed precondition")
  }
}

/// The name under which containerd writes a blob: `layer-sha256:…` (its `remotes.MakeRefKey`).
public func ingestRef(_ descriptor: Descriptor) -> String {
  let kind =
    switch descriptor.mediaType {
    case let type where MediaType.isIndex(type): "index"
    case let type where MediaType.isManifest(type): "manifest"
    case let type where MediaType.isLayer(type): "layer"
    case let type where MediaType.isConfig(type): "config"
    default: "unknown"
    }
  return "\(kind)-\(descriptor.digest)"
}

/// `application/json` of `application/json; charset=utf-8`.
private func mediaTypeWithoutParameters(_ text: String) -> String {
  let type = text.prefix { $0 != ";" }
  return String(type.reversed().drop { $0 == " " }.reversed())
}
