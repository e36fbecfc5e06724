import JSONTree
import Seams
import Synchronization

/// dockerd's events (Engine API `GET /events`): kept for `--since`, and sent to whoever listens.
public final class EventBus: Sendable {
  /// moby keeps the last 256.
  private static let kept = 256
  private struct Event {
    let type: String
    let action: String
    let id: String
    let attributes: [String: String]
    let time: UInt64

    /// The event as the API has it: built when somebody listens or asks, not when it happens.
    var json: JSON {
      [
        "Type": .string(type), "Action": .string(action),
        "Actor": ["ID": .string(id), "Attributes": JSON(attributes)],
        "scope": "local", "time": JSON(time / 1_000_000_000), "timeNano": JSON(time),
      ]
    }
  }
  private struct State {
    /// A ring: `oldest` is the place of the next one.
    var past: [Event] = []
    var oldest = 0
    var listeners: [(id: Int, listener: @Sendable (JSON) -> Void)] = []
    var next = 0
  }
  private let state = Mutex(State())
  private let world: any World

  public init(world: any World) { self.world = world }

  /// Something happened: `type` is container, image, network, volume, daemon; `action` as Docker names it.
  public func publish(type: String, action: String, id: String, attributes: [String: String] = [:]) {
    let event = Event(type: type, action: action, id: id, attributes: attributes, time: world.unixTime)
    let listeners = state.withLock { state in
      if state.past.count < EventBus.kept {
        state.past.append(event)
      } else {
        state.past[state.oldest] = event
        state.oldest = (state.oldest + 1) % EventBus.kept
      }
      return state.listeners
    }
    guard !listeners.isEmpty else { return }
    let json = event.json
    for (_, listener) in listeners { listener(json) }
  }

  /// The events so far, oldest first, and a listener for those to come; `stop` ends it.
  public func subscribe(_ listener: @escaping @Sendable (JSON) -> Void) -> (past: [JSON], stop: @Sendable () -> Void) {
    let (past, id) = state.withLock { state in
      state.next += 1
      state.listeners.append((state.next, listener))
      return (Array(state.past[state.oldest...] + state.past[..<state.oldest]), state.next)
    }
    return (past.map(\.json), { [weak self] in self?.state.withLock { $0.listeners.removeAll { $0.id == id } } })
  }
}
