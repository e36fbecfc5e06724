/// An image's name: `registry/path:tag@digest` (distribution's reference grammar), with Docker Hub's defaults.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
  /// `docker.io`, `ghcr.io`, `localhost:5000`.
  public var domain: String
  /// `library/nginx`.
  public var path: String
  public var tag: String?
  public var digest: Digest?

  /// Why a text is no reference, in Docker's words.
  public struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String
  }

  public init(domain: String, path: String, tag: String? = nil, digest: Digest? = nil) {
    (self.domain, self.path, self.tag, self.digest) = (domain, path, tag, digest)
  }

  /// Parses what users type. `nginx` becomes `docker.io/library/nginx`; no tag is added (see `tagged`).
  public init(_ text: String) throws(Malformed) {
    let invalid = Malformed(description: "invalid reference format")
    guard !text.isEmpty else { throw invalid }
    // By bytes: every command that names an image reads a reference, and looking for characters costs ten times as much.
    var rest = Substring(text)
    if let at = rest.utf8.firstIndex(of: UInt8(ascii: "@")) {
      guard let digest = Digest(String(rest[rest.utf8.index(after: at)...])) else { throw invalid }
      self.digest = digest
      rest = rest[..<at]
    }
    // A tag follows the last colon behind the last slash.
    let lastSlash = rest.utf8.lastIndex(of: UInt8(ascii: "/")) ?? rest.startIndex
    if let colon = rest.utf8[lastSlash...].lastIndex(of: UInt8(ascii: ":")) {
      let tag = String(rest[rest.utf8.index(after: colon)...])
      guard ImageReference.isTag(tag) else { throw invalid }
      self.tag = tag
      rest = rest[..<colon]
    }
    let name = String(rest)
    if digest == nil, tag == nil, name.utf8.count == 64, name.utf8.allSatisfy(isLowerHex) {
      throw Malformed(
        description: "invalid repository name (\(name)), cannot specify 64-byte hexadecimal strings")
    }
    if let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")), ImageReference.looksLikeDomain(name[..<slash]) {
      domain = name[..<slash] == "index.docker.io" ? "docker.io" : String(name[..<slash])
      path = String(name[name.utf8.index(after: slash)...])
    } else {
      domain = "docker.io"
      path = name
    }
    if domain == "docker.io" {
      if !path.utf8.contains(UInt8(ascii: "/")) { path = "library/" + path }
    } else {
      guard ImageReference.isDomain(domain) else { throw invalid }
    }
    if hasUppercase(path[...]) {
      throw Malformed(description: "invalid reference format: repository name (\(path)) must be lowercase")
    }
    var components = path[...]
    while let slash = components.utf8.firstIndex(of: UInt8(ascii: "/")) {
      guard ImageReference.isPathComponent(components[..<slash]) else { throw invalid }
      components = components[components.utf8.index(after: slash)...]
    }
    guard ImageReference.isPathComponent(components) else { throw invalid }
    guard path.utf8.count + domain.utf8.count < 256 else {
      throw Malformed(description: "repository name must not be more than 255 characters")
    }
  }

  /// With `:latest` when there is neither tag nor digest.
  public var tagged: ImageReference {
    tag == nil && digest == nil
      ? ImageReference(domain: domain, path: path, tag: "latest") : self
  }

  /// `docker.io/library/nginx`.
  public var repository: String { domain + "/" + path }
  /// The whole name: `docker.io/library/nginx:latest`.
  public var description: String {
    repository + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "")
  }
  /// The repository as users type it: `nginx`, `ghcr.io/me/app`.
  public var familiarName: String {
    guard domain == "docker.io" else { return repository }
    return path.hasPrefix("library/") && path.split(separator: "/").count == 2 ? String(path.dropFirst(8)) : path
  }
  /// The reference as users type it: `nginx:latest`.
  public var familiar: String { familiarName + (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "") }

  /// `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
  public static func isTag(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 128, isWord(first) else { return false }
    return text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
  }

  /// What stands before the first slash is a registry, and no part of the path, when it looks like one.
  private static func looksLikeDomain(_ text: Substring) -> Bool {
    text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") } || text == "localhost"
      || hasUppercase(text)
  }

  private static func isDomain(_ text: String) -> Bool {
    func isPort(_ text: some StringProtocol) -> Bool {
      text.utf8.allSatisfy { (0x30...0x39).contains($0) } && (Int(text).map { (1...65535).contains($0) } ?? false)
    }
    if text.utf8.first == UInt8(ascii: "[") {
      // An IPv6 address, without zone.
      guard let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let address = text[text.utf8.index(after: text.startIndex)..<end]
      let rest = text[text.utf8.index(after: end)...]
      return !address.isEmpty
        && address.utf8.allSatisfy {
          isLowerHex($0) || (0x41...0x46).contains($0) || $0 == UInt8(ascii: ":")
        } && (rest.isEmpty || rest.utf8.first == UInt8(ascii: ":") && isPort(rest.dropFirst()))
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), !parts[0].isEmpty else { return false }
    if parts.count == 2, !isPort(parts[1]) { return false }
    return parts[0].split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      !label.isEmpty && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
  }

  /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
  private static func isPathComponent(_ text: Substring) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last, isLowerAlphanumeric(first), isLowerAlphanumeric(last)
    else { return false }
    // What separates: one dot, one or two underscores, or any number of dashes.
    var (separator, length): (UInt8, Int) = (0, 0)
    for byte in text.utf8 {
      if isLowerAlphanumeric(byte) {
        length = 0
        continue
      }
      guard byte == 0x2e || byte == 0x5f || byte == 0x2d, length == 0 || byte == separator else { return false }
      (separator, length) = (byte, length + 1)
      if (byte == 0x2e && length > 1) || (byte == 0x5f && length > 2) { return false }
    }
    return true
  }
}

private func hasUppercase(_ text: Substring) -> Bool {
  text.utf8.contains { (0x41...0x5a).contains($0) }
    || (text.utf8.contains { $0 >= 0x80 } && text.contains(where: \.isUppercase))
}
private func isLowerHex(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
private func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
}
private func isAlphanumeric(_ byte: UInt8) -> Bool { isLowerAlphanumeric(byte) || (0x41...0x5a).contains(byte) }
private func isWord(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || byte == 0x5f }
