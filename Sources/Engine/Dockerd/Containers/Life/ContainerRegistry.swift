import Seams
import Synchronization

/// dockerd's containers by id, name and id prefix.
///
/// Looking up is a hash or a binary search; ids are kept sorted for prefixes, creation order for lists.
final class ContainerRegistry: Sendable {
  fileprivate struct State {
    var byID: [String: Container] = [:]
    /// Name without the slash → id. A name is taken before its container is there.
    var names: [String: String] = [:]
    var sortedIDs: [String] = []
    /// Creation order.
    var order: [String: UInt64] = [:]
    var next: UInt64 = 0
  }
  private let state = Mutex(State())

  /// By whole id, then name (with or without a slash), then prefix of an id.
  func find(_ text: String) throws(EngineError) -> Container {
    let found: Result<Container, EngineError> = state.withLock { state in
      if text.isEmpty { return .failure(EngineError(.invalidArgument, "invalid name or ID supplied: \"\"")) }
      if let container = state.byID[text] { return .success(container) }
      let name = text.hasPrefix("/") ? String(text.dropFirst()) : text
      if let id = state.names[name], let container = state.byID[id] { return .success(container) }
      let index = State.lowerBound(state.sortedIDs, text)
      guard index < state.sortedIDs.count, state.sortedIDs[index].hasPrefix(text) else {
        return .failure(EngineError(.notFound, "No such container: \(text)"))
      }
      if index + 1 < state.sortedIDs.count, state.sortedIDs[index + 1].hasPrefix(text) {
        return .failure(EngineError(.invalidArgument, "multiple IDs found with provided prefix: \(text)"))
      }
      return state.byID[state.sortedIDs[index]].map { .success($0) }
        ?? .failure(EngineError(.notFound, "No such container: \(text)"))
    }
    return try found.get()
  }

  /// By whole id.
  subscript(id: String) -> Container? { state.withLock { $0.byID[id] } }

  /// Takes `name` for `id`; the id that has it already, or nil.
  func reserve(name: String, for id: String) -> String? {
    state.withLock { state in
      if let owner = state.names[name], owner != id { return owner }
      state.names[name] = id
      return nil
    }
  }

  /// Gives the name back when `id` has it.
  func release(name: String, of id: String) {
    state.withLock { state in
      if state.names[name] == id { state.names[name] = nil }
    }
  }

  func add(_ container: Container) {
    state.withLock { state in
      guard state.byID.updateValue(container, forKey: container.id) == nil else { return }
      state.sortedIDs.insert(container.id, at: State.lowerBound(state.sortedIDs, container.id))
      state.next += 1
      state.order[container.id] = state.next
    }
  }

  func remove(_ id: String) {
    state.withLock { state in
      guard state.byID.removeValue(forKey: id) != nil else { return }
      let index = State.lowerBound(state.sortedIDs, id)
      if index < state.sortedIDs.count, state.sortedIDs[index] == id { state.sortedIDs.remove(at: index) }
      state.order[id] = nil
    }
  }

  /// All, newest first.
  var all: [Container] {
    state.withLock { state in
      state.order.sorted { $0.value > $1.value }.compactMap { state.byID[$0.key] }
    }
  }

  var count: Int { state.withLock { $0.byID.count } }
}

extension ContainerRegistry.State {
  /// The first place whose id is not before `text`.
  fileprivate static func lowerBound(_ ids: [String], _ text: String) -> Int {
    var (low, high) = (0, ids.count)
    while low < high {
      let middle = (low + high) / 2
      if ids[middle] < text { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
