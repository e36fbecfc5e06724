import Runtime
import Seams

extension Shell {
  /// `trap`: commands for signals and for the end of the shell.
  func runTrap(_ words: [String]) async throws -> Int32 {
    var operands = Array(words.dropFirst())
    if operands.first == "--" { operands.removeFirst() }
    if operands.isEmpty || operands == ["-p"] {
      for (signal, command) in state.traps.sorted(by: { $0.key < $1.key }) {
        let name = signal == 0 ? "EXIT" : (dialect == .bash ? "SIG" : "") + Signals.name(signal)
        try await write(1, "trap -- \(singleQuoted(command)) \(name)\n")
      }
      return 0
    }
    if operands == ["-l"] {
      for signal in Signals.names.indices.dropFirst() { try await write(1, "\(signal)) \(Signals.names[signal])\n") }
      return 0
    }
    // With a number (or a signal alone) in the first place the signals are reset.
    var command: String? = operands.removeFirst()
    if command == "-" || (operands.isEmpty && Signals.number(command ?? "") != nil) {
      if command != "-", let command { operands = [command] }
      command = nil
    } else if let number = command.flatMap({ Int($0) }), number >= 0 {
      operands.insert(String(number), at: 0)
      command = nil
    }
    var status: Int32 = 0
    for operand in operands {
      guard let signal = operand == "0" || operand == "EXIT" ? 0 : Signals.number(operand) else {
        status = try await complain(
          dialect == .bash
            ? "\(operand): invalid signal specification"
            : dialect == .dash ? "\(operand): bad trap" : "\(operand): invalid signal specification", 1)
        continue
      }
      state.traps[signal] = command
      guard signal != 0, signal != 9, signal != 19 else { continue }
      if let command {
        process.onSignal(signal, command.isEmpty ? .ignore : .handle)
      } else {
        process.onSignal(signal, state.isInteractive && [2, 3, 15].contains(signal) ? .handle : .default)
      }
    }
    return status
  }

  /// `wait`: for all children, or for the given ones; a trapped signal ends it.
  func runWait(_ words: [String]) async throws -> Int32 {
    try await settle()
    defer { hasWaited() }
    func status(of pid: Int) async throws -> Int32 {
      if let job = jobs.first(where: { $0.pids.last == pid }), let status = job.status {
        jobs.removeAll { $0.pids.last == pid }
        return status
      }
      let ended = try await process.wait(pid)
      jobs.removeAll { $0.pids.last == pid }
      return ended.status
    }
    do {
      var operands = Array(words.dropFirst())
      if operands.first == "-n" {
        operands.removeFirst()
        do {
          let ended = try await process.wait(nil)
          jobs.removeAll { $0.pids.last == ended.pid }
          return ended.status
        } catch let error as Errno where error == .ECHILD { return 127 }
      }
      if operands.isEmpty {
        while true {
          do {
            let ended = try await process.wait(nil)
            for index in jobs.indices where jobs[index].pids.last == ended.pid { jobs[index].status = ended.status }
          } catch let error as Errno where error == .ECHILD { break }
        }
        return 0
      }
      var last: Int32 = 0
      for operand in operands {
        guard let pid = jobPID(operand) else {
          if operand.hasPrefix("%") { return try await complain("\(operand): no such job", dialect == .bash ? 127 : 2) }
          return try await complain("Illegal number: \(operand)", 2)
        }
        do {
          last = try await status(of: pid)
          if dialect == .ash { try await tellSignal(last, pid: pid) }
        } catch let error as Errno where error == .ECHILD {
          if dialect == .bash { try await complain("pid \(pid) is not a child of this shell") }
          last = 127
        }
      }
      return last
    } catch let error as Errno where error == .EINTR {
      return 128 + (try await runTraps() ?? 2)
    }
  }

  private func jobPID(_ text: String) -> Int? {
    guard text.hasPrefix("%") else { return Int(text) }
    let name = text.dropFirst()
    if name.isEmpty || name == "%" || name == "+" { return jobs.last?.pids.last }
    if let number = Int(name) { return jobs.first { $0.number == number }?.pids.last }
    return jobs.last { $0.text.hasPrefix(name) }?.pids.last
  }

