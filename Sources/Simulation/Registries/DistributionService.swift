import JSONTree
import OCISpec
import Seams
import Synchronization

/// The distribution API over a store, as the distribution project's `registry` serves it. Who may do what has been
/// decided before.
final class DistributionService: Sendable {
  /// Where registries differ.
  struct Options: Sendable {
    /// Whether manifests and blobs can be deleted.
    var allowsDeletes = true
    /// Whether a push makes the repository.
    var createsRepositories = true
    /// Where a blob's bytes really are: the address to be redirected to.
    var blobLocation: (@Sendable (_ name: String, _ digest: Digest) -> String)?
    /// The words for a manifest that is not there.
    var manifestUnknown: @Sendable (_ name: String, _ reference: String) -> RegistryResponse = { name, reference in
      .refusal(
        404, "MANIFEST_UNKNOWN", "manifest unknown",
        detail: reference.contains(":")
          ? .string("unknown manifest name=\(name) revision=\(reference)") : ["Tag": .string(reference)])
    }
    /// The words for a repository that is not there.
    var nameUnknown: @Sendable (_ name: String) -> RegistryResponse = { name in
      .refusal(404, "NAME_UNKNOWN", "repository name not known to registry", detail: ["name": .string(name)])
    }
    /// A rule of the registry's own against storing a blob of that size.
    var refusesBlob: @Sendable (_ name: String, _ size: Int64) -> RegistryResponse? = { _, _ in nil }
    /// A rule of the registry's own against storing a manifest.
    var refusesManifest: @Sendable (_ name: String, _ reference: String, Digest) -> RegistryResponse? = { _, _, _ in
      nil
    }
  }

  let store: RegistryStore
  let world: any World
  let options: Options
  /// Uploads under way, by id.
  let uploads = Mutex<[String: Upload]>([:])

  struct Upload: Sendable {
    var name: String
    var bytes: [UInt8] = []
  }

  static let version = NameValue("Docker-Distribution-Api-Version", "registry/2.0")

  init(store: RegistryStore, world: any World, options: Options = .init()) {
    (self.store, self.world, self.options) = (store, world, options)
  }

  func answer(_ request: RegistryRequest, _ route: DistributionRoute) async -> RegistryResponse {
    if let name = route.name, !isRepositoryName(name) {
      return .refusal(400, "NAME_INVALID", "invalid repository name", detail: ["name": .string(name)])
    }
    var response = await unversioned(request, route)
    response.headers.append(DistributionService.version)
    return request.method == "HEAD" ? response.withoutBody : response
  }

  private func unversioned(_ request: RegistryRequest, _ route: DistributionRoute) async -> RegistryResponse {
    switch (request.method, route) {
    case ("GET", .base), ("HEAD", .base): return .json(200, [:])
    case ("GET", .catalog): return catalog(request)
    case ("GET", .manifest(let name, let reference)), ("HEAD", .manifest(let name, let reference)):
      return manifest(request, name, reference)
    case ("PUT", .manifest(let name, let reference)):
      return putManifest(name, reference, request, await request.wholeBody())
    case ("DELETE", .manifest(let name, let reference)):
      guard options.allowsDeletes else { return unsupported }
      guard store.contains(name) else { return options.nameUnknown(name) }
      return store.deleteManifest(name, reference) ? RegistryResponse(202) : options.manifestUnknown(name, reference)
    case ("GET", .blob(let name, let text)), ("HEAD", .blob(let name, let text)): return blob(request, name, text)
    case ("DELETE", .blob(let name, let text)):
      guard options.allowsDeletes else { return unsupported }
      guard let digest = Digest(text) else { return digestInvalid }
      return store.deleteBlob(name, digest)
        ? RegistryResponse(202, headers: [NameValue("Docker-Content-Digest", text)]) : blobUnknown(digest)
    case ("GET", .tags(let name)): return tags(request, name)
    case ("GET", .referrers(let name, let text)): return referrers(request, name, text)
    case ("POST", .uploads(let name)): return await beginUpload(request, name)
    case (_, .upload(let name, let id)): return await continueUpload(request, name, id)
    default: return unsupported
    }
  }

