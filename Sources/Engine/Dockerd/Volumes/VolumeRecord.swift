import JSONTree
import Seams

/// A volume of the driver `local`.
struct VolumeRecord: Sendable, Hashable, Codable, JSONWritable {
  /// The label of volumes that nobody gave a name.
  static let anonymousLabel = "com.docker.volume.anonymous"

  var name: String
  var driver: String
  /// Nanoseconds since 1970.
  var created: UInt64
  var labels: [String: String]?
  /// Of the driver: `type`, `device`, `o`.
  var options: [String: String]?

  var isAnonymous: Bool { labels?[Self.anonymousLabel] != nil }
  /// The driver mounts something instead of keeping the data in its folder.
  var needsMount: Bool { !(options?["type"] ?? "").isEmpty || !(options?["device"] ?? "").isEmpty }

  func root(_ dataRoot: String) -> String { "\(dataRoot)/volumes/\(name)" }
  func mountpoint(_ dataRoot: String) -> String { root(dataRoot) + "/_data" }

  /// Engine API `Volume`.
  func json(_ dataRoot: String, usage: (size: Int64, users: Int)? = nil) -> JSON {
    var object: JSONObject = [
      "CreatedAt": .string(RFC3339Time.text(created / 1_000_000_000 * 1_000_000_000)), "Driver": .string(driver),
      "Labels": labels.map { JSON($0) } ?? .null, "Mountpoint": .string(mountpoint(dataRoot)),
      "Name": .string(name), "Options": options.map { JSON($0) } ?? .null, "Scope": "local",
    ]
    if let usage {
      object["UsageData"] = ["RefCount": .int(Int64(usage.users)), "Size": .int(usage.size)]
    }
    return .object(object)
  }

  /// Throws what is wrong with a name (`[a-zA-Z0-9][a-zA-Z0-9_.-]+`).
  static func check(name: String) throws {
    if name.utf8.count == 1 {
      throw EngineError(
        .invalidArgument, "volume name is too short, names should be at least two alphanumeric characters")
    }
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    let bytes = Array(name.utf8)
    guard let first = bytes.first, isAlphanumeric(first),
      bytes.dropFirst().allSatisfy({ isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d })
    else {
      throw EngineError(
        .invalidArgument,
        "\"\(name)\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are "
          + "allowed. If you intended to pass a host directory, use absolute path")
    }
  }

  /// Throws what is wrong with the options of the driver `local`.
  static func check(options: [String: String]) throws {
    for name in options.keys.sorted() where !["type", "o", "device", "size"].contains(name) {
      throw EngineError(.invalidArgument, "invalid option: \"\(name)\"")
    }
    if options["type"] == "cifs", let device = options["device"], hasPort(device) {
      throw EngineError(
        .invalidArgument, "port not allowed in CIFS device URL, include 'port' in 'o='")
    }
    if options["size"] != nil {
      throw EngineError(.invalidArgument, "quota size requested but no quota support")
    }
    for (name, needed) in [("device", ["type"]), ("o", ["device", "type"]), ("type", ["device"])]
    where options[name] != nil {
      for other in needed where options[other] == nil {
        throw EngineError(.invalidArgument, "missing required option: \"\(other)\"")
      }
    }
  }

  private static func hasPort(_ url: String) -> Bool {
    guard let slashes = url.firstRange(of: "//") else { return false }
    return url[slashes.upperBound...].prefix { $0 != "/" }.contains(":")
  }
}
