import Seams

/// The logging drivers and their options (`--log-driver`, `--log-opt`).
enum LogOptions {
  /// Drivers whose logs leave the machine, and the options each knows.
  private static let remote: [String: Set<String>] = [
    "awslogs": [
      "awslogs-group", "awslogs-region", "awslogs-stream", "awslogs-create-group", "awslogs-create-stream",
      "awslogs-datetime-format", "awslogs-multiline-pattern", "awslogs-credentials-endpoint", "awslogs-endpoint",
      "awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events", "awslogs-format",
    ],
    "fluentd": [
      "fluentd-address", "fluentd-async", "fluentd-async-reconnect-interval", "fluentd-buffer-limit",
      "fluentd-max-retries", "fluentd-request-ack", "fluentd-retry-wait", "fluentd-sub-second-precision",
      "fluentd-read-timeout", "fluentd-write-timeout",
    ],
    "gcplogs": ["gcp-project", "gcp-log-cmd", "gcp-meta-zone", "gcp-meta-name", "gcp-meta-id"],
    "gelf": [
      "gelf-address", "gelf-compression-level", "gelf-compression-type", "gelf-tcp-max-reconnect",
      "gelf-tcp-reconnect-delay",
    ],
    "journald": [],
    "splunk": [
      "splunk-token", "splunk-url", "splunk-source", "splunk-sourcetype", "splunk-index", "splunk-capath",
      "splunk-caname", "splunk-insecureskipverify", "splunk-format", "splunk-verify-connection", "splunk-gzip",
      "splunk-gzip-level", "splunk-index-acknowledgment",
    ],
    "syslog": [
      "syslog-address", "syslog-facility", "syslog-tls-ca-cert", "syslog-tls-cert", "syslog-tls-key",
      "syslog-tls-skip-verify", "syslog-format",
    ],
  ]
  /// What every driver knows.
  private static let common: Set<String> = [
    "mode", "max-buffer-size", "env", "env-regex", "labels", "labels-regex", "tag", "cache-disabled", "cache-max-file",
    "cache-max-size", "cache-compress",
  ]
  private static let ofFiles: Set<String> = ["max-file", "max-size", "compress"]

  static let drivers = (["json-file", "local", "none"] + remote.keys).sorted()

