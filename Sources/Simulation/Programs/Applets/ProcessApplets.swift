import Runtime
import Seams

/// ps, top, kill, sleep, timeout, env, and what else is about processes.
func addProcessApplets(_ table: inout AppletTable) {
  table.add("ps", "[-o COL1,COL2=HEADER] [-T]", runPs)
  table.add("top", "[-bmH] [-n COUNT] [-d SECONDS]", runTop)
  table.add("kill", "[-l] [-SIG] PID...", runKill)
  for name in ["killall", "pkill", "pidof", "pgrep"] {
    table.add(name, name == "pidof" || name == "pgrep" ? "[NAME]..." : "[-l] [-q] [-SIG] PROCESS_NAME...", runByName)
  }
  table.add("sleep", "[N]...") { context in
    guard !context.arguments.isEmpty else { throw OptionProblem.missingOperand(nil) }
    var total: UInt64 = 0
    for word in context.arguments {
      guard let time = Seconds.parse(word) else {
        return try await context.fail(busybox: "invalid number '\(word)'", gnu: "invalid time interval '\(word)'")
      }
      total = min(total &+ time, .max / 4)
    }
    try await context.process.sleep(total)
    return 0
  }
  table.add("usleep", "N") { context in
    guard let microseconds = context.arguments.first.flatMap({ UInt64($0) }) else {
      throw OptionProblem.missingOperand(nil)
    }
    try await context.process.sleep(min(microseconds, 1 << 50) * 1000)
    return 0
  }
  table.add("timeout", "[-s SIG] [-k KILL_SECS] SECS PROG ARGS") { context in
    let options = try Options(context.arguments, "+s:k:t:", long: ["signal": "s", "kill-after": "k"])
    try options.require(2)
    guard let limit = Seconds.parse(options.operands[0]) else {
      return try await context.fail(
        busybox: "invalid number '\(options.operands[0])'", gnu: "invalid time interval '\(options.operands[0])'",
        context.isGNU ? 125 : 1)
    }
    let signal = options.value("s").flatMap { Signals.number($0) } ?? 15
    let grace = options.value("k").flatMap { Seconds.parse($0) }
    switch try await Launcher(context).start(Array(options.operands.dropFirst())) {
    case .failure(let failure): return failure.status
    case .success(let pid):
      let process = context.process
      let hasFired = Flag()
      if limit > 0 {
        process.thread {
          try await process.sleep(limit)
          hasFired.set()
          try process.kill(pid, signal)
          if let grace {
            try await process.sleep(grace)
            try process.kill(pid, 9)
          }
        }
      }
      let status = try await process.wait(pid).status
      return hasFired.isSet ? (context.isGNU && status != 137 ? 124 : context.isGNU ? 137 : 143) : status
    }
  }
  for name in ["nohup", "nice", "setsid", "ionice", "chrt", "stdbuf"] {
    table.add(name, "PROG ARGS") { context in
      var words = context.arguments
      while let first = words.first, first.hasPrefix("-") {
        words.removeFirst()
        if ["-n", "-c", "-p", "-o", "-e", "-i"].contains(first), !words.isEmpty { words.removeFirst() }
      }
      if words.isEmpty {
        if context.name == "nice" {
          try await context.print("0\n")
          return 0
        }
        throw OptionProblem.missingOperand(nil)
      }
      if context.name == "nohup" { context.process.onSignal(1, .ignore) }
      return try await Launcher(context).replace(words)
    }
  }
  table.add("time", "[-pv] [-f FMT] [-o FILE] PROG ARGS") { context in
    let start = context.process.unixTime
    let status = try await Launcher(context).run(context.arguments.filter { $0 != "-p" })
    let elapsed = context.process.unixTime - start
    let text = "\(elapsed / 60_000_000_000)m \(Decimal2.text(Double(elapsed % 60_000_000_000) / 1e9, digits: 2))s"
    try await context.complain("real\t\(text)\nuser\t0m 0.00s\nsys\t0m 0.00s\n")
    return status
  }
  table.add("watch", "[-n SEC] [-t] PROG ARGS") { context in
    let options = try Options(context.arguments, "+n:td")
    try options.require(1)
    let interval = options.value("n") ?? "2.0"
    guard let pause = Seconds.parse(interval) else { return try await context.fail("invalid number '\(interval)'") }
    let command = options.operands.joined(separator: " ")
    while true {
      try await context.print("\u{1B}[H\u{1B}[J")
      if !options.has("t") {
        let time = CivilTime(Int64(context.process.unixTime / Duration64.second))
        let stamp = "\(time.date) \(time.clock)"
        let head = "Every \(interval.contains(".") ? interval : interval + ".0")s: \(command)"
        let width = context.process.terminalSize(context.output)?.columns ?? 80
        try await context.print(
          head.prefix(max(0, width - stamp.count - 1)).description.padded(width - stamp.count) + stamp + "\n\n")
      }
      _ = try await Launcher(context).run(["sh", "-c", command])
      try await context.process.sleep(max(pause, Duration64.second / 10))
    }
  }
  table.add("env", "[-iu] [-] [name=value]... [PROG ARGS]") { context in
    let options = try Options(context.arguments, "+iu:0", long: ["ignore-environment": "i", "unset": "u"])
    var environment = options.has("i") ? [] : context.process.environment
    for name in options.all("u") { environment.removeAll { $0.hasPrefix(name + "=") } }
    var words = options.operands[...]
    if words.first == "-" {
      environment = []
      words.removeFirst()
    }
    while let first = words.first, let equals = first.firstIndex(of: "=") {
      let prefix = first[...equals]
      if let index = environment.firstIndex(where: { $0.hasPrefix(prefix) }) {
        environment[index] = first
      } else {
        environment.append(first)
      }
      words.removeFirst()
    }
    if words.isEmpty {
      for entry in environment { try await context.printLine(entry) }
      return 0
    }
    return try await Launcher(context).replace(Array(words), environment: environment)
  }
  table.add("printenv", "[VARIABLE]...") { context in
    if context.arguments.isEmpty {
      for entry in context.process.environment { try await context.printLine(entry) }
      return 0
    }
    var status: Int32 = 0
    for name in context.arguments {
      if let value = context.environment(name) { try await context.printLine(value) } else { status = 1 }
    }
    return status
  }
  table.add("setpriv", "[OPTIONS] PROG [ARGS]", runSetpriv)
  table.add("su", "[-lmp] [-s SH] [-] [USER [FILE ARGS]]") { context in
    var words = context.arguments
    var isLogin = false
    var command: String?
    var shell: String?
    var name = "root"
    var rest: [String] = []
    var hasName = false
    while !words.isEmpty {
      let word = words.removeFirst()
      switch word {
      case "-", "-l", "--login": isLogin = true
      case "-c" where !words.isEmpty: command = words.removeFirst()
      case "-s" where !words.isEmpty: shell = words.removeFirst()
      case "-m", "-p": break
      default: if hasName { rest.append(word) } else { (name, hasName) = (word, true) }
      }
    }
    let accounts = Accounts(context.process)
    guard let user = accounts.user(name) else {
      return try await context.fail(
        busybox: "unknown user \(name)",
        gnu: "user \(name) does not exist or the user entry does not contain all the required fields")
    }
    if context.process.uid != 0 {
      try await context.complain("Password: ")
      _ = try await context.readLine()
      return try await context.fail(busybox: "incorrect password", gnu: "Authentication failure")
    }
    let groups = [user.gid] + accounts.groups.filter { $0.members.contains(name) }.map(\.gid)
    do { try context.process.setCredentials(uid: user.uid, gid: user.gid, groups: groups) } catch let error as Errno {
      return try await context.fail("can't set groups: \(context.reason(error))")
    }
    var environment = context.process.environment.filter {
      !$0.hasPrefix("HOME=") && !$0.hasPrefix("USER=") && !$0.hasPrefix("SHELL=") && !$0.hasPrefix("LOGNAME=")
    }
    let path = shell ?? (user.shell.isEmpty ? "/bin/sh" : user.shell)
    environment += ["HOME=\(user.home)", "USER=\(name)", "LOGNAME=\(name)", "SHELL=\(path)"]
    if isLogin { try? context.process.chdir(user.home) }
    let first = isLogin ? "-" + basename(path) : basename(path)
    try await context.flush()
    do {
      try context.process.exec(path, [first] + (command.map { ["-c", $0] } ?? []) + rest, environment: environment)
    } catch let error as Errno {
      return try await context.fail("can't execute '\(path)': \(context.reason(error))", 127)
    }
    return 0
  }
}

