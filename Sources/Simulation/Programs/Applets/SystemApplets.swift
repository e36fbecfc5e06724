import Runtime
import Seams

/// id, hostname, uname, date, mount, free, uptime and the like.
func addSystemApplets(_ table: inout AppletTable) {
  table.add("id", "[-ugGnr] [USER]", runId)
  table.add("whoami", "") { context in
    guard let name = Accounts(context.process).userName(context.process.uid) else {
      return try await context.fail(
        busybox: "unknown uid \(context.process.uid)", gnu: "cannot find name for user ID \(context.process.uid)")
    }
    try await context.printLine(name)
    return 0
  }
  table.add("logname", "") { context in
    try await context.fail(busybox: "getlogin: No such process", gnu: "no login name")
  }
  table.add("groups", "[USER]") { context in
    let accounts = Accounts(context.process)
    try await context.printLine(
      memberships(context, accounts).map { accounts.groupName($0) ?? String($0) }.joined(separator: " "))
    return 0
  }
  table.add("hostname", "[-sifd] [HOSTNAME | -F FILE]") { context in
    let options = try Options(context.arguments, "sifdF:I")
    let process = context.process
    if let name = options.operands.first {
      do { try process.sethostname(name) } catch let error as Errno {
        return try await context.fail(
          busybox: "sethostname: \(context.reason(error))", gnu: "you must be root to change the host name")
      }
      return 0
    }
    if options.has("i") || options.has("I") {
      let addresses = process.interfaces().filter { $0.name != "lo" && !$0.address.isEmpty }.map(\.address)
      try await context.printLine(addresses.joined(separator: " ") + (options.has("I") ? " " : ""))
    } else if options.has("d") {
      let parts = process.hostname.split(separator: ".", maxSplits: 1)
      try await context.printLine(parts.count > 1 ? String(parts[1]) : "")
    } else {
      try await context.printLine(options.has("s") ? String(process.hostname.prefix { $0 != "." }) : process.hostname)
    }
    return 0
  }
  table.add("uname", "[-amnrspvio]") { context in
    let options = try Options(
      context.arguments, "amnrspvio", long: ["all": "a", "kernel-release": "r", "machine": "m"])
    let system = context.process.system
    let isAll = options.has("a")
    var parts: [String] = []
    if options.letters.isEmpty || options.has("s") || isAll { parts.append("Linux") }
    if options.has("n") || isAll { parts.append(context.process.hostname) }
    if options.has("r") || isAll { parts.append(system.release) }
    if options.has("v") || isAll { parts.append(system.version) }
    if options.has("m") || isAll { parts.append(system.machine) }
    if options.has("p") || options.has("i") { parts.append("unknown") }
    if options.has("o") || isAll { parts.append(context.isGNU ? "GNU/Linux" : "Linux") }
    try await context.printLine(parts.joined(separator: " "))
    return 0
  }
  table.add("arch", "") { context in
    try await context.printLine(context.process.system.machine)
    return 0
  }
  table.add("nproc", "[--all]") { context in
    try await context.printLine(String(context.process.system.cpus))
    return 0
  }
  table.add("date", "[OPTIONS] [+FMT] [[-s] TIME]", runDate)
  table.add("uptime", "") { context in
    let seconds = Int(context.process.system.uptime / Duration64.second)
    let now = CivilTime(Int64(context.process.unixTime / Duration64.second))
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
    var text = " \(now.clock) up "
    if days > 0 { text += "\(days) day\(days == 1 ? "" : "s"), " }
    text += hours > 0 ? "\(String(hours).leftPadded(2)):\(padded(minutes))" : "\(minutes) min"
    try await context.printLine(text + ",  0 users,  load average: 0.00, 0.00, 0.00")
    return 0
  }
  table.add("free", "[-bkmgh]") { context in
    let options = try Options(context.arguments, "bkmgthw")
    let system = context.process.system
    func size(_ bytes: Int64) -> String {
      if options.has("h") { return humanSize(bytes) + (context.isGNU && bytes >= 1024 ? "i" : "") }
      let unit: Int64 = options.has("b") ? 1 : options.has("m") ? 1 << 20 : options.has("g") ? 1 << 30 : 1024
      return String(bytes / unit)
    }
    let free = max(0, system.memoryTotal - system.memoryUsed)
    let width = 12
    let names = ["total", "used", "free", "shared", "buff/cache", "available"]
    let values = [system.memoryTotal, system.memoryUsed, free, 0, 0, free].map(size)
    try await context.printLine("       " + names.map { $0.leftPadded(width) }.joined())
    try await context.printLine("Mem:   " + values.map { $0.leftPadded(width) }.joined())
    try await context.printLine(
      "Swap:  " + [system.swapTotal, 0, system.swapTotal].map { size($0).leftPadded(width) }.joined())
    return 0
  }
  table.add("mount", "[OPTIONS] [-o OPT] DEVICE NODE", runMount)
  table.add("umount", "[-rlf] [-t FSTYPE] FILESYSTEM|DIRECTORY") { context in
    let options = try Options(context.arguments, "rlft:and")
    try options.require(1)
    var status: Int32 = 0
    for target in options.operands {
      do { try context.process.unmount(target) } catch let error as Errno {
        let isForbidden = error == .EPERM && context.isGNU
        status = try await context.fail(
          busybox: "can't unmount \(target): \(context.reason(error))",
          gnu: isForbidden
            ? "\(target): must be superuser to unmount."
            : error == .EINVAL ? "\(target): not mounted." : "\(target): \(context.reason(error)).",
          context.isGNU ? 32 : 1)
      }
    }
    return status
  }
  table.add("mountpoint", "[-q] { [-dn] DIR | -x DEVICE }") { context in
    let options = try Options(context.arguments, "qdnx")
    try options.require(1)
    let path = realPath(options.operands[0], context, allowsMissing: true) ?? options.operands[0]
    let isMount = context.process.mounts().contains { $0.target == path }
    if !options.has("q") {
      try await context.printLine("\(options.operands[0]) is \(isMount ? "" : "not ")a mountpoint")
    }
    return isMount ? 0 : context.isGNU ? 32 : 1
  }
  table.add("tty", "[-s]") { context in
    let isTerminal = context.process.isTerminal(context.input)
    if context.arguments.first != "-s" { try await context.printLine(isTerminal ? "/dev/pts/0" : "not a tty") }
    return isTerminal ? 0 : 1
  }
  table.add("stty", "[-a|g] [-F DEVICE] [SETTING]...") { context in
    guard let size = context.process.terminalSize(context.input) else {
      return try await context.fail(
        busybox: "standard input: \(context.reason(Errno(25, "ENOTTY", "inappropriate ioctl for device")))",
        gnu: "'standard input': Inappropriate ioctl for device")
    }
    if context.arguments.first == "size" {
      try await context.printLine("\(size.rows) \(size.columns)")
    } else if context.arguments.isEmpty || context.arguments.first == "-a" {
      try await context.printLine(
        "speed 38400 baud;\(context.arguments.isEmpty ? "" : " rows \(size.rows); columns \(size.columns);") line = 0;")
    }
    return 0
  }
  table.add("clear", "") { context in
    try await context.print("\u{1B}[H\u{1B}[J")
    return 0
  }
  table.add("reset", "") { context in
    try await context.print("\u{1B}c\u{1B}(B\u{1B}[m\u{1B}[J\u{1B}[?25h")
    return 0
  }
  table.add("which", "[-a] COMMAND...") { context in
    let options = try Options(context.arguments, "as")
    var status: Int32 = options.operands.isEmpty ? 1 : 0
    for name in options.operands {
      if case .success(let path) = Launcher(context).find(name),
        let info = try? context.process.stat(path, followLinks: true),
        info.kind == .file, info.mode & 0o111 != 0
      {
        try await context.printLine(path)
      } else {
        status = 1
      }
    }
    return status
  }
  table.add("sync", "[-df] [FILE]...") { _ in 0 }
  table.add("dmesg", "[-cr] [-n LEVEL] [-s SIZE]") { context in
    try await context.fail(
      busybox: "klogctl: \(context.reason(Errno.EPERM))",
      gnu: "read kernel buffer failed: \(context.reason(Errno.EPERM))")
  }
  table.add("sysctl", "[-enq] { -a | -p [FILE]... | [-w] [KEY[=VALUE]]... }") { context in
    let options = try Options(context.arguments, "enqapw")
    var status: Int32 = 0
    for operand in options.operands {
      let parts = operand.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { trimmed($0) }
      let path = "/proc/sys/" + parts[0].replacing(".", with: "/")
      do {
        if parts.count > 1 { try await put(Array((parts[1] + "\n").utf8), path, context) }
        let value = trimmed(String(decoding: try context.process.readFile(path), as: UTF8.self))
        try await context.printLine(options.has("n") ? value : "\(parts[0]) = \(value)")
      } catch let error as Errno {
        status = try await context.fail(
          busybox: "error: '\(path)' - \(context.reason(error))", gnu: "cannot stat \(path): \(context.reason(error))",
          context.isGNU ? 255 : 1)
      }
    }
    return status
  }
}

