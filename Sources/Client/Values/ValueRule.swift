/// What the values of a repeated flag must look like (docker's opts validators).
enum ValueRule: Sendable, Hashable {
  case any, attach, addHost, dns, dnsSearch, env, label, link, sysctl, deviceCgroupRule, weightDevice, rateDevice
  case iopsDevice, linkLocal

  func check(_ value: String) throws(ValueError) {
    switch self {
    case .any: return
    case .attach:
      guard ["stdin", "stdout", "stderr"].contains(value.lowercased()) else {
        throw ValueError("valid streams are STDIN, STDOUT and STDERR")
      }
    case .addHost: _ = try ValueRule.extraHost(value)
    case .dns, .linkLocal:
      guard IPAddress.isValid(value.trimmed) else {
        throw ValueError("IP address is not correctly formatted: \(value)")
      }
    case .dnsSearch: try ValueRule.checkDomain(value)
    case .env:
      guard !value.isEmpty, value.first != "=" else { throw ValueError("invalid environment variable: \(value)") }
    case .label:
      guard !value.isEmpty else { throw ValueError("invalid label '': empty name") }
      guard value.first != "=" else { throw ValueError("invalid label '\(value)': empty name") }
    case .link: _ = try ValueRule.link(value)
    case .sysctl: try ValueRule.checkSysctl(value)
    case .deviceCgroupRule: try ValueRule.checkCgroupRule(value)
    case .weightDevice: _ = try ThrottleDevice.weight(value)
    case .rateDevice: _ = try ThrottleDevice.rate(value)
    case .iopsDevice: _ = try ThrottleDevice.iops(value)
    }
  }

  /// `host:IP`, `host=IP` and `host-gateway`, as the daemon wants them: `host:IP`, without brackets.
  static func extraHost(_ value: String) throws(ValueError) -> String {
    let separator = value.firstIndex { $0 == ":" || $0 == "=" }
    guard let separator, separator != value.startIndex else {
      throw ValueError("bad format for add-host: \(GoQuote.string(value))")
    }
    let host = value[..<separator]
    var address = String(value[value.index(after: separator)...])
    if address.first == "[", address.last == "]", address.count > 2 { address = String(address.dropFirst().dropLast()) }
    guard address == "host-gateway" || IPAddress.isValid(address) else {
      throw ValueError("invalid IP address in add-host: \(GoQuote.string(address))")
    }
    return "\(host):\(address)"
  }

  /// `name` or `name:alias`.
  static func link(_ value: String) throws(ValueError) -> (name: String, alias: String) {
    guard !value.isEmpty else { throw ValueError("empty string specified for links") }
    let parts = value.parts(":")
    guard parts.count <= 2 else { throw ValueError("bad format for links: \(value)") }
    return (parts[0], parts.count == 2 ? parts[1] : parts[0])
  }

  private static func checkDomain(_ value: String) throws(ValueError) {
    if value.trimmed == "." { return }
    let labels = value.trimmed.parts(".")
    let isFine = labels.allSatisfy { label in
      !label.isEmpty && label.first != "-" && label.last != "-"
        && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }
    guard isFine, value.contains(where: \.isLetter) else { throw ValueError("\(value) is not a valid domain") }
  }

  private static func checkSysctl(_ value: String) throws(ValueError) {
    let (key, text) = value.cut("=")
    let isAllowed =
      [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni", "kernel.shm_rmid_forced",
      ].contains(key) || key.hasPrefix("net.") || key.hasPrefix("fs.mqueue.")
    guard text != nil, isAllowed else { throw ValueError("sysctl '\(value)' is not allowed") }
  }

  /// `c 1:3 mr`.
  private static func checkCgroupRule(_ value: String) throws(ValueError) {
    let parts = value.parts(" ")
    let isFine =
      parts.count == 3 && ["a", "b", "c"].contains(parts[0])
      && parts[1].parts(":").count == 2
      && parts[1].parts(":").allSatisfy { $0 == "*" || (!$0.isEmpty && $0.allSatisfy { $0.isASCII && $0.isNumber }) }
      && (1...3).contains(parts[2].count) && parts[2].allSatisfy { "rwm".contains($0) }
    guard isFine else { throw ValueError("invalid device cgroup format '\(value)'") }
  }
}

/// A block device and a figure for it: `/dev/sda:200`, `/dev/sda:1mb`.
enum ThrottleDevice {
  static func weight(_ value: String) throws(ValueError) -> (path: String, weight: Int64) {
    let (path, figure) = try split(value)
    guard let weight = UInt16(figure) else { throw ValueError("invalid weight for device: \(value)") }
    guard weight == 0 || (10...1000).contains(weight) else { throw ValueError("invalid weight for device: \(value)") }
    return (path, Int64(weight))
  }