/// A flag that threads of one process share.
final class Flag: Sendable {
  private let value = MutexBox(false)
  func set() { value.set(true) }
  var isSet: Bool { value.get() }
}

/// `0:00` of CPU time.
private func cpuTime(_ nanoseconds: UInt64) -> String {
  let seconds = nanoseconds / Duration64.second
  return "\(seconds / 60):\(padded(Int(seconds % 60)))"
}

private func commandLine(_ info: SimProcessInfo) -> String {
  if info.state == "Z" { return "[\(basename(info.arguments.first ?? "?"))]" }
  return info.arguments.joined(separator: " ")
}

private let runPs: AppletBody = { context in
  let accounts = Accounts(context.process)
  let all = context.process.processes().sorted { $0.pid < $1.pid }
  let words = context.arguments
  func user(_ uid: UInt32) -> String { accounts.userName(uid) ?? String(uid) }
  let bsd = words.first.map { !$0.hasPrefix("-") } ?? false
  if context.isGNU,
    words.isEmpty || bsd
      || words.contains(where: { $0.hasPrefix("-") && ($0.contains("e") || $0.contains("A")) && !$0.hasPrefix("-o") }),
    !words.contains("-o")
  {
    let letters = words.joined()
    let tty = context.process.isTerminal ? "pts/0" : "?"
    if bsd, letters.contains("u") {
      try await context.print("USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n")
      for info in all {
        let time = CivilTime(Int64(info.startedAt / Duration64.second))
        let percent = Double(info.memory) * 100 / Double(max(1, context.process.system.memoryTotal))
        try await context.printLine(
          "\(user(info.uid).padded(8)) \(String(info.pid).leftPadded(7))  0.0 \(Decimal2.text(percent, digits: 1).leftPadded(4)) "
            + "\(String((info.memory + (2 << 20)) / 1024).leftPadded(6)) \(String(info.memory / 1024).leftPadded(5)) \(tty.padded(8)) "
            + "\(info.state.padded(4)) \(padded(time.hour)):\(padded(time.minute)) \(cpuTime(info.cpu).leftPadded(6)) \(commandLine(info))"
        )
      }
      return 0
    }
    if letters.contains("f") {
      try await context.print("UID          PID    PPID  C STIME TTY          TIME CMD\n")
      for info in all {
        let time = CivilTime(Int64(info.startedAt / Duration64.second))
        try await context.printLine(
          "\(user(info.uid).padded(8)) \(String(info.pid).leftPadded(7)) \(String(info.ppid).leftPadded(7))  0 \(padded(time.hour)):\(padded(time.minute)) "
            + "\(tty.padded(8)) 00:\(padded(Int(info.cpu / 60_000_000_000))):\(padded(Int(info.cpu / Duration64.second % 60))) \(commandLine(info))"
        )
      }
      return 0
    }
    try await context.print("    PID TTY          TIME CMD\n")
    for info in all {
      try await context.printLine(
        "\(String(info.pid).leftPadded(7)) \(tty.padded(8)) 00:\(padded(Int(info.cpu / 60_000_000_000))):\(padded(Int(info.cpu / Duration64.second % 60))) "
          + basename(info.arguments.first ?? ""))
    }
    return 0
  }
  // busybox: columns by name.
  let known: [(name: String, header: String, width: Int, left: Bool)] = [
    ("user", "USER", 8, true), ("group", "GROUP", 8, true), ("comm", "COMMAND", 16, true),
    ("args", "COMMAND", 256, true),
    ("pid", "PID", 5, false), ("ppid", "PPID", 5, false), ("pgid", "PGID", 5, false), ("etime", "ELAPSED", 7, false),
    ("time", "TIME", 5, false), ("stat", "STAT", 4, true), ("vsz", "VSZ", 5, false), ("rss", "RSS", 4, false),
    ("tty", "TT", 6, true),
    ("nice", "NI", 5, false), ("uid", "UID", 5, false), ("cmd", "COMMAND", 256, true),
  ]
  var columns: [(name: String, header: String, width: Int, left: Bool)] = []
  var list: [String] = []
  var index = 0
  while index < words.count {
    if words[index] == "-o", index + 1 < words.count {
      list += words[index + 1].split(separator: ",").map(String.init)
      index += 1
    } else if words[index].hasPrefix("-o") {
      list += words[index].dropFirst(2).split(separator: ",").map(String.init)
    }
    index += 1
  }
  for item in list.isEmpty ? ["pid", "user", "time", "args"] : list {
    let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard var column = known.first(where: { $0.name == parts[0] }) else {
      return try await context.fail(
        "bad -o argument '\(parts[0])', supported arguments: user,group,comm,args,pid,ppid,pgid,etime,nice,rgroup,ruser,time,tty,vsz,stat,rss"
      )
    }
    if parts.count > 1 { column.header = String(parts[1]) }
    columns.append(column)
  }
  func line(_ cells: [String], isHeader: Bool) -> String {
    var text = ""
    for (index, cell) in cells.enumerated() {
      if index > 0 { text += " " }
      let isLast = index == cells.count - 1
      if isLast, columns[index].left || isHeader {
        text += cell
      } else {
        text +=
          columns[index].left || isHeader ? cell.padded(columns[index].width) : cell.leftPadded(columns[index].width)
      }
    }
    return text
  }
  if columns.contains(where: { !$0.header.isEmpty }) {
    try await context.printLine(line(columns.map(\.header), isHeader: true))
  }
  for info in all {
    let cells = columns.map { column -> String in
      switch column.name {
      case "user": return user(info.uid).prefix(8).description
      case "group": return accounts.groupName(info.uid) ?? String(info.uid)
      case "comm": return basename(info.arguments.first ?? "").prefix(16).description
      case "args", "cmd": return commandLine(info)
      case "pid": return String(info.pid)
      case "ppid": return String(info.ppid)
      case "pgid": return String(info.pid)
      case "uid": return String(info.uid)
      case "stat": return info.state
      case "vsz": return String((info.memory + (1 << 20)) / 1024)
      case "rss": return String(info.memory / 1024)
      case "tty": return context.process.isTerminal ? "136,0" : "?"
      case "nice": return "0"
      case "etime":
        let seconds = Int(
          context.process.unixTime.subtractingReportingOverflow(info.startedAt).partialValue / Duration64.second)
        return "\(padded(seconds / 60)):\(padded(seconds % 60))"
      default: return cpuTime(info.cpu)
      }
    }
    var text = line(cells, isHeader: false)
    if let width = context.process.terminalSize(context.output)?.columns, text.count > width {
      text = String(text.prefix(width))
    }
    try await context.printLine(text)
  }
  return 0
}