private func memberships(_ context: ProgramContext, _ accounts: Accounts) -> [UInt32] {
  let groups = context.process.groups
  return groups.contains(context.process.gid) ? groups : [context.process.gid] + groups
}

private let runId: AppletBody = { context in
  let options = try Options(context.arguments, "ugGnrz", long: ["user": "u", "group": "g", "groups": "G", "name": "n"])
  let accounts = Accounts(context.process)
  var (uid, gid) = (context.process.uid, context.process.gid)
  var groups = memberships(context, accounts)
  if let name = options.operands.first {
    guard let user = accounts.user(name) ?? UInt32(name).flatMap({ accounts.user(uid: $0) }) else {
      return try await context.fail(busybox: "unknown user \(name)", gnu: "'\(name)': no such user")
    }
    (uid, gid) = (user.uid, user.gid)
    groups = [gid] + accounts.groups.filter { $0.members.contains(user.name) && $0.gid != gid }.map(\.gid)
  }
  func user(_ id: UInt32) -> String { accounts.userName(id) ?? String(id) }
  func group(_ id: UInt32) -> String { accounts.groupName(id) ?? String(id) }
  if options.has("u") {
    try await context.printLine(options.has("n") ? user(uid) : String(uid))
  } else if options.has("g") {
    try await context.printLine(options.has("n") ? group(gid) : String(gid))
  } else if options.has("G") {
    try await context.printLine(groups.map { options.has("n") ? group($0) : String($0) }.joined(separator: " "))
  } else {
    func shown(_ id: UInt32, _ name: String?) -> String { "\(id)" + (name.map { "(\($0))" } ?? "") }
    var text = "uid=\(shown(uid, accounts.userName(uid))) gid=\(shown(gid, accounts.groupName(gid)))"
    if context.isGNU || groups.count > 1 || !context.process.groups.isEmpty {
      text += " groups=" + groups.map { shown($0, accounts.groupName($0)) }.joined(separator: ",")
    }
    try await context.printLine(text)
  }
  return 0
}

