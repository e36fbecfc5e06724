/// What an image runs on (image-spec, image-index.md; containerd's `platforms` for the text form and normalising).
public struct Platform: Codable, Hashable, Sendable, CustomStringConvertible {
  public var architecture: String
  public var os: String
  public var variant: String?
  public var osVersion: String?

  enum CodingKeys: String, CodingKey {
    case architecture, os
    case osVersion = "os.version"
    case variant
  }

  public init(os: String = "linux", architecture: String, variant: String? = nil, osVersion: String? = nil) {
    (self.os, self.architecture, self.variant, self.osVersion) = (os, architecture, variant, osVersion)
  }

  /// Parses `linux/amd64`, `linux/arm/v7`, `arm64`, `linux`; nil when malformed. Normalised: `x86_64` is `amd64`.
  public init?(_ text: String) {
    let parts = text.lowercased().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard (1...3).contains(parts.count),
      parts.allSatisfy({ part in
        !part.isEmpty
          && part.utf8.allSatisfy {
            ("a"..."z").contains(Character(UnicodeScalar($0))) || (48...57).contains($0) || $0 == 0x5f || $0 == 0x2d
              || $0 == 0x2e
          }
      })
    else { return nil }
    if parts.count == 1 {
      if ["linux", "windows", "darwin", "freebsd"].contains(parts[0]) {
        self.init(os: parts[0], architecture: Platform.host.architecture)
      } else {
        let (architecture, variant) = Platform.normalised(parts[0], nil)
        self.init(os: "linux", architecture: architecture, variant: variant)
      }
      return
    }
    let (architecture, variant) = Platform.normalised(parts[1], parts.count == 3 ? parts[2] : nil)
    self.init(os: parts[0], architecture: architecture, variant: variant)
  }

  private static func normalised(_ architecture: String, _ variant: String?) -> (String, String?) {
    switch architecture {
    case "x86_64", "x86-64", "amd64": return ("amd64", variant == "v1" ? nil : variant)
    case "i386", "386": return ("386", nil)
    case "aarch64", "arm64": return ("arm64", variant == "v8" || variant == "8" ? nil : variant)
    case "armhf": return ("arm", "v7")
    case "armel": return ("arm", "v6")
    case "arm":
      guard let variant else { return ("arm", "v7") }
      return ("arm", variant.hasPrefix("v") ? variant : "v" + variant)
    default: return (architecture, variant)
    }
  }

  /// What this machine runs.
  public static var host: Platform {
    #if arch(arm64)
      Platform(architecture: "arm64")
    #else
      Platform(architecture: "amd64")
    #endif
  }

  /// Whether an image for `other` runs where `self` is asked for: exact, or an older variant of the architecture.
  public func accepts(_ other: Platform) -> Bool {
    guard os == other.os, architecture == other.architecture else { return false }
    let own = Platform.normalised(architecture, variant).1
    let its = Platform.normalised(other.architecture, other.variant).1
    return own == its || (architecture == "arm" && (its ?? "v7") <= (own ?? "v7"))
  }

  public var description: String { ([os, architecture] + (variant.map { [$0] } ?? [])).joined(separator: "/") }
}