private let runTop: AppletBody = { context in
  let options = try Options(context.arguments, "bmHn:d:")
  let process = context.process
  let isBatch = options.has("b") || !process.isTerminal(context.output)
  let turns = options.value("n").flatMap { Int($0) } ?? (isBatch && !options.has("b") ? 1 : .max)
  let pause = options.value("d").flatMap { Seconds.parse($0) } ?? 5 * Duration64.second
  if !isBatch, process.isTerminal(context.input) {
    // A `q` ends it.
    let input = context.input
    process.thread {
      while let bytes = try await process.read(input, 64), !bytes.isEmpty {
        if bytes.contains(UInt8(ascii: "q")) { try process.kill(process.pid, 15) }
      }
    }
  }
  var before: [Int: UInt64] = [:]
  for turn in 0..<max(1, turns) {
    if turn > 0 { try await process.sleep(max(pause, Duration64.second / 10)) }
    let system = process.system
    let accounts = Accounts(process)
    let all = process.processes()
    let total = max(1, system.memoryTotal / 1024)
    let used = system.memoryUsed / 1024
    if !isBatch { try await context.print("\u{1B}[H\u{1B}[J") }
    let busy = all.reduce(UInt64(0)) { $0 + $1.cpu - min($1.cpu, before[$1.pid] ?? (turn == 0 ? $1.cpu : 0)) }
    let percent = min(100, busy * 100 / max(1, pause * UInt64(max(1, system.cpus))))
    try await context.printLine("Mem: \(used)K used, \(total - used)K free, 0K shrd, 0K buff, 0K cached")
    try await context.printLine(
      "CPU: \(String(percent).leftPadded(3))% usr   0% sys   0% nic \(String(100 - percent).leftPadded(3))% idle   0% io   0% irq   0% sirq"
    )
    let running = all.count { $0.state == "R" }
    try await context.printLine(
      "Load average: 0.00 0.00 0.00 \(max(1, running))/\(all.count) \(all.map(\.pid).max() ?? 1)")
    try await context.printLine("  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND")
    func spent(_ info: SimProcessInfo) -> UInt64 { turn == 0 ? 0 : info.cpu - min(info.cpu, before[info.pid] ?? 0) }
    for info in all.sorted(by: { (spent($0), $1.pid) > (spent($1), $0.pid) }) {
      let vsz = (info.memory + (1 << 20)) / 1024
      let user = (accounts.userName(info.uid) ?? String(info.uid)).prefix(8).description.padded(8)
      let line =
        "\(String(info.pid).leftPadded(5)) \(String(info.ppid).leftPadded(5)) \(user) \(info.state.padded(4)) "
        + "\(String(vsz).leftPadded(6)) \(String(vsz * 100 / total).leftPadded(3))%   0 \(String(spent(info) * 100 / max(1, pause)).leftPadded(3))% \(commandLine(info))"
      let width = isBatch ? 4096 : process.terminalSize(context.output)?.columns ?? 80
      try await context.printLine(String(line.prefix(width)))
    }
    try await context.flush()
    before = Dictionary(all.map { ($0.pid, $0.cpu) }, uniquingKeysWith: { $1 })
  }
  return 0
}

