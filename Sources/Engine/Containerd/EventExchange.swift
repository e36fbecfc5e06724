import JSONTree
import Seams
import Synchronization

/// `containerd.services.events.v1.Events`: what happens, told to whoever subscribed.
final class EventExchange: Sendable {
  private struct Subscriber {
    var namespace: String
    var stream: AsyncStream<ContainerdEvent>.Continuation
  }
  private struct State {
    var subscribers: [(id: Int, subscriber: Subscriber)] = []
    var next = 0
  }
  private let state = Mutex(State())
  private let world: any World

  init(world: any World) { self.world = world }

  /// The events of one namespace from now on.
  func subscribe(_ namespace: String) -> AsyncStream<ContainerdEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: ContainerdEvent.self)
    let id = state.withLock { state -> Int in
      state.next += 1
      state.subscribers.append((state.next, Subscriber(namespace: namespace, stream: continuation)))
      return state.next
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { $0.subscribers.removeAll { $0.id == id } }
    }
    return stream
  }

  /// The message is only made when somebody listens.
  func publish(_ topic: String, _ namespace: String, _ event: @autoclosure () -> JSON) {
    let listeners = state.withLock { state in
      state.subscribers.lazy.filter { $0.subscriber.namespace == namespace }.map(\.subscriber.stream) + []
    }
    guard !listeners.isEmpty else { return }
    let event = ContainerdEvent(timestamp: world.unixTime, topic: topic, namespace: namespace, event: event())
    for listener in listeners { listener.yield(event) }
  }
}
