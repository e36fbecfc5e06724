import Glibc
import LinuxKernel
import OCISpec
import Runtime

/// The runtime in the foreground: until a container's process ends it hands signals on, copies between the container's
/// terminal and its own, and buries the orphans that fall to it.
struct Foreground {
  let signals: SignalQueue

  /// To be called before the process is made: signals that come meanwhile are handed on later. `adopts`: orphans of the
  /// container become children of this process.
  init(adopts: Bool) throws(Failure) {
    do { signals = try SignalQueue(SignalQueue.forwarded) } catch { throw Failure("signalfd: \(error)") }
    if adopts { LinuxKernel.becomeSubreaper() }
  }

  /// Waits for the end of `process`; its exit status, or 128 and the signal that ended it.
  func wait(for process: ChildProcess, terminal: Int32?) -> Int32 {
    let copy = terminal.map { TerminalCopy($0) }
    defer { copy?.finish() }
    while true {
      let ready = LinuxKernel.poll(
        [signals.descriptor, process.descriptor] + (copy?.inputs ?? []), output: copy?.outputs ?? [])
      copy?.move(ready)
      if ready.contains(signals.descriptor) { handOn(process, copy) }
      guard ready.contains(process.descriptor) else { continue }
      do { if let end = try process.wait(blocks: false) { return end.status } } catch {
        // Somebody else has buried it: how it ended cannot be known any more.
        return 255
      }
    }
  }

  private func handOn(_ process: ChildProcess, _ copy: TerminalCopy?) {
    while let (signal, _) = signals.next() {
      switch signal {
      case SIGCHLD: buryOrphans(except: process)
      case SIGWINCH where copy != nil: copy?.resize()
      // Go's runtime means something of its own by it, and so do its programs' supervisors.
      case SIGURG: continue
      default: try? process.send(signal: signal)
      }
    }
  }

  private func buryOrphans(except process: ChildProcess) {
    while let pid = ChildProcess.nextEnded(), pid != process.pid {
      _ = try? ChildProcess(pid: pid, descriptor: -1).wait(blocks: false)
    }
  }
}

/// Copies between a container's terminal and the runtime's own stdin and stdout. Never waits for one side while the
/// other could go on.
final class TerminalCopy {
  private let near: Int32
  private let own: RawTerminal?
  private var toContainer: [UInt8] = []
  private var toUser: [UInt8] = []
  private var (hears, speaks) = (true, true)
  private static let most = 65_536

  init(_ near: Int32) {
    self.near = near
    Terminal.keepNewlines(near)
    own = RawTerminal(0)
    resize()
    _ = fcntl(near, F_SETFL, O_NONBLOCK)
  }

  var inputs: [Int32] {
    var descriptors: [Int32] = []
    if hears, toContainer.count < TerminalCopy.most { descriptors.append(0) }
    if speaks, toUser.count < TerminalCopy.most { descriptors.append(near) }
    return descriptors
  }
  var outputs: [Int32] { (toContainer.isEmpty ? [] : [near]) + (toUser.isEmpty ? [] : [1]) }

  /// The size of the user's window becomes the container's.
  func resize() { Terminal.copySize(from: 0, to: near) }

  func move(_ ready: [Int32]) {
    if ready.contains(0), hears { hears = TerminalCopy.read(0, &toContainer) }
    if ready.contains(near) {
      if speaks { speaks = TerminalCopy.read(near, &toUser) }
      if !toContainer.isEmpty { TerminalCopy.write(near, &toContainer) }
    }
    if !toUser.isEmpty { TerminalCopy.write(1, &toUser) }
  }

  /// What was written before the end is still shown.
  func finish() {
    while speaks {
      let before = toUser.count
      speaks = TerminalCopy.read(near, &toUser)
      if toUser.count == before { break }
      TerminalCopy.write(1, &toUser)
    }
    while !toUser.isEmpty, LinuxKernel.poll([], output: [1], deadline: nil) == [1] {
      let before = toUser.count
      TerminalCopy.write(1, &toUser)
      if toUser.count == before { break }
    }
    own?.restore()
  }

  /// False at the end.
  private static func read(_ descriptor: Int32, _ bytes: inout [UInt8]) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 32_768, alignment: 16) { buffer in
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count < 0 { return errno == EAGAIN || errno == EINTR }
      bytes += buffer[..<count]
      return count > 0
    }
  }

  private static func write(_ descriptor: Int32, _ bytes: inout [UInt8]) {
    let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      bytes.removeFirst(count)
    } else if count < 0, errno != EAGAIN, errno != EINTR {
      bytes = []
    }
  }
}

extension DrydockRunc {
  /// `run`: `create` and `start` in one; without `--detach` also the wait and `delete`.
  static func run(_ invocation: Invocation) throws(Failure) -> Int32 {
    let creation = try Creation(invocation, starts: true, foreground: !invocation.arguments.has("detach"))
    guard let directory = creation.notes.directory else { throw .notExist }
    var destruction = Destruction(directory: directory, record: creation.notes.record, log: invocation.log)
    destruction.trace = creation.setting.trace
    do { try letGo(creation.facts, creation.setting) } catch {
      try? destruction.run(kills: true, creation.facts)
      _ = try? creation.process.wait(blocks: false)
      throw error
    }
    guard let foreground = creation.foreground else { return 0 }
    // The container is everybody's from now on.
    directory.unlock()
    let status = foreground.wait(for: creation.process, terminal: creation.terminal)
    if invocation.arguments.has("keep") { return status }
    do {
      if try directory.lock() { try destruction.run(kills: !creation.notes.record.hasOwnPIDs, creation.facts) }
    } catch {
      // Somebody else has deleted it meanwhile.
      if error != .notExist { throw error }
    }
    return status
  }
}