private let runKill: AppletBody = { context in
  var words = context.arguments
  if let first = words.first, first == "-l" || first == "-L" {
    if words.count > 1 {
      for word in words.dropFirst() {
        if let number = Int32(word) {
          try await context.printLine(Signals.name(number > 128 ? number - 128 : number))
        } else if let number = Signals.number(word) {
          try await context.printLine(String(number))
        } else {
          return try await context.fail("unknown signal '\(word)'")
        }
      }
    } else {
      for number in Signals.names.indices.dropFirst() {
        try await context.printLine("\(String(number).leftPadded(2))) \(Signals.names[number])")
      }
    }
    return 0
  }
  var signal: Int32 = 15
  if let first = words.first, first.hasPrefix("-"), first.count > 1, first != "--" {
    words.removeFirst()
    var name = String(first.dropFirst())
    if name == "s", !words.isEmpty { name = words.removeFirst() }
    guard let number = name == "0" ? 0 : Signals.number(name) else {
      return try await context.fail(busybox: "bad signal name '\(name)'", gnu: "\(name): invalid signal")
    }
    signal = number
  }
  if words.first == "--" { words.removeFirst() }
  guard !words.isEmpty else {
    return try await context.fail(busybox: "you need to specify whom to kill", gnu: "not enough arguments")
  }
  var status: Int32 = 0
  for word in words {
    guard let pid = Int(word) else {
      status = try await context.fail(busybox: "invalid number '\(word)'", gnu: "failed to parse argument: '\(word)'")
      continue
    }
    do { try context.process.kill(pid, signal) } catch let error as Errno {
      status = try await context.fail(
        busybox: "can't kill pid \(pid): \(context.reason(error))", gnu: "(\(pid)): \(context.reason(error))")
    }
  }
  return status
}

