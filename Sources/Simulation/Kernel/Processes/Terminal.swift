import Runtime
import Seams

/// A pseudo-terminal (pty(7)): the line discipline between what is typed and what processes read, and the way back.
final class Terminal {
  /// `/dev/pts/N`.
  let number: Int
  /// Its number in the kernel.
  let serial: Int
  var rows = 24
  var columns = 80
  /// What the line discipline does (termios(3)).
  var isCanonical = true
  var echoes = true
  var makesSignals = true
  /// The other end: where typed bytes come from, and where written bytes go.
  var keyboard: ByteChannel?
  var display: ByteChannel?
  /// The session whose controlling terminal this is, and the process group that reads and is signalled; host numbers.
  var session = 0
  var foreground = 0
  /// Open file descriptions of the slave.
  var slaves = 0
  var isHungUp = false
  /// The line that is being typed.
  var line: [UInt8] = []
  /// What is ready to be read: whole lines, or nothing at all (^D).
  var ready: [[UInt8]] = []
  /// Processes that wait for `ready`, by the host's pid.
  var readers: [Int] = []
  /// Written before anybody held the other end.
  var unsent: [UInt8] = []

  init(number: Int, serial: Int) { (self.number, self.serial) = (number, serial) }
}

extension KernelState {
  /// Bytes that were typed.
  func type(_ bytes: [UInt8], into terminal: Terminal) {
    var echo: [UInt8] = []
    for typed in bytes {
      let byte = typed == 0x0d ? 0x0a : typed
      if terminal.makesSignals, let (number, mark) = KernelState.signals[byte] {
        echo += mark.utf8
        terminal.line = []
        terminal.ready = []
        send(&echo, to: terminal)
        signalGroup(terminal.foreground, number)
        continue
      }
      guard terminal.isCanonical else {
        terminal.ready.append([byte])
        if terminal.echoes { echo += KernelState.shown(byte) }
        continue
      }
      switch byte {
      case 0x0a:
        terminal.ready.append(terminal.line + [0x0a])
        terminal.line = []
        echo += [0x0d, 0x0a]
      case 0x04:
        terminal.ready.append(terminal.line)
        terminal.line = []
      case 0x7f, 0x08: echo += erase(terminal)
      case 0x15: while !terminal.line.isEmpty { echo += erase(terminal) }
      case 0x17:
        while terminal.line.last == 0x20 { echo += erase(terminal) }
        while let last = terminal.line.last, last != 0x20 { echo += erase(terminal) }
      default:
        guard terminal.line.count < 4095 else { continue }
        terminal.line.append(byte)
        echo += KernelState.shown(byte)
      }
    }
    if terminal.echoes { send(&echo, to: terminal) }
    wakeReaders(terminal)
  }

  private static let signals: [UInt8: (Int32, String)] = [
    0x03: (Signal.int, "^C"), 0x1c: (Signal.quit, "^\\"), 0x1a: (Signal.tstp, "^Z"),
  ]

  /// ECHOCTL.
  private static func shown(_ byte: UInt8) -> [UInt8] { byte < 0x20 && byte != 0x09 ? [0x5e, byte + 0x40] : [byte] }

  /// Takes the last character of the line away, however many bytes it has.
  private func erase(_ terminal: Terminal) -> [UInt8] {
    guard var last = terminal.line.popLast() else { return [] }
    while last & 0xc0 == 0x80, let before = terminal.line.popLast() { last = before }
    let once: [UInt8] = [0x08, 0x20, 0x08]
    return last < 0x20 && last != 0x09 ? once + once : once
  }

  private func send(_ bytes: inout [UInt8], to terminal: Terminal) {
    guard !bytes.isEmpty else { return }
    if let display = terminal.display {
      deferred.append(.push(display, bytes))
    } else {
      terminal.unsent += bytes
    }
    bytes = []
  }

  func wakeReaders(_ terminal: Terminal) {
    let readers = terminal.readers
    terminal.readers = []
    for pid in readers { if let process = initPID.processes[pid] { wake(process) } }
  }

  /// OPOST and ONLCR: what a process writes, as the display gets it.
  static func processed(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.contains(0x0a) else { return bytes }
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + 16)
    for byte in bytes {
      if byte == 0x0a { out.append(0x0d) }
      out.append(byte)
    }
    return out
  }

  // MARK: Opening and closing

  /// The calling process gets a new terminal as its standard streams.
  ///
  /// - Parameter devpts: where its device node appears; nil when nobody mounted one.
  @discardableResult
  func openTerminal(_ devpts: DeviceTerminals?, for process: LinuxProcess) throws(Errno) -> Terminal {
    let terminal = Terminal(number: devpts?.nextTerminal() ?? 0, serial: nextTerminalSerial())
    terminals[terminal.serial] = terminal
    devpts?.add(terminal)
    let file = OpenFile(.terminal(terminal), .write)
    terminal.slaves = 1
    for fd in 0...2 { install(file, at: fd, in: process) }
    if let streams = process.consoleStreams {
      process.consoleStreams = nil
      connect(terminal, to: streams)
    }
    return terminal
  }

  /// The far end of a terminal.
  func connect(_ terminal: Terminal, to streams: ProcessStdio) {
    terminal.keyboard = streams.stdin
    terminal.display = streams.stdout
    send(&terminal.unsent, to: terminal)
    if let keyboard = streams.stdin { deferred.append(.pump(terminal: terminal.serial, keyboard)) }
  }

  /// ioctl TIOCSCTTY of a session leader on its standard input.
  func setControllingTerminal(_ process: LinuxProcess) throws(Errno) {
    guard let terminal = process.files[0]?.terminal else { throw .ENOTTY }
    guard process.sessionID == process.pid else { throw .EPERM }
    if terminal.session != 0, terminal.session != process.pid { throw .EPERM }
    if let old = process.terminal, old !== terminal { throw .EPERM }
    process.terminal = terminal
    (terminal.session, terminal.foreground) = (process.pid, process.groupID)
  }

  func closeSlave(_ terminal: Terminal) {
    terminal.slaves -= 1
    guard terminal.slaves <= 0 else { return }
    terminals[terminal.serial] = nil
    if let display = terminal.display { deferred.append(.closeWriting(display)) }
    if let keyboard = terminal.keyboard { deferred.append(.closeReading(keyboard)) }
  }

  /// The session leader has ended: the foreground group hears of it, the others read the end.
  func hangUp(_ terminal: Terminal) {
    let group = terminal.foreground
    (terminal.session, terminal.foreground) = (0, 0)
    for process in initPID.sorted where process.terminal === terminal {
      process.terminal = nil
      if process.groupID == group, process.isAlive {
        signal(process, Signal.hup, from: nil)
        signal(process, Signal.cont, from: nil)
      }
    }
    terminal.isHungUp = true
    wakeReaders(terminal)
  }

  func resize(_ terminal: Terminal, rows: Int, columns: Int) {
    guard rows != terminal.rows || columns != terminal.columns else { return }
    (terminal.rows, terminal.columns) = (rows, columns)
    signalGroup(terminal.foreground, Signal.winch)
  }
}

extension Errno {
  static let ENOTTY = Errno(25, "ENOTTY", "inappropriate ioctl for device")
}
