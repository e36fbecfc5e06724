/// A flag of a docker command: how it is written, what its value may be, and what help and completion say of it.
struct Flag: Sendable {
  /// The long name, without dashes.
  let name: String
  let short: Character?
  let kind: FlagKind
  /// What help says, with the default as pflag words it.
  let help: String
  /// Other long names that mean the same (`--net`); they are not shown.
  let aliases: [String]
  let isHidden: Bool
  /// What to use instead; said on standard error when the flag is used.
  let deprecated: String?
  /// What completion offers for the value.
  let completes: Completable

  init(
    _ name: String, _ short: Character?, _ kind: FlagKind, _ help: String, aliases: [String] = [],
    isHidden: Bool = false, deprecated: String? = nil, completes: Completable = .nothing
  ) {
    (self.name, self.short, self.kind, self.help) = (name, short, kind, help)
    (self.aliases, self.isHidden, self.deprecated, self.completes) = (aliases, isHidden, deprecated, completes)
  }

  /// A flag without a short form.
  init(
    _ name: String, _ kind: FlagKind, _ help: String, aliases: [String] = [], isHidden: Bool = false,
    deprecated: String? = nil, completes: Completable = .nothing
  ) {
    self.init(
      name, nil, kind, help, aliases: aliases, isHidden: isHidden, deprecated: deprecated, completes: completes)
  }

  /// `-m, --memory`, as error messages name the flag.
  var display: String { short.map { "-\($0), --\(name)" } ?? "--\(name)" }
}

/// What a flag's value is (pflag's value types and docker's own).
enum FlagKind: Sendable, Hashable {
  /// Needs no value; `--flag=false` gives one.
  case bool(Bool)
  case string(String)
  /// A whole number of 64 bits.
  case int(Int64)
  case uint16
  case uint
  /// A memory size: `512m`, `1.5g`.
  case bytes
  /// A memory size, or -1 for no limit.
  case swapBytes
  /// A number of CPUs, to nine decimals.
  case decimal
  /// `1m30s`.
  case duration
  /// May be given again and again; each value by the rule.
  case list(ValueRule)
  /// `key=value`, again and again.
  case map(ValueRule)
  /// Comma-separated, again and again.
  case strings
  /// `name=value`, again and again (`--filter`).
  case filter
  case mount
  case network
  case ulimit
  case gpus

  /// The word for the value in help; nil for a flag without value.
  var word: String? {
    switch self {
    case .bool: nil
    case .string: "string"
    case .int: "int"
    case .uint16: "uint16"
    case .uint: "uint"
    case .bytes, .swapBytes: "bytes"
    case .decimal: "decimal"
    case .duration: "duration"
    case .list: "list"
    case .map: "map"
    case .strings: "strings"
    case .filter: "filter"
    case .mount: "mount"
    case .network: "network"
    case .ulimit: "ulimit"
    case .gpus: "gpu-request"
    }
  }

  var isBool: Bool { if case .bool = self { true } else { false } }

  /// Refuses what the flag cannot take, in the words of pflag and docker.
  func check(_ value: String) throws(ValueError) {
    switch self {
    case .bool: _ = try GoNumber.parseBool(value)
    case .string, .strings: return
    case .int: _ = try GoNumber.parseInt(value)
    case .uint16: _ = try GoNumber.parseUInt(value, bits: 16)
    case .uint: _ = try GoNumber.parseUInt(value, bits: 64)
    case .bytes: _ = try Sizes.ramInBytes(value)
    case .swapBytes: if value != "-1" { _ = try Sizes.ramInBytes(value) }
    case .decimal: _ = try NanoCPUs.parse(value)
    case .duration: _ = try GoDuration.parse(value)
    case .list(let rule), .map(let rule): try rule.check(value)
    case .filter: _ = try Filters.split(value)
    case .mount: _ = try MountSpec.parse(value, absolute: { $0 })
    case .network: _ = try NetworkSpec.parse(value)
    case .ulimit: _ = try UlimitSpec.parse(value)
    case .gpus: _ = try DeviceRequests.parseGPUs(value)
    }
  }
}

/// Why a text is no value of some kind.
struct ValueError: Error, Sendable, Hashable, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
