import JSONTree
import OCISpec

/// A container in `docker ps`.
struct ContainerRow: Sendable {
  let json: JSON
  let truncates: Bool
  let now: UInt64

  /// Names without the leading slash; truncated, aliases that links gave (`/db/alias`) are left out.
  var names: String {
    let names = (json["Names"]?.strings ?? []).map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
    return (truncates ? names.filter { !$0.contains("/") } : names).joined(separator: ",")
  }

  var image: String {
    let image = json.text("Image")
    if image.isEmpty { return "<no image>" }
    guard truncates else { return image }
    let id = json.text("ImageID")
    if Show.shortID(id) == Show.shortID(image) { return Show.shortID(image) }
    // A reference with a digest is shown by its name and tag.
    guard let reference = try? ImageReference(image), reference.digest != nil else { return image }
    return ImageReference(domain: reference.domain, path: reference.path, tag: reference.tag).familiar
  }

  var command: String {
    let command = json.text("Command")
    return GoQuote.string(truncates ? Show.ellipsis(command, 20) : command)
  }

  var created: Int64 { json.number("Created") }

  var size: String {
    let (rw, root) = (json.number("SizeRw"), json.number("SizeRootFs"))
    let own = Sizes.human(rw, digits: 3)
    return root > 0 ? "\(own) (virtual \(Sizes.human(root, digits: 3)))" : own
  }

  var mounts: String {
    (json["Mounts"]?.array ?? []).map { mount in
      let name = mount.text("Name").isEmpty ? mount.text("Source") : mount.text("Name")
      return truncates ? Show.ellipsis(name, 15) : name
    }.joined(separator: ",")
  }

  var localVolumes: Int { (json["Mounts"]?.array ?? []).count { $0.text("Driver") == "local" } }

  var networks: String {
    (json["NetworkSettings"]?["Networks"]?.object?.keys ?? []).sorted().joined(separator: ",")
  }
}

extension Table where Source == ContainerRow {
  static let containers = Table(
    typeName: "*formatter.ContainerContext",
    columns: [
      .init("Command", "COMMAND") { .string($0.command) },
      .init("CreatedAt", "CREATED AT") { .string(GoTime.string(seconds: $0.created)) },
      .init("ID", "CONTAINER ID") { row in
        .string(row.truncates ? Show.shortID(row.json.text("Id")) : row.json.text("Id"))
      },
      .init("Image", "IMAGE") { .string($0.image) },
      .init("Labels", "LABELS") { .string(Show.labels($0.json["Labels"])) },
      .init("LocalVolumes", "LOCAL VOLUMES") { .string(String($0.localVolumes)) },
      .init("Mounts", "MOUNTS") { .string($0.mounts) },
      .init("Names", "NAMES") { .string($0.names) },
      .init("Networks", "NETWORKS") { .string($0.networks) },
      .init("Platform", "PLATFORM") { row in
        let descriptor = row.json["ImageManifestDescriptor"]?["platform"]
        return descriptor ?? .null
      },
      .init("Ports", "PORTS") { .string(PortSummary.text($0.json["Ports"]?.array ?? [])) },
      .init("RunningFor", "CREATED") { .string(HumanDuration.since($0.created, now: $0.now)) },
      .init("Size", "SIZE") { .string($0.size) },
      .init("State", "STATE") { .string($0.json.text("State")) },
      .init("Status", "STATUS") { .string($0.json.text("Status")) },
      .init(method: "Label") { Show.label($0.json["Labels"], $1) },
    ])

  /// docker's own layout.
  static func containersLayout(withSize: Bool) -> String {
    "table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}"
      + (withSize ? "\\t{{.Size}}" : "")
  }

  /// `--format raw`.
  static func containersRaw(withSize: Bool) -> String {
    "container_id: {{.ID}}\\nimage: {{.Image}}\\ncommand: {{.Command}}\\ncreated_at: {{.CreatedAt}}\\nstate: {{- "
      + "pad .State 1 0}}\\n"
      + "status: {{- pad .Status 1 0}}\\nnames: {{.Names}}\\nlabels: {{- pad .Labels 1 0}}\\nports: {{- pad .Ports "
      + "1 0}}\\n"
      + (withSize ? "size: {{.Size}}\\n" : "")
  }
}

/// A container's ports in one cell: ranges are put together.
enum PortSummary {
  private struct Port {
    var ip: String
    var inside: Int64
    var outside: Int64
    var proto: String
  }

  static func text(_ ports: [JSON]) -> String {
    let all = ports.map {
      Port(
        ip: $0.text("IP"), inside: $0.number("PrivatePort"), outside: $0.number("PublicPort"),
        proto: $0.text("Type"))
    }.sorted { a, b in
      if a.inside != b.inside { return a.inside < b.inside }
      if a.ip != b.ip { return a.ip < b.ip }
      if a.outside != b.outside { return a.outside < b.outside }
      return a.proto < b.proto
    }
    var groups: [String: (first: Int64, last: Int64)] = [:]
    var order: [String] = []
    var mappings: [String] = []
    for port in all {
      // What is published under another number stands alone.
      if port.outside > 0, port.inside != port.outside {
        mappings.append("\(host(port.ip)):\(port.outside)->\(port.inside)/\(port.proto)")
        continue
      }
      let key = port.outside > 0 ? "\(port.ip)/\(port.proto)" : port.proto
      if let group = groups[key] {
        if port.inside == group.last + 1 {
          groups[key] = (group.first, port.inside)
          continue
        }
        mappings.append(formatted(key, group))
        groups[key] = (port.inside, port.inside)
        continue
      }
      groups[key] = (port.inside, port.inside)
      order.append(key)
    }
    let grouped = order.compactMap { key in groups[key].map { formatted(key, $0) } }
    return (sorted(grouped) + mappings).joined(separator: ", ")
  }

  private static func sorted(_ texts: [String]) -> [String] { texts }

  private static func host(_ ip: String) -> String { ip.contains(":") ? "[\(ip)]" : ip }

  private static func formatted(_ key: String, _ group: (first: Int64, last: Int64)) -> String {
    var (ip, proto) = ("", key)
    if let slash = key.lastIndex(of: "/") {
      (ip, proto) = (String(key[..<slash]), String(key[key.index(after: slash)...]))
    }
    let range = group.first == group.last ? "\(group.first)" : "\(group.first)-\(group.last)"
    return ip.isEmpty ? "\(range)/\(proto)" : "\(host(ip)):\(range)->\(range)/\(proto)"
  }
}
