import JSONTree
import OCISpec
import Seams

/// `docker events --filter` (moby's events/filter.go).
struct EventFilter: Sendable {
  private let filters: APIFilters

  init(_ filters: APIFilters) { self.filters = filters }

  func accepts(_ event: JSON) -> Bool {
    let action = event["Action"]?.string ?? ""
    let type = event["Type"]?.string ?? ""
    let id = event["Actor"]?["ID"]?.string ?? ""
    var attributes: [String: String] = [:]
    for member in event["Actor"]?["Attributes"]?.object?.members ?? [] { attributes[member.key] = member.value.string }
    guard acceptsAction(action), filters.matchesExactly("type", type),
      filters.matchesExactly("scope", event["scope"]?.string ?? "local")
    else { return false }
    for kind in ["daemon", "container", "plugin", "volume", "network", "service", "node", "secret", "config"] {
      guard matches(kind, id) || matches(kind, attributes["name"] ?? "") else { return false }
    }
    return acceptsImage(type: type, id: id, attributes) && filters.matchesLabels(attributes)
  }

  private func acceptsAction(_ action: String) -> Bool {
    guard filters.contains("event") else { return true }
    let wanted = filters["event"]
    // These actions carry more behind a colon.
    if wanted.contains(where: { ["health_status", "exec_create", "exec_start"].contains($0) }) {
      return wanted.contains { action.hasPrefix($0) }
    }
    return wanted.contains(action)
  }

  /// By the beginning of an id or a name.
  private func matches(_ kind: String, _ text: String) -> Bool {
    !filters.contains(kind) || filters[kind].contains { text.hasPrefix($0) }
  }

  private func acceptsImage(type: String, id: String, _ attributes: [String: String]) -> Bool {
    guard filters.contains("image") else { return true }
    let name = attributes[type == "image" ? "name" : "image"] ?? ""
    return [id, name, Self.withoutTag(id), Self.withoutTag(name)].contains { filters["image"].contains($0) }
  }

  private static func withoutTag(_ text: String) -> String {
    (try? ImageReference(text))?.familiarName ?? text
  }
}