  /// `kill`.
  func runKill(_ words: [String]) async throws -> Int32 {
    var operands = Array(words.dropFirst())
    var signal: Int32 = 15
    if let first = operands.first, first == "-l" || first == "-L" {
      if operands.count > 1 {
        for operand in operands.dropFirst() {
          if let number = Int32(operand) {
            try await write(1, Signals.name(number > 128 ? number - 128 : number) + "\n")
          } else if let number = Signals.number(operand) {
            try await write(1, "\(number)\n")
          } else {
            return try await complain("unknown signal '\(operand)'", 1)
          }
        }
        return 0
      }
      for number in Signals.names.indices.dropFirst() {
        try await write(1, "\(String(number).leftPadded(2))) \(Signals.names[number])\n")
      }
      return 0
    }
    if let first = operands.first, first.hasPrefix("-"), first.count > 1, first != "--" {
      operands.removeFirst()
      var name = String(first.dropFirst())
      if name == "s" || name == "n" {
        guard !operands.isEmpty else { return try await complain("you need to specify whom to kill", 1) }
        name = operands.removeFirst()
      }
      guard let number = name == "0" ? 0 : Signals.number(name) else {
        speaker = dialect == .ash ? nil : speaker
        return try await complain(
          dialect == .bash
            ? "\(name): invalid signal specification"
            : dialect == .dash ? "invalid signal number or name: \(name)" : "bad signal name '\(name)'", 1)
      }
      signal = number
    }
    if operands.first == "--" { operands.removeFirst() }
    guard !operands.isEmpty else {
      speaker = dialect == .ash ? nil : speaker
      return try await complain(
        dialect == .ash
          ? "you need to specify whom to kill"
          : "usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]", 1)
    }
    var status: Int32 = 0
    for operand in operands {
      speaker = dialect == .ash ? nil : "kill"
      guard let pid = jobPID(operand) else {
        status = try await complain(
          dialect == .ash
            ? "invalid number '\(operand)'"
            : dialect == .dash
              ? "Illegal number: \(operand)"
              : "\(operand): arguments must be process or job IDs", 1)
        continue
      }
      do {
        try process.kill(pid, signal)
      } catch let error as Errno {
        let reason = describe(error, process)
        switch dialect {
        case .ash: status = try await complain("can't kill pid \(pid): \(reason)", 1)
        case .dash: status = try await complain("\(reason)\n", 1)
        case .bash: status = try await complain("(\(pid)) - \(reason)", 1)
        }
      }
    }
    try await runTraps()
    return status
  }

  func runJobs(_ words: [String]) async throws -> Int32 {
    reapJobs()
    let onlyPIDs = words.contains("-p")
    let last = jobs.last?.number
    for job in jobs {
      if onlyPIDs {
        try await write(1, "\(job.pids.first ?? 0)\n")
        continue
      }
      let mark = job.number == last ? "+" : job.number == (last ?? 0) - 1 ? "-" : " "
      let label: String
      switch job.status {
      case nil: label = "Running"
      case 0: label = "Done"
      case 143: label = "Terminated"
      case 137: label = "Killed"
      case let status?: label = "Done(\(status))"
      }
      var text = job.status == nil && dialect == .bash ? job.text + " &" : job.text
      // Without job control busybox's shell does not keep the text.
      if dialect == .ash, !state.isInteractive { text = "" }
      try await write(1, "[\(job.number)]\(mark)  \(label.padded(dialect == .bash ? 23 : 26)) \(text)\n")
    }
    jobs.removeAll { $0.status != nil }
    return 0
  }

  func runForeground(_ words: [String]) async throws -> Int32 {
    let pid = words.count > 1 ? jobPID(words[1]) : jobs.last?.pids.last
    guard let pid, let job = jobs.first(where: { $0.pids.last == pid }) else {
      return try await complain(words.count > 1 ? "\(words[1]): no such job" : "no current job", 2)
    }
    try await write(1, job.text + "\n")
    jobs.removeAll { $0.number == job.number }
    return try await foreground(job.pids)
  }
}

/// The signals of Linux.
enum Signals {
  static let names = [
    "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH",
    "POLL", "PWR", "SYS",
  ]

  /// `TERM`; the number itself when there is none of that number.
  static func name(_ number: Int32) -> String {
    names.indices.contains(Int(number)) && number > 0 ? names[Int(number)] : String(number)
  }

  /// By number, by name, with or without `SIG`.
  static func number(_ text: String) -> Int32? {
    if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
    var name = text.uppercased()
    if name.hasPrefix("SIG") { name.removeFirst(3) }
    switch name {
    case "IO": name = "POLL"
    case "CLD": name = "CHLD"
    case "IOT": name = "ABRT"
    default: break
    }
    return name.isEmpty ? nil : names.firstIndex(of: name).map { Int32($0) }
  }
}
