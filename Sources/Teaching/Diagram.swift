import Handoff
import JSONTree

/// A command's handoffs as a swim-lane drawing: a lane for each party, an arrow for each call.
public struct Diagram: Sendable {
  private static let order = [
    "client", "crictl", "ctr", "agent", "dockerd", "crio", "podman", "containerd", "conmon", "shim", "runc", "crun",
    "railcar", "drydock-runc", "libcontainer", "kernel", "registry",
  ]
  private let calls: [TraceRecord.Call]
  private let lanes: [String]

  /// The calls among `records`, without those to the kernel unless asked for.
  public init(_ records: [TraceRecord], withKernel: Bool = false, withReads: Bool = false) {
    calls = records.compactMap { record in
      switch record.event {
      case .call(let call), .upgrade(let call):
        guard withKernel || call.to != .kernel, withReads || call.to == .kernel || Spine.contains(call) else {
          return nil
        }
        return call
      default: return nil
      }
    }
    let parties = Set(calls.flatMap { [$0.from.rawValue, $0.to.rawValue] })
    lanes = parties.sorted { a, b in
      let (i, j) = (Diagram.order.firstIndex(of: a) ?? 99, Diagram.order.firstIndex(of: b) ?? 99)
      return i == j ? a < b : i < j
    }
  }

  public var isEmpty: Bool { calls.isEmpty }

  /// The drawing for a terminal of `width` columns. `colour` paints a text in a party's colour.
  public func text(width: Int, colour: (Party, String) -> String = { $1 }) -> String {
    guard !calls.isEmpty else { return "" }
    let labels = calls.map { Diagram.short($0.op) }
    let longest = min(labels.map(\.count).max() ?? 0, 44)
    // The lanes take what the labels leave; a narrow terminal gets the labels below the arrows.
    let minimum = lanes.map(\.count).max().map { min($0, 10) + 2 } ?? 12
    let beside = width - longest - 2 >= minimum * lanes.count
    let laneWidth = max(4, min(16, (beside ? width - longest - 2 : width) / lanes.count))
    var out = lanes.map { name in centred(String(name.prefix(laneWidth - 1)), laneWidth) }.joined() + "\n"
    for (call, label) in zip(calls, labels) {
      guard let from = lanes.firstIndex(of: call.from.rawValue), let to = lanes.firstIndex(of: call.to.rawValue) else {
        continue
      }
      var row = [Character](repeating: " ", count: laneWidth * lanes.count)
      for lane in lanes.indices { row[lane * laneWidth + laneWidth / 2] = "│" }
      let (a, b) = (from * laneWidth + laneWidth / 2, to * laneWidth + laneWidth / 2)
      if a < b {
        for column in (a + 1)..<b { row[column] = "─" }
        row[a] = "├"
        row[b - 1] = "▶"
      } else if b < a {
        for column in (b + 1)..<a { row[column] = "─" }
        row[a] = "┤"
        row[b + 1] = "◀"
      }
      let line = String(row)
      if beside {
        out += line + " " + colour(call.to, clip(label, width - line.count - 1)) + "\n"
      } else {
        out += line + "\n" + colour(call.to, clip("  " + label, width)) + "\n"
      }
    }
    return out
  }

  /// The same as a Mermaid sequence diagram.
  public var mermaid: String {
    var out = "sequenceDiagram\n"
    for lane in lanes { out += "  participant \(lane)\n" }
    for call in calls {
      // A semicolon would end Mermaid's statement, and # begin an entity.
      let label = call.op.replacing(";", with: "#59;").replacing("#", with: "#35;")
      out += "  \(call.from)->>\(call.to): \(label)\n"
    }
    return out
  }

  private static func short(_ op: String) -> String {
    guard op.hasPrefix("containerd."), let dot = op.lastIndex(of: ".") else { return op }
    return String(op[op.index(after: dot)...])
  }
  private func clip(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(0, width - 1))) + "…"
  }
  private func centred(_ text: String, _ width: Int) -> String {
    let left = max(0, (width - text.count) / 2)
    return String(repeating: " ", count: left) + text + String(repeating: " ", count: max(0, width - text.count - left))
  }
}
