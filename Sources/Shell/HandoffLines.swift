import Handoff
import JSONTree

/// How handoffs look in a terminal: numbered, coloured by party, indented by depth.
public struct HandoffLines: Sendable {
  /// 1: the spine. 2: with reads and answers. 3: with kernel calls and payloads.
  public var level = 1
  /// Only handoffs from or to these; empty means all.
  public var only: Set<String> = []
  public var hasColour: Bool
  public var width: Int
  private var depths: [Int: Int] = [:]
  private var shown: [Int: TraceRecord.Call] = [:]
  private var started: [Int: UInt64] = [:]

  public init(hasColour: Bool, width: Int) { (self.hasColour, self.width) = (hasColour, width) }

  /// Whether level and parties let a call through.
  public func accepts(_ call: TraceRecord.Call) -> Bool {
    if !only.isEmpty, !only.contains(call.from.rawValue), !only.contains(call.to.rawValue) { return false }
    switch level {
    case ...0: return false
    case 1: return Spine.contains(call)
    case 2: return call.to != .kernel
    default: return true
    }
  }

  /// The text for a record, with its line feed; nil when nothing is shown.
  public mutating func text(for record: TraceRecord) -> String? {
    switch record.event {
    case .command:
      (depths, shown, started) = ([:], [:], [:])
      return nil
    case .call(let call), .upgrade(let call):
      let depth = call.parent.flatMap { depths[$0] } ?? 0
      let isShown = accepts(call)
      depths[call.id] = isShown ? depth + 1 : depth
      guard isShown else { return nil }
      shown[call.id] = call
      started[call.id] = record.t
      return line(call, depth: depth)
    case .return(let result):
      guard let call = shown.removeValue(forKey: result.id) else { return nil }
      let begun = started.removeValue(forKey: result.id) ?? record.t
      let depth = (depths.removeValue(forKey: result.id) ?? 1) - 1
      switch result.outcome {
      case .failure(let code, let message):
        let text = "\(number(result.id)) \(indent(depth))✗ \(call.to) \(code) \(oneLine(message))"
        return paint("31", clip(text)) + "\n"
      case .success(let value):
        guard level >= 2, call.to != .kernel else { return nil }
        var text = "\(number(result.id)) \(indent(depth))← \(call.to) \(HandoffLines.time(record.t - begun))"
        if level >= 3 { text += " " + value.json.text }
        return paint("2", clip(text)) + "\n"
      }
    default: return nil
    }
  }

  /// One call as a line.
  public func line(_ call: TraceRecord.Call, depth: Int) -> String {
    let head = "\(number(call.id)) \(indent(depth))"
    let parties = "\(call.from) → \(call.to)"
    let room = max(24 - 2 * depth, 12)
    let padded = parties.count < room ? parties + String(repeating: " ", count: room - parties.count) : parties
    var text = "\(head)\(padded) \(HandoffLines.short(call.op))"
    let detail = level >= 3 ? call.args.json.text : Gist.of(call)
    if !detail.isEmpty { text += "  " + oneLine(detail) }
    text = clip(text)
    guard hasColour else { return text + "\n" }
    return paint(HandoffLines.colour(of: call.to), text) + "\n"
  }

  /// The operation without the package that says nothing to people.
  public static func short(_ op: String) -> String {
    guard op.hasPrefix("containerd."), let dot = op.lastIndex(of: ".") else { return op }
    return String(op[op.index(after: dot)...])
  }

  /// `1.2 ms`.
  public static func time(_ nanoseconds: UInt64) -> String {
    switch nanoseconds {
    case ..<1_000: "\(nanoseconds) ns"
    case ..<1_000_000: tenths(nanoseconds, 1_000) + " µs"
    case ..<1_000_000_000: tenths(nanoseconds, 1_000_000) + " ms"
    default: tenths(nanoseconds, 1_000_000_000) + " s"
    }
  }

  private static func tenths(_ value: UInt64, _ unit: UInt64) -> String {
    let tenths = (value * 10 + unit / 2) / unit
    return tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\((tenths + 5) / 10)"
  }

