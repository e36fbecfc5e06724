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
    let fields = bytes[(close + 1)...].split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
    func number(_ index: Int) -> UInt64? { UInt64(String(decoding: fields[index], as: UTF8.self)) }
    guard fields.count >= 20, let state = fields[0].first, let parent = number(1), let user = number(11),
      let system = number(12), let start = number(19),
      let terminal = Int(String(decoding: fields[4], as: UTF8.self))
    else { return nil }
    self.pid = pid
    command = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
    self.state = Character(Unicode.Scalar(state))
    self.parent = Int(truncatingIfNeeded: parent)
    self.terminal = terminal
    self.ticks = user &+ system
    self.start = start
  }
}
