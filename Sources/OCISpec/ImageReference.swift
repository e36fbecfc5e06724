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
    var rest = Substring(text)
    if let at = rest.firstIndex(of: "@") {
      guard let digest = Digest(String(rest[rest.index(after: at)...])) else { throw invalid }
      self.digest = digest
      rest = rest[..<at]
    }
    // A tag follows the last colon behind the last slash.
    let lastSlash = rest.lastIndex(of: "/") ?? rest.startIndex
    if let colon = rest[lastSlash...].lastIndex(of: ":") {
      let tag = String(rest[rest.index(after: colon)...])
      guard ImageReference.isTag(tag) else { throw invalid }
      self.tag = tag
      rest = rest[..<colon]
    }
    let name = String(rest)
    if digest == nil, tag == nil, name.utf8.count == 64, name.utf8.allSatisfy(isLowerHex) {
      throw Malformed(
        description: "invalid repository name (\(name)), cannot specify 64-byte hexadecimal strings")
    }
    let components = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if components.count > 1,
      components[0].contains(where: { $0 == "." || $0 == ":" }) || components[0] == "localhost"
        || components[0].contains(where: \.isUppercase)
    {
      domain = components[0] == "index.docker.io" ? "docker.io" : components[0]
      path = components.dropFirst().joined(separator: "/")
    } else {
      domain = "docker.io"
      path = name
    }
    if domain == "docker.io", !path.contains("/") { path = "library/" + path }
    guard ImageReference.isDomain(domain) else { throw invalid }
    if path.contains(where: \.isUppercase) {
      throw Malformed(description: "invalid reference format: repository name (\(path)) must be lowercase")
    }
    guard path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(ImageReference.isPathComponent)
    else { throw invalid }
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

  private static func isDomain(_ text: String) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if text.hasPrefix("[") { return text.contains("]") }
    guard (1...2).contains(parts.count), !parts[0].isEmpty else { return false }
    if parts.count == 2 { guard let port = Int(parts[1]), (1...65535).contains(port) else { return false } }
    return parts[0].split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      !label.isEmpty && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
  }

  /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
  private static func isPathComponent(_ text: Substring) -> Bool {
    var run: [UInt8] = []
    guard let first = text.utf8.first, let last = text.utf8.last, isLowerAlphanumeric(first), isLowerAlphanumeric(last)
    else { return false }
    for byte in text.utf8 {
      if isLowerAlphanumeric(byte) {
        if !run.isEmpty, run != [0x2e], run != [0x5f], run != [0x5f, 0x5f], !run.allSatisfy({ $0 == 0x2d }) {
          return false
        }
        run = []
      } else {
        guard byte == 0x2e || byte == 0x5f || byte == 0x2d else { return false }
        run.append(byte)
      }
    }
    return true
  }
}

private func isLowerHex(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
private func isLowerAlphanumeric(_ byte: UInt8) -> Bool {
  (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
}
private func isAlphanumeric(_ byte: UInt8) -> Bool { isLowerAlphanumeric(byte) || (0x41...0x5a).contains(byte) }
private func isWord(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || byte == 0x5f }
