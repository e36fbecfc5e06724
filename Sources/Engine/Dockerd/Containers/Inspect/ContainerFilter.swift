import JSONTree
import OCISpec
import Seams

/// `docker ps --filter`: what a list is to hold.
struct ContainerFilter: Sendable {
  private let filters: APIFilters
  private let exited: [Int]
  private let images: Set<Digest>
  private let published: Set<String>
  private let exposed: Set<String>
  private let showsAll: Bool
  let limit: Int
  /// The ids of the containers that bound the list.
  let before: String?
  let since: String?

  /// Reads and checks the filters; `service` finds the containers and images they name.
  init(_ filters: APIFilters, accepted: Set<String>, all: Bool, limit: Int, service: ContainerService) async throws {
    try filters.validate(accepted)
    self.filters = filters
    self.limit = limit
    var showsAll = all || limit > 0
    var exited: [Int] = []
    for value in filters["exited"] {
      guard let code = Int(value) else {
        throw EngineError(
          .invalidArgument, "invalid filter 'exited=\(value)': strconv.Atoi: parsing \"\(value)\": invalid syntax")
      }
      exited.append(code)
    }
    self.exited = exited
    for value in filters["status"] {
      guard ContainerState.Status(rawValue: value) != nil else {
        throw EngineError(
          .invalidArgument,
          "invalid filter 'status=\(value)': invalid value for state (\(value)): must be one of created, running, "
            + "paused, restarting, removing, exited, dead")
      }
      showsAll = true
    }
    for value in filters["health"] where !["none", "starting", "healthy", "unhealthy"].contains(value) {
      throw EngineError(
        .invalidArgument,
        "invalid filter 'health=\(value)': invalid value for health (\(value)): must be one of none, starting, "
          + "healthy, unhealthy")
    }
    self.showsAll = showsAll
    before = try filters["before"].last.map { text throws(EngineError) in try service.registry.find(text).id }
    since = try filters["since"].last.map { text throws(EngineError) in try service.registry.find(text).id }
    var images: Set<Digest> = []
    for name in filters["ancestor"] {
      guard let image = try? await service.daemon.images.image(name) else { continue }
      images.insert(image.id)
    }
    self.images = images
    published = try Self.ports(filters, "publish")
    exposed = try Self.ports(filters, "expose")
  }

  /// `80`, `80/tcp`, `8000-8010/udp`: every port, with its protocol.
  private static func ports(_ filters: APIFilters, _ name: String) throws -> Set<String> {
    var ports: Set<String> = []
    for value in filters[name] {
      if value.contains(":") {
        throw EngineError(.unknown, "filter for '\(name)' should not contain ':': \(value)")
      }
      let parts = value.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard parts.count <= 2, (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
        (0...65535).contains(first), (first...65535).contains(last)
      else {
        throw EngineError(
          .unknown, "error while looking up for \(name) \(value): invalid port '\(value)': invalid syntax")
      }
      for port in first...last { ports.insert("\(port)/\(parts.count == 2 ? parts[1] : "tcp")") }
    }
    return ports
  }

  /// Whether a container is wanted, as far as that can be told without its networks.
  func accepts(_ details: ContainerDetails) -> Bool {
    let state = details.state
    if !state.isRunning, !showsAll { return false }
    guard filters.matchesPart("name", details.name) || filters.matchesPart("name", "/" + details.name) else {
      return false
    }
    if filters.contains("id"), !filters["id"].contains(where: { details.id.hasPrefix($0) }) { return false }
    if filters.contains("is-task"), (try? filters.bool("is-task", default: false)) == true { return false }
    guard filters.matchesLabels(details.config.labels) else { return false }
    if !exited.isEmpty, !exited.contains(state.exitCode) || state.isRunning || state.startedAt == 0 { return false }
    guard filters.matchesExactly("status", state.status.rawValue),
      filters.matchesExactly("health", details.health?.status.rawValue ?? "none")
    else { return false }
    if filters.contains("volume"),
      !filters["volume"].contains(where: { wanted in
        details.mounts.contains { $0.destination == wanted || ($0.name.isEmpty ? $0.source : $0.name) == wanted }
      })
    {
      return false
    }
    if filters.contains("ancestor"), !(details.imageID.map(images.contains) ?? false) { return false }
    if !exposed.isEmpty,
      !details.config.exposedPorts.contains(where: exposed.contains),
      !details.hostConfig.portBindings.keys.contains(where: exposed.contains)
    {
      return false
    }
    return true
  }

  /// Whether the networks have to be asked.
  var needsNetworks: Bool { filters.contains("network") || !published.isEmpty }

  func accepts(networks: JSONObject, ports: JSONObject?) -> Bool {
    if filters.contains("network"),
      !filters["network"].contains(where: { wanted in
        networks.members.contains { member in
          member.key == wanted || (member.value["NetworkID"]?.string ?? "").hasPrefix(wanted)
        }
      })
    {
      return false
    }
    guard !published.isEmpty else { return true }
    return (ports?.members ?? []).contains { member in
      guard let port = PortSpec.parse(member.key) else { return false }
      return (member.value.array ?? []).contains {
        published.contains("\($0["HostPort"]?.string ?? "")/\(port.proto)")
      }
    }
  }
}