  /// The colour of a party: an SGR parameter.
  public static func colour(of party: Party) -> String {
    switch party.rawValue {
    case "client", "crictl", "ctr", "agent": "36"
    case "dockerd", "crio", "podman": "34"
    case "containerd": "35"
    case "shim", "conmon": "33"
    case "runc", "crun", "railcar", "drydock-runc", "libcontainer": "32"
    case "kernel": "90"
    case "registry": "95"
    default: "37"
    }
  }

  private func number(_ id: Int) -> String {
    let text = String(id)
    return text.count < 4 ? String(repeating: " ", count: 4 - text.count) + text : text
  }
  private func indent(_ depth: Int) -> String { String(repeating: "  ", count: min(depth, width / 8)) }
  private func paint(_ colour: String, _ text: String) -> String {
    hasColour ? "\u{1B}[\(colour)m\(text)\u{1B}[0m" : text
  }
  private func clip(_ text: String) -> String {
    text.count <= width ? text : String(text.prefix(max(1, width - 1))) + "…"
  }
  private func oneLine(_ text: String) -> String {
    text.contains("\n") ? text.split(separator: "\n").joined(separator: " ") : text
  }
}

/// The few words of a payload that tell one handoff from another at a glance.
public enum Gist {
  public static func of(_ call: TraceRecord.Call) -> String {
    let args = call.args.json
    switch call.via {
    case .exec:
      guard let argv = args["argv"]?.strings, let verb = argv.lastIndex(where: { call.op.hasSuffix(" " + $0) }) else {
        return ""
      }
      return argv[(verb + 1)...].map(shorten).joined(separator: " ")
    case .http:
      var parts: [String] = []
      if let path = args["path"]?.string, call.op.contains("{") { parts.append(shorten(path)) }
      if let query = args["query"]?.object {
        parts.append(
          query.members.map { "\($0.key)=\(shorten($0.value.string ?? $0.value.text))" }.joined(separator: "&"))
      }
      if let image = args["body"]?["Image"]?.string { parts.append("Image=\(image)") }
      if let command = args["body"]?["Cmd"]?.strings, !command.isEmpty {
        parts.append("Cmd=\(command.joined(separator: " "))")
      }
      return parts.joined(separator: " ")
    case .https: return [args["host"]?.string, args["path"]?.string.map(shorten)].compactMap { $0 }.joined()
    case .syscall: return summary(args)
    default: return summary(args)
    }
  }

  private static let telling = [
    "name", "key", "id", "containerId", "execId", "signal", "ref", "digest", "reference", "parent", "path", "target",
    "source", "type", "flags", "data", "namespace",
  ]
  private static func summary(_ args: JSON) -> String {
    guard let object = args.object else { return "" }
    var parts: [String] = []
    for member in object.members where telling.contains(member.key) {
      switch member.value {
      case .string(let text) where !text.isEmpty: parts.append("\(member.key)=\(shorten(text))")
      case .int(let number): parts.append("\(member.key)=\(number)")
      case .array: if let list = member.value.strings { parts.append("\(member.key)=\(list.joined(separator: "|"))") }
      case .object:
        if let name = member.value["reference"]?.string ?? member.value["name"]?.string {
          parts.append("\(member.key)=\(name)")
        }
      default: break
      }
    }
    return parts.joined(separator: " ")
  }

  /// Ids of 64 digits become 12.
  static func shorten(_ text: String) -> String {
    guard text.utf8.count >= 40 else { return text }
    var out: [UInt8] = []
    var run = 0
    for byte in text.utf8 {
      let isHex = (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
      run = isHex ? run + 1 : 0
      if run > 12 {
        // A run of hexadecimal digits is cut only once it is known to be long.
        if run == 13 { out.append(contentsOf: [0xE2, 0x80, 0xA6]) }
        continue
      }
      out.append(byte)
    }
    return String(decoding: out, as: UTF8.self)
  }
}
