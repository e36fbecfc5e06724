import OCISpec
import Seams

/// How users name images: by reference, by id, by the beginning of an id.
enum ImageName: Sendable, Hashable {
  /// 64 hexadecimal digits, or `sha256:` and as many.
  case id(Digest)
  case named(ImageReference)

  /// Throws invalidArgument in the words of the reference grammar.
  init(_ text: String) throws {
    if text.utf8.count == 64, let digest = Digest("sha256:" + text) {
      self = .id(digest)
    } else if let digest = Digest(text) {
      self = .id(digest)
    } else {
      self = .named(try parsedReference(text))
    }
  }

  /// As messages show it.
  var familiar: String {
    switch self {
    case .id(let digest): digest.description
    case .named(let reference): reference.tagged.familiar
    }
  }

  var noSuchImage: EngineError { EngineError(.notFound, "No such image: \(familiar)") }
}

/// Parses a reference; a malformed one is an invalidArgument.
func parsedReference(_ text: String) throws -> ImageReference {
  do { return try ImageReference(text) } catch { throw EngineError(.invalidArgument, error.description) }
}

/// The digits of an id or its beginning: 4 to 64, with or without `sha256:`; nil when it is none.
func truncatedIDDigits(_ text: String) -> String? {
  let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
  guard (4...64).contains(digits.utf8.count),
    digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
  else { return nil }
  return String(digits)
}

/// Whether `text` is the beginning of `id`, with or without the algorithm.
func isIDPrefix(_ text: String, of id: Digest) -> Bool {
  id.description.hasPrefix(text) || id.encoded.hasPrefix(text)
}

extension ImageStore {
  /// The image that `text` names. Throws notFound `No such image: NAME`, or `ambiguous reference`.
  func resolve(_ text: String) async throws -> ImageRecord {
    let name = try ImageName(text)
    switch name {
    case .id(let digest):
      guard let record = try await names(of: digest).first else { throw name.noSuchImage }
      return record
    case .named(let reference):
      if let digest = reference.digest {
        let match = try await names(of: digest).first {
          (try? ImageReference($0.name))?.repository == reference.repository
        }
        guard let match else { throw name.noSuchImage }
        return match
      }
      let full = reference.tagged.description
      if let record = try await get(full) { return record }
      guard let digits = truncatedIDDigits(text) else { throw name.noSuchImage }
      let records = try await list(Self.filters(name: full, digits: digits))
      if let exact = records.first(where: { $0.name == full }) { return exact }
      guard let first = records.first else { throw name.noSuchImage }
      guard records.allSatisfy({ $0.target.digest == first.target.digest }) else {
        throw EngineError(.notFound, "ambiguous reference")
      }
      return first
    }
  }

  /// The image of that name, and every name of the same target; only the latter when `text` is an id.
  func resolveAll(_ text: String) async throws -> (image: ImageRecord?, all: [ImageRecord]) {
    var image: ImageRecord?
    let digest: Digest
    let name: ImageName
    if Self.isDanglingName(text), let record = try await get(text) {
      return (record, try await names(of: record.target.digest))
    }
    name = try ImageName(text)
    switch name {
    case .id(let id):
      image = try await get(id.description)
      digest = image?.target.digest ?? id
    case .named(let reference):
      let full = reference.tagged.description
      if let digits = truncatedIDDigits(text) {
        let records = try await list(Self.filters(name: full, digits: digits))
        guard let first = records.first else { throw name.noSuchImage }
        image = records.first { $0.name == full }
        guard records.allSatisfy({ $0.target.digest == first.target.digest }) else {
          throw EngineError(.notFound, "ambiguous reference")
        }
        guard let image, records.count == 1 else { return (image, records) }
        digest = image.target.digest
      } else {
        image = try await get(full)
        guard let known = image?.target.digest ?? reference.digest else { throw name.noSuchImage }
        digest = known
      }
    }
    let all = try await names(of: digest)
    guard !all.isEmpty, image.map({ image in all.contains { $0.name == image.name } }) ?? true else {
      if image == nil { throw name.noSuchImage }
      throw EngineError(.unknown, "consistency error: data changed during operation, retry")
    }
    return (image, all)
  }

  private static func filters(name: String, digits: String) -> [String] {
    let pattern = "^sha256:\(digits)[0-9a-fA-F]{\(64 - digits.utf8.count)}$"
    return ["name==\(quotedGo(name))", "target.digest~=\(quotedGo(pattern))"]
  }

  /// The manifest of `record` for a platform; without one, for the host's, or for any that is here.
  func bestManifest(_ record: ImageRecord, platform: Platform? = nil) async throws -> Descriptor {
    let host = daemon.configuration.platform
    if MediaType.isManifest(record.target.mediaType) {
      let own = try await config(try await manifest(record.target.digest).config.digest).config.platform
      if platform.map({ Self.isStrictly(own, $0) }) ?? true { return record.target }
    } else if MediaType.isIndex(record.target.mediaType) {
      let images = try await index(record.target.digest).manifests.filter {
        MediaType.isManifest($0.mediaType) && !Self.isPseudo($0)
      }
      // What cannot be wanted is not looked for.
      let wanted = images.filter { descriptor in
        guard let own = descriptor.platform else { return true }
        return platform.map { Self.isStrictly(own, $0) } ?? host.accepts(own)
      }.sorted { ($0.platform?.variant ?? "") > ($1.platform?.variant ?? "") }
      for descriptor in wanted {
        do {
          _ = try await manifest(descriptor.digest)
          return descriptor
        } catch let error as EngineError where error.code == .notFound {}
      }
      if platform == nil {
        for descriptor in images where !wanted.contains(descriptor) {
          if try await info(descriptor.digest) != nil { return descriptor }
        }
      }
    } else {
      throw EngineError(
        .invalidArgument, "error walking manifest for \(record.name): descriptor is neither a manifest or index")
    }
    throw Self.platformNotFound(Self.familiarName(record), platform)
  }

  static func platformNotFound(_ name: String, _ platform: Platform?) -> EngineError {
    let wanted = platform.map { "the specified platform (\($0))" } ?? "any platform"
    return EngineError(.notFound, "image with reference \(name) was found but does not provide \(wanted)")
  }

  /// Not an image but a statement about one, or of no known platform.
  static func isPseudo(_ descriptor: Descriptor) -> Bool {
    descriptor.annotations?["vnd.docker.reference.type"] != nil
      || (descriptor.platform?.os == "unknown" && descriptor.platform?.architecture == "unknown")
  }

  /// The same platform, and not merely one that would run on it.
  static func isStrictly(_ own: Platform, _ wanted: Platform) -> Bool {
    own.os == wanted.os && own.architecture == wanted.architecture && own.accepts(wanted) && wanted.accepts(own)
  }

  /// The image for containers: name, manifest, config.
  func localImage(_ text: String, platform: Platform? = nil) async throws -> LocalImage {
    let record = try await resolve(text)
    let descriptor = try await bestManifest(record, platform: platform)
    let manifest = try await manifest(descriptor.digest)
    let (config, chain) = try await config(manifest.config.digest)
    _ = try await parent(of: record.target.digest)
    var reference = ""
    if case .named(let named) = try ImageName(text), named.tagged.description == record.name || named.digest != nil {
      reference = named.tagged.familiar
    }
    return LocalImage(
      id: record.target.digest, reference: reference, storeName: record.name, manifestDescriptor: descriptor,
      manifest: manifest, configDescriptor: manifest.config, config: config, chainID: chain.last)
  }
}