  /// Bytes a second.
  static func rate(_ value: String) throws(ValueError) -> (path: String, rate: Int64) {
    let (path, figure) = try split(value)
    guard let rate = try? Sizes.ramInBytes(figure) else {
      throw ValueError(
        "invalid rate for device: \(value). The correct format is <device-path>:<number>[<unit>]. "
          + "Number must be a positive integer. Unit is optional and can be kb, mb, or gb")
    }
    return (path, rate)
  }

  /// Operations a second.
  static func iops(_ value: String) throws(ValueError) -> (path: String, rate: Int64) {
    let (path, figure) = try split(value)
    guard let rate = Int64(figure), rate >= 0 else {
      throw ValueError(
        "invalid rate for device: \(value). The correct format is <device-path>:<number>. "
          + "Number must be a positive integer")
    }
    return (path, rate)
  }

  private static func split(_ value: String) throws(ValueError) -> (String, String) {
    let (path, figure) = value.cut(":")
    guard let figure, !figure.isEmpty else { throw ValueError("bad format: \(value)") }
    guard path.hasPrefix("/dev/") else { throw ValueError("bad format for device path: \(value)") }
    return (path, figure)
  }
}

/// IP addresses as text.
enum IPAddress {
  static func isValid(_ text: String) -> Bool { isV4(text) || isV6(text) }

  static func isV4(_ text: String) -> Bool { v4(text) != nil }

  /// The 32 bits of a dotted address.
  static func v4(_ text: String) -> UInt32? {
    let parts = text.parts(".")
    guard parts.count == 4 else { return nil }
    var value: UInt32 = 0
    for part in parts {
      guard (1...3).contains(part.count), part.allSatisfy({ $0.isASCII && $0.isNumber }), let byte = UInt8(part),
        part.count == 1 || part.first != "0"
      else { return nil }
      value = value << 8 | UInt32(byte)
    }
    return value
  }

  static func isV6(_ text: String) -> Bool { v6(text) != nil }

  /// The eight groups of an IPv6 address.
  static func v6(_ text: String) -> [UInt16]? {
    guard text.contains(":"), text.utf8.count < 64 else { return nil }
    var text = text
    var tail: [UInt16] = []
    if text.contains("."), let colon = text.lastIndex(of: ":") {
      guard let v4 = v4(String(text[text.index(after: colon)...])) else { return nil }
      tail = [UInt16(v4 >> 16), UInt16(v4 & 0xffff)]
      text = String(text[...colon]) + "0"
      text = text.hasSuffix("::0") ? String(text.dropLast()) : String(text.dropLast(2))
    }
    func groups(_ part: String) -> [UInt16]? {
      if part.isEmpty { return [] }
      var values: [UInt16] = []
      for group in part.parts(":") {
        guard (1...4).contains(group.count), group.allSatisfy({ $0.isASCII && $0.isHexDigit }),
          let value = UInt16(group, radix: 16)
        else { return nil }
        values.append(value)
      }
      return values
    }
    if let gap = text.firstRange(of: "::") {
      let (before, after) = (String(text[..<gap.lowerBound]), String(text[gap.upperBound...]))
      guard !after.contains("::"), let head = groups(before), let end = groups(after) else { return nil }
      let count = head.count + end.count + tail.count
      guard count < 8 else { return nil }
      return head + Array(repeating: 0, count: 8 - count) + end + tail
    }
    guard let all = groups(text), all.count + tail.count == 8 else { return nil }
    return all + tail
  }
}

/// Filters of lists and prunes: `name=value`, several values a name.
enum Filters {
  static func split(_ text: String) throws(ValueError) -> (String, String) {
    let (name, value) = text.cut("=")
    guard let value else { throw ValueError("bad format of filter (expected name=value)") }
    return (name.trimmed.lowercased(), value.trimmed)
  }

  /// `{"name":{"value":true}}`, sorted, as the Engine API takes them; nil without filters.
  static func encoded(_ values: [(String, String)]) -> String? {
    guard !values.isEmpty else { return nil }
    var all: [String: Set<String>] = [:]
    for (name, value) in values { all[name, default: []].insert(value) }
    let names = all.sorted { $0.key < $1.key }.map { name, values in
      GoJSON.quoted(name) + ":{" + values.sorted().map { GoJSON.quoted($0) + ":true" }.joined(separator: ",") + "}"
    }
    return "{" + names.joined(separator: ",") + "}"
  }

  static func parse(_ texts: [String]) -> [(String, String)] { texts.compactMap { try? split($0) } }
}
