import Client
#if canImport(Glibc)
  import Glibc
#endif
import Simulation
import Synchronization

/// Runs the simulated world while a command works: until it is done, the user interrupts it, or nothing can happen any
/// more. This is the only place where virtual time meets the user's.
struct Drive {
  let world: SimWorld
  let printer: LivePrinter
  let stepper: Stepper
  let isInteractive: Bool
  /// Virtual nanoseconds for each of the user's; 0 means that nobody waits.
  let speed: Double
  /// Nobody reads the command's output any more.
  let isUnread: () -> Bool
  /// Asks what to do with a handoff that waits for the user.
  let onStep: () -> Void
  /// Tells the user, who pressed Ctrl-C twice, what goes on.
  let onPatience: () -> Void

  /// Virtual time that a command of a script may take: what is still running then would run for ever.
  static let scriptLimit: UInt64 = 24 * 3600 * 1_000_000_000

  /// How a command ended.
  enum End { case status(Int32), abandoned(String) }

  /// Runs `body`, which works for `client`, to its end.
  func run(_ client: TerminalClient, _ body: @escaping @Sendable () async -> Int32) -> End {
    let result = Mutex<Int32?>(nil)
    let task = Task(executorPreference: world) {
      let status = await body()
      result.withLock { $0 = status }
    }
    defer { client.finish() }
    var pacer = Pacer(world: world, speed: isInteractive ? speed : 0)
    var size = Terminal.size()
    var interrupts = 0
    let began = world.now
    while true {
      let outcome = world.run(
        until: { result.withLock { $0 != nil } || stepper.waiting != nil || isUnread() }, limit: Drive.scriptLimit,
        shouldPause: { Interrupts.pending },
        pace: isInteractive ? { wait(for: $0, client, &pacer, &size) } : nil)
      if let status = result.withLock({ $0 }) {
        printer.flush()
        return .status(status)
      }
      if isUnread() {
        // As a client that is ended by SIGPIPE; what it started goes on.
        task.cancel()
        return .status(128 + SIGPIPE)
      }
      if stepper.waiting != nil {
        printer.flush()
        onStep()
        pacer = Pacer(world: world, speed: isInteractive ? speed : 0)
        continue
      }
      let overdue = !isInteractive && world.now - began >= Drive.scriptLimit
      if Interrupts.take() || overdue {
        interrupts += 1
      } else if outcome == .idle {
        printer.flush()
        if isInteractive {
          waitForUser(client, &size)
          continue
        }
        interrupts += 1
      } else {
        continue
      }
      // Ctrl-C: first as docker gets it, then as a cancelled task; in the end the command is left to itself.
      switch interrupts {
      case 1: client.interrupt()
      case 2:
        task.cancel()
        if isInteractive { onPatience() }
      default:
        task.cancel()
        return .abandoned(
          overdue || !isInteractive ? "the command would wait for ever; it was interrupted" : "interrupted")
      }
    }
  }

  /// Lets what was begun come to rest: answers under way, clean-up; not what waits for a time further off.
  func settle() {
    world.run(until: { Interrupts.pending || isUnread() }, limit: 50_000_000)
    printer.flush()
  }

  /// Waits as long as the user has to for the next thing to happen. False: something came from outside.
  private func wait(
    for nanoseconds: UInt64, _ client: TerminalClient, _ pacer: inout Pacer, _ size: inout (columns: Int, rows: Int)
  ) -> Bool {
    while true {
      let milliseconds = pacer.milliseconds(until: world.now &+ nanoseconds)
      guard milliseconds > 1 else { return true }
      printer.flush()
      if !poll(client, milliseconds: milliseconds, &size) {
        world.advance(min(nanoseconds, pacer.virtualElapsed(since: world.now)))
        return false
      }
    }
  }

  private func waitForUser(_ client: TerminalClient, _ size: inout (columns: Int, rows: Int)) {
    _ = poll(client, milliseconds: 1000, &size)
  }

  /// Waits for the user or `milliseconds`. False when something came: a key, Ctrl-C, another size.
  private func poll(_ client: TerminalClient, milliseconds: Int32, _ size: inout (columns: Int, rows: Int)) -> Bool {
    var poller = pollfd(fd: client.wantsInput ? 0 : -1, events: Int16(POLLIN), revents: 0)
    let ready = Glibc.poll(&poller, 1, milliseconds)
    if Interrupts.pending { return false }
    let now = Terminal.size()
    if now != size {
      size = now
      client.deliver(.resized(columns: now.columns, rows: now.rows))
      return false
    }
    guard ready > 0 else { return true }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
    if count > 0 { client.type(Array(buffer[..<count])) } else if count == 0 { client.endInput() }
    return false
  }
}

/// Holds virtual time back to the user's.
struct Pacer {
  private let realStart: UInt64
  private let virtualStart: UInt64
  private let speed: Double

  init(world: SimWorld, speed: Double) {
    (realStart, virtualStart, self.speed) = (Pacer.monotonic(), world.now, speed)
  }

  /// How long the user has to wait for virtual time `target`; 0 when nobody waits.
  func milliseconds(until target: UInt64) -> Int32 {
    guard speed > 0, target > virtualStart else { return 0 }
    let due = Double(target - virtualStart) / speed
    let elapsed = Double(Pacer.monotonic() - realStart)
    return due <= elapsed ? 0 : Int32(min((due - elapsed) / 1_000_000, 200).rounded(.up))
  }

  /// Virtual time that should have passed by now beyond `time`.
  func virtualElapsed(since time: UInt64) -> UInt64 {
    let target = virtualStart &+ UInt64(Double(Pacer.monotonic() - realStart) * speed)
    return target > time ? target - time : 0
  }

  /// CLOCK_MONOTONIC in nanoseconds.
  static func monotonic() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
