import OCISpec
import Seams

/// Uploads of blobs: in one request, in one piece after another request, in chunks, or shared from another repository
/// (distribution-spec, "Pushing blobs").
extension DistributionService {
  func beginUpload(_ request: RegistryRequest, _ name: String) async -> RegistryResponse {
    guard store.contains(name) || options.createsRepositories else { return options.nameUnknown(name) }
    if let text = request.query("mount") {
      guard let digest = Digest(text) else { return digestInvalid }
      if let source = request.query("from"), store.mount(digest, from: source, into: name) {
        return created(name, digest)
      }
      // What cannot be shared is uploaded.
    } else if let text = request.query("digest") {
      return finish(name, text, await request.wholeBody(), request)
    }
    let id = uuid()
    uploads.withLock { $0[id] = Upload(name: name) }
    return accepted(name, id, count: 0)
  }

  func continueUpload(_ request: RegistryRequest, _ name: String, _ id: String) async -> RegistryResponse {
    // The body is read before the upload is looked at: meanwhile another request may change it.
    let body = request.method == "PATCH" || request.method == "PUT" ? await request.wholeBody() : []
    guard let upload = uploads.withLock({ $0[id] }), upload.name == name else {
      return .refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
    }
    switch request.method {
    case "GET", "HEAD":
      return RegistryResponse(
        204,
        headers: [
          NameValue("Location", location(name, id)), NameValue("Range", range(upload.bytes.count)),
          NameValue("Docker-Upload-Uuid", id),
        ])
    case "DELETE":
      uploads.withLock { $0[id] = nil }
      return RegistryResponse(204)
    case "PATCH":
      if let header = request.header("Content-Range") {
        let bounds = header.split(separator: "-").map { Int($0) }
        guard bounds.count == 2, let start = bounds[0], let end = bounds[1], start == upload.bytes.count,
          end >= start, end - start < Int(clamping: body.count)
        else {
          return .refusal(
            416, "RANGE_INVALID", "invalid content range",
            headers: [NameValue("Location", location(name, id)), NameValue("Range", range(upload.bytes.count))])
        }
      }
      let count = uploads.withLock { uploads in
        uploads[id]?.bytes.append(contentsOf: body)
        return uploads[id]?.bytes.count ?? 0
      }
      return accepted(name, id, count: count)
    case "PUT":
      guard let text = request.query("digest") else {
        return .refusal(400, "DIGEST_INVALID", "digest missing")
      }
      let response = finish(name, text, upload.bytes + body, request)
      if response.status == 201 { uploads.withLock { $0[id] = nil } }
      return response
    default: return unsupported
    }
  }

  private func finish(_ name: String, _ text: String, _ bytes: [UInt8], _ request: RegistryRequest) -> RegistryResponse
  {
    guard let digest = Digest(text), Digest(sha256: bytes) == digest else { return digestInvalid }
    // A layer of trace mode claims more than it has; Content-Length says how much.
    let declared = request.header("Content-Length").flatMap { Int64($0) } ?? 0
    let size = max(declared, Int64(bytes.count))
    if let refusal = options.refusesBlob(name, size) { return refusal }
    store.put(name, digest, RegistryStore.Blob(bytes: bytes, size: size))
    return created(name, digest)
  }

  private func created(_ name: String, _ digest: Digest) -> RegistryResponse {
    RegistryResponse(
      201,
      headers: [
        NameValue("Location", "/v2/\(name)/blobs/\(digest)"), NameValue("Docker-Content-Digest", digest.description),
      ])
  }

  private func accepted(_ name: String, _ id: String, count: Int) -> RegistryResponse {
    RegistryResponse(
      202,
      headers: [
        NameValue("Location", location(name, id)), NameValue("Range", range(count)),
        NameValue("Docker-Upload-Uuid", id),
      ])
  }

  private func location(_ name: String, _ id: String) -> String { "/v2/\(name)/blobs/uploads/\(id)" }
  private func range(_ count: Int) -> String { "0-\(max(0, count - 1))" }

  private func uuid() -> String {
    let hex = Array(world.hexID(32))
    return String(hex[0..<8]) + "-" + String(hex[8..<12]) + "-" + String(hex[12..<16]) + "-" + String(hex[16..<20])
      + "-" + String(hex[20...])
  }
}
