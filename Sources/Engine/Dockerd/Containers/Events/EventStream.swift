import JSONTree
import Seams
import Synchronization

/// `GET /events`.
extension ContainerService {
  func eventsResponse(_ request: APIRequest) async throws -> APIResponse {
    let now = world.unixTime
    func moment(_ name: String) throws -> UInt64? {
      guard let text = request.query(name), !text.isEmpty, text != "0" else { return nil }
      guard let time = RFC3339Time.moment(text, now: now) else {
        throw EngineError(
          .invalidArgument, "invalid value for '\(name)': strconv.ParseInt: parsing \"\(text)\": invalid syntax")
      }
      return time
    }
    let (since, until) = (try moment("since"), try moment("until"))
    if let since, let until, until < since {
      throw EngineError(
        .invalidArgument,
        "`since` time (\(request.query("since") ?? "")) cannot be after `until` time (\(request.query("until") ?? ""))")
    }
    let filter = EventFilter(try APIFilters(request.query("filters")))
    let channel = ByteChannel(capacity: .max)
    let listener = EventListener(channel: channel, filter: filter)
    let (past, stop) = daemon.events.subscribe { listener.receive($0) }
    listener.onGone { stop() }
    if since != nil || until != nil {
      for event in past {
        let time = UInt64(clamping: event["timeNano"]?.int ?? 0)
        guard since.map({ time >= $0 }) ?? true, until.map({ time <= $0 }) ?? true else { continue }
        listener.send(event)
      }
    }
    if let until {
      if until <= now {
        listener.end()
      } else {
        world.spawn { [self] in
          try? await world.sleep(until - now)
          listener.end()
        }
      }
    }
    return APIResponse(200, .stream(channel), headers: [NameValue("Content-Type", "application/jsonl")])
  }
}

/// One who listens to events.
private final class EventListener: Sendable {
  private let channel: ByteChannel
  private let filter: EventFilter
  private let gone = Mutex<(@Sendable () -> Void)?>(nil)

  init(channel: ByteChannel, filter: EventFilter) { (self.channel, self.filter) = (channel, filter) }

  /// Called once, when nobody listens any more.
  func onGone(_ body: @escaping @Sendable () -> Void) { gone.withLock { $0 = body } }

  func receive(_ event: JSON) { send(event) }

  func send(_ event: JSON) {
    guard filter.accepts(event) else { return }
    var writer = JSONWriter()
    writer.write(event)
    if !channel.push(writer.bytes + [0x0a]) { end() }
  }

  func end() {
    channel.closeWriting()
    let body = gone.withLock { gone in
      defer { gone = nil }
      return gone
    }
    body?()
  }
}
