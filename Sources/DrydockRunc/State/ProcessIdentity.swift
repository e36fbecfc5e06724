import Glibc
import Runtime

/// A process that cannot be mistaken for another which got its number later: pid and start time.
struct ProcessIdentity: Sendable, Hashable {
  /// The host's number; 0 for none.
  var pid: Int
  /// Field 22 of `/proc/PID/stat`: clock ticks since boot.
  var start: UInt64

  init(pid: Int, start: UInt64) { (self.pid, self.start) = (pid, start) }

  /// The process of that number that is there now, with its start time from procfs; nil when there is none.
  init?(pid: Int) {
    guard let stat = ProcessStat(pid: pid) else { return nil }
    self.init(pid: pid, start: stat.start)
  }

  static let none = ProcessIdentity(pid: 0, start: 0)

  /// Whether it is there and has not ended: a zombie has.
  var isAlive: Bool {
    guard pid > 0, let stat = ProcessStat(pid: pid) else { return false }
    return stat.start == start && stat.state != "Z" && stat.state != "X"
  }
}

/// What `/proc/PID/stat` says of a process (proc_pid_stat(5)).
struct ProcessStat: Sendable, Hashable {
  var pid: Int
  var command: String
  /// `R`, `S`, `D`, `Z`, `T`, …
  var state: Character
  var parent: Int
  /// The controlling terminal's device number; 0 for none.
  var terminal: Int
  /// Ticks spent in user and kernel mode.
  var ticks: UInt64
  /// Ticks since boot.
  var start: UInt64

  init?(pid: Int) {
    guard let bytes = try? HostFile.read("/proc/\(pid)/stat", limit: 8192) else { return nil }
    self.init(bytes)
  }

  /// `NUMBER (COMMAND) STATE PPID …`; the command may hold spaces and parentheses.
  init?(_ bytes: [UInt8]) {
    guard let open = bytes.firstIndex(of: UInt8(ascii: "(")), let close = bytes.lastIndex(of: UInt8(ascii: ")")),
      open > 0, close > open, let pid = Int(String(decoding: bytes[..<(open - 1)], as: UTF8.self))
    else { return nil }
    // Fields from STATE on: where each begins and ends. Counted in place, for there are many and few are wanted.
    var (index, field, state, numbers) = (close + 1, 0, UInt8(0), InlineNumbers())
    while index < bytes.count, field < 20 {
      if bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: "\n") {
        index += 1
        continue
      }
      var (number, isNumber, isNegative) = (UInt64(0), true, false)
      let begin = index
      while index < bytes.count, bytes[index] != UInt8(ascii: " "), bytes[index] != UInt8(ascii: "\n") {
        let byte = bytes[index]
        if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
          number = number &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
        } else if index == begin, byte == UInt8(ascii: "-") {
          isNegative = true
        } else {
          isNumber = false
        }
        index += 1
      }
      if field == 0 { state = bytes[begin] } else if !isNumber { return nil }
      let value = isNegative ? 0 &- number : number
      switch field {
      case 1: numbers.parent = value
      case 4: numbers.terminal = value
      case 11: numbers.user = value
      case 12: numbers.system = value
      case 19: numbers.start = value
      default: break
      }
      field += 1
    }
    guard field == 20 else { return nil }
    self.pid = pid
    command = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
    self.state = Character(Unicode.Scalar(state))
    parent = Int(truncatingIfNeeded: numbers.parent)
    terminal = Int(truncatingIfNeeded: numbers.terminal)
    ticks = numbers.user &+ numbers.system
    start = numbers.start
  }

  /// The fields that are wanted.
  private struct InlineNumbers {
    var (parent, terminal, user, system, start) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0), UInt64(0))
  }
}