/// The formats of date(1).
func formatDate(_ format: String, _ nanoseconds: UInt64) -> String {
  let seconds = Int64(clamping: nanoseconds / Duration64.second)
  let time = CivilTime(seconds)
  let hour12 = time.hour % 12 == 0 ? 12 : time.hour % 12
  var out = ""
  var rest = format[...]
  while let character = rest.popFirst() {
    guard character == "%", var letter = rest.popFirst() else {
      out.append(character)
      continue
    }
    var isPlain = false
    if letter == "-", let next = rest.popFirst() { (isPlain, letter) = (true, next) }
    func number(_ value: Int, _ width: Int = 2) -> String { isPlain ? String(value) : padded(value, width) }
    switch letter {
    case "Y": out += String(time.year)
    case "y": out += number(time.year % 100)
    case "C": out += number(time.year / 100)
    case "m": out += number(time.month)
    case "d": out += number(time.day)
    case "e": out += isPlain ? String(time.day) : String(time.day).leftPadded(2)
    case "H": out += number(time.hour)
    case "I": out += number(hour12)
    case "M": out += number(time.minute)
    case "S": out += number(time.second)
    case "N": out += padded(Int(nanoseconds % Duration64.second), 9)
    case "j": out += number(time.dayOfYear, 3)
    case "a": out += time.dayName
    case "A": out += CivilTime.dayNames[time.weekday]
    case "b", "h": out += time.monthName
    case "B": out += CivilTime.monthNames[time.month - 1]
    case "p": out += time.hour < 12 ? "AM" : "PM"
    case "s": out += String(seconds)
    case "u": out += String(time.weekday == 0 ? 7 : time.weekday)
    case "w": out += String(time.weekday)
    case "F": out += time.date
    case "T", "X": out += time.clock
    case "R": out += "\(padded(time.hour)):\(padded(time.minute))"
    case "D", "x": out += "\(padded(time.month))/\(padded(time.day))/\(padded(time.year % 100))"
    case "r": out += "\(padded(hour12)):\(padded(time.minute)):\(padded(time.second)) \(time.hour < 12 ? "AM" : "PM")"
    case "c": out += "\(time.dayName) \(time.monthName) \(String(time.day).leftPadded(2)) \(time.clock) \(time.year)"
    case "Z": out += "UTC"
    case "z": out += "+0000"
    case "n": out += "\n"
    case "t": out += "\t"
    case "%": out += "%"
    default: out += "%" + String(letter)
    }
  }
  return out
}

