import JSONTree
import OCISpec
import Seams

extension ImageService {
  /// `POST /images/create?fromImage=…`: containerd fetches, dockerd tells how far it is.
  func pullResponse(_ request: APIRequest) async throws -> APIResponse {
    let platform = try Self.platform(request.query("platform"))
    // `pull -a` may send a trailing colon.
    var text = request.query("fromImage") ?? ""
    if text.last == ":" { text.removeLast() }
    var reference = try parsedReference(text)
    if let tag = request.query("tag"), !tag.isEmpty {
      if let digest = Digest(tag) {
        (reference.tag, reference.digest) = (nil, digest)
      } else {
        guard ImageReference.isTag(tag) else { throw EngineError(.invalidArgument, "invalid tag format") }
        reference.tag = tag
      }
    }
    guard reference.familiarName != "scratch" else {
      throw EngineError(.permissionDenied, "'scratch' is a reserved name")
    }
    let auth = Self.credentials(request.registryAuth)
    let wanted = reference
    return try await MessageStream.answer(daemon.world) { [self] out in
      if wanted.tag != nil || wanted.digest != nil {
        return try await pull(wanted, platform: platform, auth: auth, to: out)
      }
      // No tag: all of them.
      for tag in try await remoteTags(wanted, auth: auth) where ImageReference.isTag(tag) {
        var reference = wanted
        reference.tag = tag
        do { try await pull(reference, platform: platform, auth: auth, to: out) } catch let error as EngineError {
          throw EngineError(error.code, "error pulling \(reference): \(error.message)")
        }
      }
    }
  }

  /// The decoded `X-Registry-Auth`; nil when it says nothing.
  static func credentials(_ auth: JSON?) -> RegistryCredentials? {
    guard let auth else { return nil }
    let username = auth["username"]?.string ?? ""
    let password = auth["password"]?.string ?? ""
    let token = auth["identitytoken"]?.string ?? ""
    if username.isEmpty && password.isEmpty && token.isEmpty { return nil }
    return RegistryCredentials(username: username, password: password, identityToken: token)
  }

  private func pull(_ reference: ImageReference, platform: Platform?, auth: RegistryCredentials?, to out: MessageStream)
    async throws
  {
    let name = reference.description
    let wanted = platform ?? daemon.configuration.platform
    try await store.leased(labels: ["moby/prune.images": "true"]) { _ in
      let old = try await store.get(name)
      let progress = PullProgress(reference, out)
      do {
        _ = try await daemon.containerd.call(
          Transfer.Transfer(
            source: .registry(reference: name, auth: auth),
            destination: .imageStore(name: name, platform: wanted, allPlatforms: false),
            progress: { progress.handle($0) }),
          namespace: daemon.configuration.namespace)
      } catch let error as EngineError {
        throw Self.pullError(error, reference)
      }
      guard let new = try await store.get(name) else {
        throw EngineError(.notFound, "image \"\(name)\": not found")
      }
      let digest = new.target.digest
      if let old, old.target.digest != digest, try await store.names(of: old.target.digest).isEmpty {
        try await keepDangling(old)
      }
      if try await store.get(ImageStore.danglingName(digest)) != nil {
        try await store.delete(ImageStore.danglingName(digest))
      }
      await logEvent("pull", id: reference.familiar, name: reference.familiarName)
      progress.finish()
      out.status("Digest: \(digest)")
      out.status(
        old?.target.digest == digest
          ? "Status: Image is up to date for \(reference.familiar)"
          : "Status: Downloaded newer image for \(reference.familiar)")
      progress.warnOfLimit()
    }
  }

  /// containerd's refusal in dockerd's words.
  static func pullError(_ error: EngineError, _ reference: ImageReference) -> EngineError {
    switch error.code {
    case .permissionDenied, .unauthenticated:
      if error.message.contains("no basic auth credentials") || error.message.contains("pull access denied") {
        return EngineError(.notFound, error.message)
      }
      return EngineError(
        .notFound,
        "pull access denied for \(reference.familiarName), repository does not exist or may require 'docker login': "
          + error.message)
    default: return error
    }
  }
}