  var unsupported: RegistryResponse { .refusal(405, "UNSUPPORTED", "The operation is unsupported.") }
  var digestInvalid: RegistryResponse {
    .refusal(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
  }
  func blobUnknown(_ digest: Digest) -> RegistryResponse {
    .refusal(404, "BLOB_UNKNOWN", "blob unknown to registry", detail: ["digest": .string(digest.description)])
  }

  // MARK: Manifests

  private func manifest(_ request: RegistryRequest, _ name: String, _ reference: String) -> RegistryResponse {
    guard store.contains(name) else { return options.nameUnknown(name) }
    guard let manifest = store.manifest(name, reference) else { return options.manifestUnknown(name, reference) }
    let accepted = request.headers.filter { $0.name.lowercased() == "accept" }.map(\.value).joined(separator: ",")
    if !accepted.isEmpty, !accepted.contains("*/*"), !accepted.contains(manifest.mediaType) {
      let kind = MediaType.isIndex(manifest.mediaType) ? "OCI index" : "OCI manifest"
      return .refusal(404, "MANIFEST_UNKNOWN", "\(kind) found, but accept header does not support it")
    }
    let headers = [
      NameValue("Content-Type", manifest.mediaType), NameValue("Content-Length", "\(manifest.bytes.count)"),
      NameValue("Docker-Content-Digest", manifest.digest.description),
      NameValue("Etag", "\"\(manifest.digest)\""),
    ]
    if let known = request.header("If-None-Match"), known.contains(manifest.digest.description) {
      return RegistryResponse(304, headers: Array(headers[2...]))
    }
    return RegistryResponse(200, headers: headers, body: manifest.bytes)
  }

  private func putManifest(
    _ name: String, _ reference: String, _ request: RegistryRequest, _ bytes: [UInt8]
  ) -> RegistryResponse {
    guard store.contains(name) || options.createsRepositories else { return options.nameUnknown(name) }
    guard bytes.count <= 4 << 20 else {
      return .refusal(413, "MANIFEST_INVALID", "manifest is larger than 4194304 bytes")
    }
    let digest = Digest(sha256: bytes)
    var tag: String? = reference
    if reference.contains(":") {
      guard Digest(reference) == digest else { return digestInvalid }
      tag = nil
    } else if !ImageReference.isTag(reference) {
      return .refusal(400, "TAG_INVALID", "manifest tag did not match URI", detail: ["Tag": .string(reference)])
    }
    if let refusal = options.refusesManifest(name, reference, digest) { return refusal }
    let declared = request.header("Content-Type").map { String($0.prefix { $0 != ";" }) }
    let mediaType = declared ?? (try? JSON(parsing: bytes))?["mediaType"]?.string ?? MediaType.ociManifest
    guard MediaType.isIndex(mediaType) || MediaType.isManifest(mediaType) else {
      return .refusal(
        400, "MANIFEST_INVALID", "manifest invalid", detail: .string("unsupported media type \(mediaType)"))
    }
    do {
      let manifest = try store.put(name, tag: tag, mediaType: mediaType, bytes)
      var headers = [
        NameValue("Location", "/v2/\(name)/manifests/\(digest)"),
        NameValue("Docker-Content-Digest", digest.description),
      ]
      if let subject = manifest.subject { headers.append(NameValue("OCI-Subject", subject.description)) }
      return RegistryResponse(201, headers: headers)
    } catch {
      switch error {
      case .invalid(let reason):
        return .refusal(400, "MANIFEST_INVALID", "manifest invalid", detail: .string(reason))
      case .blobUnknown(let digest):
        return .refusal(
          400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", detail: ["digest": .string(digest.description)])
      }
    }
  }

  private func referrers(_ request: RegistryRequest, _ name: String, _ text: String) -> RegistryResponse {
    guard let digest = Digest(text) else { return digestInvalid }
    var found = store.referrers(name, digest)
    var headers: [NameValue] = []
    if let type = request.query("artifactType") {
      found = found.filter { $0.artifactType == type }
      headers.append(NameValue("OCI-Filters-Applied", "artifactType"))
    }
    let index = ImageIndex(
      manifests: found.map {
        Descriptor(
          mediaType: $0.mediaType, digest: $0.digest, size: Int64($0.bytes.count), annotations: $0.annotations,
          artifactType: $0.artifactType)
      })
    var response = RegistryResponse.json(200, index.json)
    response.headers[0].value = MediaType.ociIndex
    response.headers += headers
    return response
  }

  // MARK: Lists

  private func tags(_ request: RegistryRequest, _ name: String) -> RegistryResponse {
    guard let tags = store.tags(name) else { return options.nameUnknown(name) }
    let page = DistributionService.page(tags, request)
    return .json(
      200, ["name": .string(name), "tags": JSON(page.items)],
      headers: page.next.map { [NameValue("Link", "</v2/\(name)/tags/list?\($0)>; rel=\"next\"")] } ?? [])
  }

  private func catalog(_ request: RegistryRequest) -> RegistryResponse {
    let page = DistributionService.page(store.names, request)
    return .json(
      200, ["repositories": JSON(page.items)],
      headers: page.next.map { [NameValue("Link", "</v2/_catalog?\($0)>; rel=\"next\"")] } ?? [])
  }

  /// What `n` and `last` ask for of a sorted list, and the query of the next page when there is more.
  static func page(_ all: [String], _ request: RegistryRequest) -> (items: [String], next: String?) {
    var items = all
    if let last = request.query("last"), !last.isEmpty { items = Array(items.drop { $0 <= last }) }
    guard let n = request.query("n").flatMap({ Int($0) }), n >= 0, n < items.count else { return (items, nil) }
    items = Array(items.prefix(n))
    return (items, items.last.map { "last=\($0)&n=\(n)" })
  }

  // MARK: Blobs

  private func blob(_ request: RegistryRequest, _ name: String, _ text: String) -> RegistryResponse {
    guard let digest = Digest(text) else { return digestInvalid }
    guard let blob = store.blob(name, digest) else { return blobUnknown(digest) }
    if let location = options.blobLocation {
      return RegistryResponse(307, headers: [NameValue("Location", location(name, digest))])
    }
    return DistributionService.content(blob, digest, request)
  }

  /// The bytes of a blob, or the range of them that was asked for (RFC 9110, section 14).
  static func content(_ blob: RegistryStore.Blob, _ digest: Digest, _ request: RegistryRequest) -> RegistryResponse {
    var headers = [
      NameValue("Accept-Ranges", "bytes"), NameValue("Content-Type", "application/octet-stream"),
      NameValue("Docker-Content-Digest", digest.description), NameValue("Etag", "\"\(digest)\""),
    ]
    if let header = request.header("Range"), header.hasPrefix("bytes=") {
      let bounds = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
      if bounds.count == 2, let start = Int64(bounds[0]), start >= 0 {
        let last = min(bounds[1].isEmpty ? .max : Int64(bounds[1]) ?? .max, blob.size - 1)
        guard start < blob.size, start <= last else {
          return RegistryResponse(416, headers: [NameValue("Content-Range", "bytes */\(blob.size)")])
        }
        // The model has fewer bytes than it claims: behind them there is nothing.
        let held = Int64(blob.bytes.count)
        let slice = start < held ? Array(blob.bytes[Int(start)...Int(min(last, held - 1))]) : []
        headers += [
          NameValue("Content-Range", "bytes \(start)-\(last)/\(blob.size)"),
          NameValue("Content-Length", "\(last - start + 1)"),
        ]
        return RegistryResponse(206, headers: headers, body: slice)
      }
    }
    headers.append(NameValue("Content-Length", "\(blob.size)"))
    return RegistryResponse(200, headers: headers, body: blob.bytes)
  }
}
