import JSONTree
import OCISpec

/// A plan as text for people (`explain run …`, `drydock-runc plan`) and as JSON.
extension Plan {
  /// One line a step: number, who performs it, the call; with reasons, why, in a line of its own.
  public func text(reasons: Bool = true) -> String {
    var out = ""
    var phase: Phase?
    let width = String(steps.count).count
    for (index, step) in steps.enumerated() {
      if step.phase != phase {
        out += "\n# \(step.phase.title)\n"
        phase = step.phase
      }
      let number = String(index + 1)
      out += String(repeating: " ", count: width - number.count) + number
      out += "  " + pad(step.role.rawValue, 10) + step.call.text
      if let condition = step.condition.text { out += "    [\(condition)]" }
      out += "\n"
      if reasons { out += String(repeating: " ", count: width + 4) + step.reason + "\n" }
    }
    return out.first == "\n" ? String(out.dropFirst()) : out
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text.utf8.count >= width ? text + " " : text + String(repeating: " ", count: width - text.utf8.count)
  }
}

extension Plan: JSONWritable {
  public var json: JSON {
    [
      "operation": .string(operation.rawValue), "runtime": .string(flavour.rawValue),
      "steps": .array(steps.map(\.json)),
    ]
  }
  public func write(to writer: inout JSONWriter) { writer.write(json) }
}

extension Step: JSONWritable {
  public var json: JSON {
    var object: JSONObject = [
      "by": .string(role.rawValue), "phase": .string(phase.rawValue), "call": .string(call.name), "args": call.json,
      "why": .string(reason),
    ]
    if let text = condition.text { object["when"] = .string(text) }
    if overlaps { object["overlaps"] = true }
    if let creates { object["creates"] = .string(creates.rawValue) }
    return .object(object)
  }
  public func write(to writer: inout JSONWriter) { writer.write(json) }
}

extension Step.Condition {
  /// For people; nil for what is always performed.
  public var text: String? {
    switch self {
    case .always: nil
    case .previousRefused: "if that was refused"
    case .refused(let index): "if step \(index + 1) was refused"
    case .previousDone: "if that was done"
    case .missing, .missingOnWay: "if it is missing"
    case .exists(let path): "if there is \(path.path)"
    case .nonDirectory: "if it is a file"
    case .directory: "if it is a folder"
    }
  }
}

extension KernelCall {
  /// The call with its arguments in one line: `mount(source=proc, target={root}/proc, type=proc,
  /// flags=MS_NOSUID|MS_NODEV)`.
  /// `{root}` is the container's root, within which the path is resolved.
  public var text: String {
    var parts: [String] = []
    var isInRoot = false
    for member in json.object?.members ?? [] {
      switch member.value {
      case .string where member.key == "root": isInRoot = true
      case .string(let value):
        if value.isEmpty { continue }
        // Lines of an id map: one after the other here.
        let value =
          value.utf8.contains(UInt8(ascii: "\n")) ? value.split(separator: "\n").joined(separator: "; ") : value
        let isPath = ["path", "target", "to"].contains(member.key)
        parts.append("\(member.key)=\(isInRoot && isPath ? "{root}" : "")\(value)")
        if isPath { isInRoot = false }
      case .array(let values):
        let names = values.map { $0.string ?? $0.text }
        if !names.isEmpty { parts.append("\(member.key)=" + shortened(names)) }
      case .null: continue
      default: parts.append("\(member.key)=\(member.value.text)")
      }
    }
    return "\(name)(\(parts.joined(separator: ", ")))"
  }

  private func shortened(_ names: [String]) -> String {
    names.count <= 8
      ? names.joined(separator: "|") : names.prefix(6).joined(separator: "|") + "|… (\(names.count))"
  }
}