private let runDate: AppletBody = { context in
  let options = try Options(
    context.arguments.map { $0.hasPrefix("-I") && $0.count > 2 ? "-I" : $0 }, "us:d:D:r:RI",
    long: ["utc": "u", "date": "d", "set": "s", "universal": "u", "rfc-2822": "R"])
  var now = context.process.unixTime
  if options.has("s") {
    return try await context.fail(
      busybox: "can't set date: \(context.reason(Errno.EPERM))", gnu: "cannot set date: \(context.reason(Errno.EPERM))")
  }
  if let text = options.value("d") {
    guard let seconds = parseDate(text, Int64(now / Duration64.second)), seconds >= 0 else {
      return try await context.fail(busybox: "invalid date '\(text)'", gnu: "invalid date '\(text)'")
    }
    now = UInt64(min(seconds, 18_000_000_000)) * Duration64.second
  }
  if let path = options.value("r") {
    guard let info = try? context.process.stat(path, followLinks: true) else {
      return try await context.fail("can't stat '\(path)': \(context.reason(Errno.ENOENT))")
    }
    now = UInt64(max(0, min(info.modified, 18_000_000_000))) * Duration64.second
  }
  var format = "%a %b %e %H:%M:%S %Z %Y"
  if options.has("R") { format = "%a, %d %b %Y %H:%M:%S %z" }
  if options.has("I") { format = "%F" }
  if let operand = options.operands.first {
    guard operand.hasPrefix("+") else { return try await context.fail("invalid date '\(operand)'") }
    format = String(operand.dropFirst())
  }
  try await context.printLine(formatDate(format, now))
  return 0
}