  /// Why a log configuration cannot be.
  static func check(driver: String, _ options: [String: String]) throws(EngineError) {
    func refuse(_ message: String) -> EngineError { EngineError(.invalidArgument, message) }
    if driver == "none" { return }
    switch options["mode"] ?? "" {
    case "", "blocking", "non-blocking": break
    default: throw refuse("logger: logging mode not supported: \(options["mode"] ?? "")")
    }
    if let size = options["max-buffer-size"] {
      guard options["mode"] == "non-blocking" else {
        throw refuse("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
      }
      guard HumanSize.parse(size, base: 1024) != nil else {
        throw refuse("error parsing option max-buffer-size: invalid size: '\(size)'")
      }
    }
    switch driver {
    case "json-file":
      if let unknown = options.keys.sorted().first(where: { !common.contains($0) && !ofFiles.contains($0) }) {
        throw refuse("unknown log opt '\(unknown)' for json-file log driver")
      }
    case "local":
      if let unknown = options.keys.sorted().first(where: { !common.contains($0) && !ofFiles.contains($0) }) {
        throw refuse("unknown log opt '\(unknown)' for log driver local")
      }
    default:
      guard let known = remote[driver] else {
        throw refuse("logger: no log driver named '\(driver)' is registered")
      }
      if let unknown = options.keys.sorted().first(where: { !common.contains($0) && !known.contains($0) }) {
        throw refuse("unknown log opt '\(unknown)' for \(driver) log driver")
      }
    }
  }

  /// Rotation, as a driver's options ask for it.
  static func rotation(driver: String, _ options: [String: String]) throws(EngineError) -> LogRotation {
    func refuse(_ message: String) -> EngineError {
      EngineError(.unknown, "failed to initialize logging driver: \(message)")
    }
    let isLocal = driver != "json-file"
    var rotation = isLocal ? LogRotation(maximumSize: 20_000_000, files: 5, compresses: true) : LogRotation()
    if let text = options["max-size"] {
      guard let size = HumanSize.parse(text, base: 1000) else {
        throw refuse((isLocal ? "invalid value for max-size: \(text): " : "") + "invalid size: '\(text)'")
      }
      guard size > 0 else {
        throw refuse(isLocal ? "max-size must not be negative" : "max-size must be a positive number")
      }
      rotation.maximumSize = size
    }
    if let text = options["max-file"] {
      guard let count = Int(text) else {
        let reason = "strconv.Atoi: parsing \"\(text)\": invalid syntax"
        throw refuse(isLocal ? "invalid value for max-file: \(text): \(reason)" : reason)
      }
      guard count >= 1 else {
        throw refuse(isLocal ? "max-file must not be negative" : "max-file cannot be less than 1")
      }
      rotation.files = count
    }
    if let text = options["compress"] {
      guard let compresses = GoBool.parse(text) else {
        let reason = "strconv.ParseBool: parsing \"\(text)\": invalid syntax"
        throw refuse(isLocal ? "invalid boolean value for compress: \(reason)" : reason)
      }
      rotation.compresses = compresses
    }
    if rotation.compresses, rotation.files < 2 || rotation.maximumSize == nil {
      throw refuse(
        isLocal
          ? "compression cannot be enabled when max file count is 1"
          : "compress cannot be true when max-file is less than 2 or max-size is not set")
    }
    return rotation
  }

  /// Why a driver that sends logs elsewhere cannot be used on a host where nothing receives them.
  static func unreachable(driver: String, _ options: [String: String]) -> String? {
    switch driver {
    case "awslogs":
      options["awslogs-group"] == nil
        ? "must specify a value for log opt 'awslogs-group'" : "unable to retrieve credentials: no EC2 IMDS role found"
    case "fluentd":
      "dial tcp \(options["fluentd-address"] ?? "127.0.0.1:24224"): connect: connection refused"
    case "gcplogs":
      "No project was specified and couldn't read project from the metadata server. Please specify a project"
    case "gelf":
      options["gelf-address"] == nil
        ? "gelf-address is a required parameter"
        : "gelf: cannot connect to GELF endpoint: \(options["gelf-address"] ?? ""): connection refused"
    case "journald": "journald is not enabled on this host"
    case "splunk":
      options["splunk-url"] == nil
        ? "splunk: splunk-url is expected" : "splunk: failed to verify connection: connection refused"
    case "syslog":
      options["syslog-address"].map { "dial \($0): connection refused" } ?? "Unix syslog delivery error"
    default: nil
    }
  }
}

/// When a log file makes room for the next one.
struct LogRotation: Sendable, Hashable {
  /// Bytes; nil: never.
  var maximumSize: Int64?
  /// How many files there are at most.
  var files = 1
  /// Files that are full are compressed.
  var compresses = false
}

/// Sizes as people write them: `10m`, `1.5GB`.
enum HumanSize {
  /// Bytes; nil when it is no size. `base` is 1000 or 1024.
  static func parse(_ text: String, base: Double) -> Int64? {
    let lower = text.lowercased()
    let digits = lower.prefix { $0.isNumber || $0 == "." }
    guard let number = Double(digits), number.isFinite else { return nil }
    var unit = lower.dropFirst(digits.count)
    if unit.first == " " { unit = unit.dropFirst() }
    guard unit.allSatisfy(\.isASCII) else { return nil }
    let powers: [String: Int] = [
      "": 0, "b": 0, "k": 1, "kb": 1, "kib": 1, "m": 2, "mb": 2, "mib": 2, "g": 3, "gb": 3, "gib": 3, "t": 4, "tb": 4,
      "tib": 4, "p": 5, "pb": 5, "pib": 5,
    ]
    guard let power = powers[String(unit)] else { return nil }
    var size = number
    for _ in 0..<power { size *= base }
    return size < 9e18 ? Int64(size) : nil
  }
}

/// Go's strconv.ParseBool.
enum GoBool {
  static func parse(_ text: String) -> Bool? {
    switch text {
    case "1", "t", "T", "true", "TRUE", "True": true
    case "0", "f", "F", "false", "FALSE", "False": false
    default: nil
    }
  }
}
