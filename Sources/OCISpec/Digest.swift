/// A content address, `sha256:…` (image-spec, descriptor.md, "Digests").
public struct Digest: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// `algorithm:encoded`.
  public let description: String

  /// Parses `algorithm:encoded`; nil when it is malformed or the length does not fit the algorithm.
  public init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let isHex = parts[1].allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    switch String(parts[0]) {
    case "sha256": guard isHex, parts[1].count == 64 else { return nil }
    case "sha384": guard isHex, parts[1].count == 96 else { return nil }
    case "sha512": guard isHex, parts[1].count == 128 else { return nil }
    default: return nil
    }
    description = text
  }

  /// The SHA-256 of `bytes`.
  public init(sha256 bytes: [UInt8]) { self.init(sha256Digest: SHA256.hash(bytes)) }

  /// A SHA-256 that was computed elsewhere: its 32 bytes.
  public init(sha256Digest digest: [UInt8]) {
    var text: [UInt8] = Array("sha256:".utf8)
    for byte in digest {
      text.append(hexDigits[Int(byte >> 4)])
      text.append(hexDigits[Int(byte & 15)])
    }
    description = String(decoding: text, as: UTF8.self)
  }

  public var algorithm: String { String(description.prefix { $0 != ":" }) }
  /// The digest without its algorithm.
  public var encoded: String { String(description.drop { $0 != ":" }.dropFirst()) }

  public static func < (a: Digest, b: Digest) -> Bool { a.description < b.description }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let digest = Digest(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "invalid digest \(text)")
    }
    self = digest
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

private let hexDigits = Array("0123456789abcdef".utf8)

/// The chain id of a stack of layers: what a snapshot is named by (image-spec, config.md, "Layer ChainID").
public func chainID(of diffIDs: some Sequence<Digest>) -> Digest? {
  var chain: Digest?
  for diffID in diffIDs {
    chain = chain.map { Digest(sha256: Array("\($0) \(diffID)".utf8)) } ?? diffID
  }
  return chain
}