/// killall, pkill, pidof and pgrep.
private let runByName: AppletBody = { context in
  var words = context.arguments
  var signal: Int32 = 15
  var flags: Set<Character> = []
  let sends = context.name == "killall" || context.name == "pkill"
  while let first = words.first, first.hasPrefix("-"), first.count > 1 {
    words.removeFirst()
    let name = String(first.dropFirst())
    if sends, let number = Signals.number(name) {
      signal = number
    } else if sends, name == "s", !words.isEmpty {
      signal = Signals.number(words.removeFirst()) ?? 15
    } else {
      flags.formUnion(name)
    }
  }
  guard !words.isEmpty else { throw OptionProblem.missingOperand(nil) }
  let isPattern = context.name == "pkill" || context.name == "pgrep"
  var status: Int32 = 0
  var found: [Int] = []
  for word in words {
    let expression = isPattern ? try? RegularExpression(word, isExtended: true) : nil
    let hits = context.process.processes().filter { info in
      guard info.pid != context.process.pid, info.state != "Z" else { return false }
      let name = basename((info.arguments.first ?? "").split(separator: " ").first ?? "").replacing(":", with: "")
      if let expression {
        let text = flags.contains("f") ? info.arguments.joined(separator: " ") : name
        if flags.contains("x") { return text == word }
        return expression.firstMatch(in: Array(text.utf8), from: 0) != nil
      }
      return name == basename(word)
    }.map(\.pid).sorted()
    if hits.isEmpty {
      status = 1
      if context.name == "killall", !flags.contains("q") {
        try await context.complain("killall: \(word): no process killed\n")
      }
    }
    found += hits
  }
  if sends {
    for pid in found {
      do { try context.process.kill(pid, signal) } catch let error as Errno {
        status = try await context.fail("can't kill pid \(pid): \(context.reason(error))")
      }
    }
    return isPattern ? (found.isEmpty ? 1 : status) : status
  }
  if context.name == "pidof" {
    if !found.isEmpty {
      try await context.printLine(
        found.reversed().prefix(flags.contains("s") ? 1 : .max).map(String.init).joined(separator: " "))
    }
  } else {
    let all = context.process.processes()
    for pid in found {
      let name = all.first { $0.pid == pid }.map { $0.arguments.joined(separator: " ") } ?? ""
      try await context.printLine(flags.contains("l") || flags.contains("a") ? "\(pid) \(name)" : String(pid))
    }
  }
  return found.isEmpty ? 1 : 0
}
