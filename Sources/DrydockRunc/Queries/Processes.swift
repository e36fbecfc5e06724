import Glibc
import JSONTree
import Runtime

/// `ps`: a container's processes.
extension DrydockRunc {
  static func ps(_ invocation: Invocation) throws(Failure) -> Int32 {
    let (_, record) = try invocation.container()
    let format = invocation.arguments["format"] ?? "table"
    switch format {
    case "json":
      let pids = record.members
      print((pids.isEmpty ? JSON.null : .array(pids.map { JSON($0) })).text + "\n")
    case "table":
      let options = Array(invocation.arguments.operands.dropFirst())
      let pids = record.members
      print(options.isEmpty ? ProcessTable.text(pids) : try filtered(pids, options))
    default: throw Failure("invalid format option")
    }
    return 0
  }

  /// What ps(1) says with other options, without the lines of other processes.
  private static func filtered(_ pids: [Int], _ options: [String]) throws(Failure) -> String {
    let (output, status) = try Command.output(["ps"] + options)
    guard status == 0 else { throw Failure("ps: exit status \(status)") }
    return try ProcessTable.filter(output, pids)
  }
}

/// A list of processes as `ps -ef` prints it, from procfs.
enum ProcessTable {
  static func text(_ pids: [Int]) -> String {
    let clock = Clock()
    let passwd = HostFile.text("/etc/passwd") ?? ""
    let width = pidWidth
    var out = "UID      " + right("PID", width) + right("PPID", width + 1) + "  C STIME TTY          TIME CMD\n"
    for pid in pids {
      guard let stat = ProcessStat(pid: pid) else { continue }
      let uid = owner(pid)
      let user = UserName.name(uid, in: passwd) ?? String(uid)
      let seconds = stat.ticks / clock.ticks
      let age = clock.uptime &- min(clock.uptime, stat.start / clock.ticks)
      out += left(user.count > 8 ? user.prefix(7) + "+" : user, 9)
      out += right(String(pid), width) + right(String(stat.parent), width + 1)
      out += right(String(age == 0 ? 0 : min(99, seconds * 100 / age)), 3)
      out += " " + clock.started(stat.start) + " " + left(terminal(stat.terminal), 8) + " " + time(seconds)
      out += " " + command(pid, stat) + "\n"
    }
    return out
  }

  /// The lines of a ps(1) listing that are about these processes, and its heading.
  static func filter(_ output: String, _ pids: [Int]) throws(Failure) -> String {
    let lines = output.split(separator: "\n", omittingEmptySubsequences: true)
    guard let heading = lines.first,
      let column = heading.split(separator: " ").firstIndex(of: "PID")
    else { throw Failure("couldn't find PID field in ps output") }
    var out = heading + "\n"
    for line in lines.dropFirst() {
      let fields = line.split(separator: " ")
      guard column < fields.count, let pid = Int(fields[column]) else {
        throw Failure("unable to parse pid: \(line)")
      }
      if pids.contains(pid) { out += line + "\n" }
    }
    return String(out)
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
  private static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// How many digits a process's number can have.
  private static var pidWidth: Int {
    let most = HostFile.text("/proc/sys/kernel/pid_max").flatMap { Int($0.prefix { $0 != "\n" }) } ?? 32768
    return max(5, String(most - 1).count)
  }

  private static func owner(_ pid: Int) -> UInt32 {
    var info = stat()
    return stat("/proc/\(pid)", &info) == 0 ? info.st_uid : 0
  }

  static func command(_ pid: Int, _ stat: ProcessStat) -> String {
    guard var bytes = try? HostFile.read("/proc/\(pid)/cmdline", limit: 1 << 20), !bytes.isEmpty else {
      return "[\(stat.command)]"
    }
    while bytes.last == 0 { bytes.removeLast() }
    // What does not print could speak to the reader's terminal.
    for index in bytes.indices where bytes[index] < 0x20 || bytes[index] == 0x7f {
      bytes[index] = bytes[index] == 0 ? UInt8(ascii: " ") : UInt8(ascii: "?")
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// `pts/0`, `tty1`, `?`: by the device's number (devices.txt).
  static func terminal(_ device: Int) -> String {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00)
    return switch major {
    case 136...143: "pts/\((major - 136) * 256 + minor)"
    case 4 where minor < 64: "tty\(minor)"
    case 4: "ttyS\(minor - 64)"
    case 5 where minor == 1: "console"
    default: "?"
    }
  }

  /// `[DAYS-]HH:MM:SS`.
  static func time(_ seconds: UInt64) -> String {
    func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : String(value) }
    let days = seconds / 86_400
    return (days > 0 ? "\(days)-" : "") + "\(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
  }
}

/// The host's clocks, read once for a table.
private struct Clock {
  /// A second's.
  let ticks: UInt64
  /// Seconds.
  let uptime: UInt64
  private let now: Int

  init() {
    ticks = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    var (boot, real) = (timespec(), timespec())
    clock_gettime(CLOCK_BOOTTIME, &boot)
    clock_gettime(CLOCK_REALTIME, &real)
    (uptime, now) = (UInt64(max(0, boot.tv_sec)), real.tv_sec)
  }

  /// Local time of day, the date when that was another day, the year when it is long ago.
  func started(_ start: UInt64) -> String {
    var then = now - Int(uptime &- min(uptime, start / ticks))
    var today = now
    var (a, b) = (tm(), tm())
    localtime_r(&then, &a)
    localtime_r(&today, &b)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : String(value) }
    if a.tm_year == b.tm_year, a.tm_yday == b.tm_yday { return "\(two(a.tm_hour)):\(two(a.tm_min))" }
    if a.tm_year != b.tm_year { return " \(a.tm_year + 1900)" }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return months[Int(min(11, max(0, a.tm_mon)))] + two(a.tm_mday)
  }
}

/// Other programs.
enum Command {
  /// Runs a program of PATH to its end; stdin is empty, stderr is ours.
  static func output(_ arguments: [String]) throws(Failure) -> (output: String, status: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw Failure("pipe: \(Errno.last)") }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_addclose(&actions, ends[0])
    posix_spawn_file_actions_addclose(&actions, ends[1])
    var pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, arguments[0], &actions, nil, &pointers, environ)
    close(ends[1])
    defer { close(ends[0]) }
    guard code == 0 else {
      throw Failure(
        code == Glibc.ENOENT
          ? "exec: \(GoText.quoted(arguments[0])): executable file not found in $PATH"
          : "exec: \(GoText.quoted(arguments[0])): \(Errno(number: code))")
    }
    let bytes = (try? HostFile.read(ends[0], limit: 64 << 20)) ?? []
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, Glibc.errno == Glibc.EINTR {}
    let ended = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + (status & 0x7f)
    return (String(decoding: bytes, as: UTF8.self), ended)
  }
}
