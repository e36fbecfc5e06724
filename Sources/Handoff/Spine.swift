import JSONTree

/// The spine of a trace: its calls to parties above the kernel that change something, in order (DESIGN.md §3).
public enum Spine {
  private static let readVerbs: Set<String> = [
    "Get", "List", "ListContent", "ListPids", "Info", "Read", "Status", "ListStatuses", "State", "Connect", "Stat",
    "Stats", "Mounts", "Wait", "Version", "Server", "Plugins", "Subscribe", "Stream", "Usage", "View", "Metrics",
    "Pids",
  ]
  private static let noise = [
    "containerd.services.leases.", "containerd.services.streaming.", "containerd.services.introspection.",
  ]

  /// Whether an operation only reads.
  public static func isRead(_ op: String) -> Bool {
    if op == "HEAD /_ping" || op == "GET /_ping" || op == "OPTIONS /_ping" { return true }
    guard let slash = op.lastIndex(of: "/") else { return false }
    return readVerbs.contains(String(op[op.index(after: slash)...]))
  }

  /// Whether a call belongs to the spine.
  public static func contains(_ call: TraceRecord.Call) -> Bool {
    call.to != .kernel && !isRead(call.op) && !noise.contains { call.op.hasPrefix($0) }
      && !call.op.hasSuffix("Content/Update")
  }

  /// One line of a spine.
  public static func line(_ call: TraceRecord.Call) -> String {
    pad(call.from.rawValue, 10) + " > " + pad(call.to.rawValue, 10) + " " + call.op
  }

  /// Collects a spine record by record.
  public struct Builder: Sendable {
    private var last = ""
    public var keepsReads: Bool
    public init(keepsReads: Bool = false) { self.keepsReads = keepsReads }
    /// The record's line in the spine; nil when it has none.
    public mutating func add(_ record: TraceRecord) -> String? {
      guard case .call(let call) = record.event, call.to != .kernel, keepsReads || Spine.contains(call) else {
        return nil
      }
      let line = Spine.line(call)
      if line == last, call.op.hasSuffix("Content/Write") { return nil }
      last = line
      return line
    }
  }

  /// The spine of a whole trace.
  public static func of(_ records: some Sequence<TraceRecord>, keepingReads: Bool = false) -> [String] {
    var builder = Builder(keepsReads: keepingReads)
    return records.compactMap { builder.add($0) }
  }
}

/// `text` with spaces up to `width` characters.
func pad(_ text: String, _ width: Int) -> String {
  text.count >= width ? text : text + String(repeating: " ", count: width - text.count)
}
