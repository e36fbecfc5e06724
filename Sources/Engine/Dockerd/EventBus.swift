import JSONTree
import Seams
import Synchronization

/// dockerd's events (Engine API `GET /events`): kept for `--since`, and sent to whoever listens.
public final class EventBus: Sendable {
  /// moby keeps the last 256.
  private static let kept = 256
  private struct State {
    var past: [JSON] = []
    var listeners: [Int: @Sendable (JSON) -> Void] = [:]
    var next = 0
  }
  private let state = Mutex(State())
  private let world: any World

  public init(world: any World) { self.world = world }

  /// Something happened: `type` is container, image, network, volume, daemon; `action` as Docker names it.
  public func publish(type: String, action: String, id: String, attributes: [String: String] = [:]) {
    let now = world.unixTime
    let event: JSON = [
      "Type": .string(type), "Action": .string(action),
      "Actor": ["ID": .string(id), "Attributes": JSON(attributes)],
      "scope": "local", "time": JSON(now / 1_000_000_000), "timeNano": JSON(now),
    ]
    let listeners = state.withLock { state in
      state.past.append(event)
      if state.past.count > EventBus.kept { state.past.removeFirst() }
      return state.listeners.sorted { $0.key < $1.key }.map(\.value)
    }
    for listener in listeners { listener(event) }
  }

  /// The events so far, and a listener for those to come; `stop` ends it.
  public func subscribe(_ listener: @escaping @Sendable (JSON) -> Void) -> (past: [JSON], stop: @Sendable () -> Void) {
    let (past, id) = state.withLock { state in
      state.next += 1
      state.listeners[state.next] = listener
      return (state.past, state.next)
    }
    return (past, { [weak self] in self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) } })
  }
}