/// `@N`, `YYYY-MM-DD`, `YYYY-MM-DD hh:mm[:ss]`, `hh:mm`, `now`, `yesterday`, `tomorrow`.
private func parseDate(_ text: String, _ now: Int64) -> Int64? {
  if text.hasPrefix("@") { return Int64(text.dropFirst()) }
  switch text {
  case "now", "today": return now
  case "yesterday": return now - 86_400
  case "tomorrow": return now + 86_400
  default: break
  }
  var cleaned = text
  if cleaned.hasSuffix("Z") { cleaned.removeLast() }
  let parts = cleaned.split { $0 == " " || $0 == "T" }
  guard (1...2).contains(parts.count) else { return nil }
  var base = now - now % 86_400
  var index = 0
  if parts[0].contains("-") {
    let numbers = parts[0].split(separator: "-").compactMap { Int($0) }
    guard numbers.count == 3, (1970...2500).contains(numbers[0]), (1...12).contains(numbers[1]),
      (1...31).contains(numbers[2])
    else { return nil }
    base = CivilTime.seconds(year: numbers[0], month: numbers[1], day: numbers[2])
    index = 1
  }
  guard index < parts.count else { return base }
  let clock = parts[index].split(separator: ":").compactMap { Int($0.prefix { $0 != "." }) }
  guard (2...3).contains(clock.count), (0...23).contains(clock[0]), (0...59).contains(clock[1]),
    clock.count < 3 || (0...60).contains(clock[2])
  else { return nil }
  return base + Int64(clock[0] * 3600 + clock[1] * 60 + (clock.count > 2 ? clock[2] : 0))
}

private let runMount: AppletBody = { context in
  var flags: [String] = []
  let words = context.arguments.map { word -> String in
    switch word {
    case "--bind", "-B": return "-obind"
    case "--rbind", "-R": return "-orbind"
    case "--make-private": return "-oprivate"
    case "--make-rprivate": return "-orprivate"
    default: return word
    }
  }
  let options = try Options(words, "o:t:rwanvfi")
  let process = context.process
  guard !options.operands.isEmpty else {
    for mount in process.mounts() {
      if let type = options.value("t"), mount.type != type { continue }
      try await context.printLine(
        "\(mount.source) on \(mount.target) type \(mount.type) (\(mount.options.joined(separator: ",")))")
    }
    return 0
  }
  for option in options.all("o").flatMap({ $0.split(separator: ",") }) {
    switch option {
    case "bind": flags.append("MS_BIND")
    case "rbind": flags += ["MS_BIND", "MS_REC"]
    case "remount": flags.append("MS_REMOUNT")
    case "ro": flags.append("MS_RDONLY")
    case "noexec": flags.append("MS_NOEXEC")
    case "nosuid": flags.append("MS_NOSUID")
    case "nodev": flags.append("MS_NODEV")
    case "private": flags.append("MS_PRIVATE")
    case "rprivate": flags += ["MS_PRIVATE", "MS_REC"]
    case "shared": flags.append("MS_SHARED")
    case "slave": flags.append("MS_SLAVE")
    default: break
    }
  }
  if options.has("r") { flags.append("MS_RDONLY") }
  let target = options.operands.count > 1 ? options.operands[1] : options.operands[0]
  let source = options.operands.count > 1 ? options.operands[0] : "none"
  if options.operands.count == 1, flags.isEmpty {
    return try await context.fail(
      busybox: "can't find \(target) in /etc/fstab", gnu: "\(target): can't find in /etc/fstab.")
  }
  do {
    try process.mount(source: source, target: target, type: options.value("t") ?? "", flags: flags)
    return 0
  } catch let error as Errno {
    if error == .EPERM {
      return try await context.fail(
        busybox: "permission denied (are you root?)", gnu: "\(target): must be superuser to use mount.",
        context.isGNU ? 32 : 1)
    }
    return try await context.fail(
      busybox: "mounting \(source) on \(target) failed: \(context.reason(error))",
      gnu: error == .ENOENT
        ? "\(target): mount point does not exist." : "\(target): mount failed: \(context.reason(error)).",
      context.isGNU ? 32 : 255)
  }
}
