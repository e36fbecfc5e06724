import Seams
import Synchronization
import Threads

/// The embedded DNS server: 127.0.0.11 of every container that is on a network of a user's, served by one thread.
final class DNSServer: Sendable {
  /// What is asked of the thread.
  enum Order: Sendable {
    case serve(DNSService)
    case stop(Int)
    case end
  }
  private struct State {
    var orders: [Order] = []
    var isRunning = false
  }
  private let state = Mutex(State())
  private let bell = Doorbell()
  private let ways: WaysOut
  private let resolvConf: String

  init(ways: WaysOut, resolvConf: String) { (self.ways, self.resolvConf) = (ways, resolvConf) }

  /// Answers at these sockets from now on, and closes them in the end.
  func serve(_ service: DNSService) throws(NoThread) {
    let mustStart = state.withLock { state in
      state.orders.append(.serve(service))
      defer { state.isRunning = true }
      return !state.isRunning
    }
    bell.ring()
    guard mustStart else { return }
    let (bell, ways, resolvConf) = (bell, ways, resolvConf)
    do throws(NoThread) {
      try DetachedThread.start { [weak self] in
        DNSLoop(bell: bell, ways: ways, hostServers: HostNameServers(resolvConf)).run {
          // The owner has gone: nobody will ask again.
          guard let self else { return [.end] }
          return self.state.withLock { state in
            defer { state.orders = [] }
            return state.orders
          }
        }
      }
    } catch {
      state.withLock { state in
        state.isRunning = false
        state.orders = []
      }
      throw error
    }
  }

  /// Closes the sockets of a namespace.
  func stop(_ pid: Int) {
    state.withLock { state in
      if state.isRunning { state.orders.append(.stop(pid)) }
    }
    bell.ring()
  }

  deinit { bell.ring() }
}

/// One container's name service.
struct DNSService: Sendable {
  /// What its network namespace is known by.
  var pid: Int
  var sockets: DNSSockets
  /// Whom to ask for names that the container's networks do not know; nil: the host's servers.
  var servers: [NameServer]?
  var resolve: @Sendable (String) -> [String]?
}
