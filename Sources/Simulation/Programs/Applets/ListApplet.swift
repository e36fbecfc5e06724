import Runtime
import Seams

/// The permission bits as `ls -l` shows them.
func modeText(_ info: SimStat) -> String {
  let kind: Character
  switch info.kind {
  case .file: kind = "-"
  case .directory: kind = "d"
  case .symlink: kind = "l"
  case .fifo: kind = "p"
  case .characterDevice: kind = "c"
  case .blockDevice: kind = "b"
  case .socket: kind = "s"
  }
  var text = String(kind)
  for shift in [UInt32(6), 3, 0] {
    let bits = info.mode >> shift & 7
    text += bits & 4 != 0 ? "r" : "-"
    text += bits & 2 != 0 ? "w" : "-"
    let special = shift == 6 ? info.mode & 0o4000 : shift == 3 ? info.mode & 0o2000 : info.mode & 0o1000
    let letter = shift == 0 ? "t" : "s"
    if special != 0 {
      text += bits & 1 != 0 ? letter : letter.uppercased()
    } else {
      text += bits & 1 != 0 ? "x" : "-"
    }
  }
  return text
}

/// `Jan  1 12:00`, or with the year when it is half a year away.
func listTime(_ seconds: Int64, now: Int64) -> String {
  let time = CivilTime(seconds)
  let day = String(time.day).leftPadded(2)
  if seconds > now - 15_768_000, seconds <= now + 3600 {
    return "\(time.monthName) \(day) \(padded(time.hour)):\(padded(time.minute))"
  }
  return "\(time.monthName) \(day)  \(time.year)"
}

/// `1.5K`, as `-h` options show sizes.
func humanSize(_ bytes: Int64) -> String {
  guard bytes >= 1024 else { return String(bytes) }
  var value = Double(bytes)
  var unit = 0
  let units = ["", "K", "M", "G", "T", "P"]
  while value >= 1024, unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return Decimal2.text(value, digits: 1) + units[unit]
}

/// GNU's `-h`: rounded up, with a decimal only below ten.
func gnuHumanSize(_ bytes: Int64) -> String {
  guard bytes >= 1024 else { return String(bytes) }
  var value = Double(bytes)
  var unit = 0
  let units = ["", "K", "M", "G", "T", "P"]
  while value >= 1024, unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  let text = value < 9.95 ? Decimal2.text((value * 10).rounded(.up) / 10, digits: 1) : String(Int64(value.rounded(.up)))
  return text + units[unit]
}

let runLs: AppletBody = { context in
  let options = try Options(
    context.arguments, "1aAldRrtShniFpxCLHskucZqgoNQ",
    long: [
      "all": "a", "almost-all": "A", "recursive": "R", "human-readable": "h", "directory": "d", "color": "C",
      "reverse": "r",
    ])
  let lister = Lister(context, options)
  return try await lister.run()
}

/// ls(1).
private final class Lister {
  struct Entry {
    var name: String
    var path: String
    var info: SimStat
  }
  let context: ProgramContext
  let options: Options
  let accounts: Accounts
  let isLong: Bool
  var status: Int32 = 0
  var hasPrinted = false

  init(_ context: ProgramContext, _ options: Options) {
    (self.context, self.options) = (context, options)
    isLong = options.has("l") || options.has("n") || options.has("g") || options.has("o")
    accounts = isLong ? Accounts(context.process) : Accounts(context.process)
  }

  func run() async throws -> Int32 {
    let paths = options.operands.isEmpty ? ["."] : options.operands
    var files: [Entry] = []
    var folders: [String] = []
    for path in paths {
      do {
        let follows = !(isLong || options.has("F") || options.has("d")) || options.has("L") || path.hasSuffix("/")
        let info: SimStat
        do { info = try context.process.stat(path, followLinks: follows) } catch {
          // A link that leads nowhere is shown itself.
          guard let link = try? context.process.stat(path, followLinks: false) else { throw error }
          info = link
        }
        if info.kind == .directory, !options.has("d") {
          folders.append(path)
        } else {
          files.append(Entry(name: path, path: path, info: info))
        }
      } catch let error as Errno {
        status = try await context.fail(
          busybox: "\(path): \(context.reason(error))", gnu: "cannot access '\(path)': \(context.reason(error))",
          context.isGNU ? 2 : 1)
      }
    }
    if !files.isEmpty {
      try await show(sorted(files))
      hasPrinted = true
    }
    for path in folders.sorted() {
      try await list(path, withName: folders.count + files.count > 1 || options.has("R"), depth: 0)
    }
    return status
  }

  private func list(_ path: String, withName: Bool, depth: Int) async throws {
    guard depth < 100 else { return }
    var entries: [Entry] = []
    do {
      var names = try context.process.list(path).filter { $0 != "." && $0 != ".." }
      if options.has("a") { names += [".", ".."] }
      for name in names where options.has("a") || options.has("A") || !name.hasPrefix(".") {
        let full = joined(path, name)
        guard let info = try? context.process.stat(full, followLinks: options.has("L")) else { continue }
        entries.append(Entry(name: name, path: full, info: info))
      }
    } catch let error as Errno {
      status = try await context.fail(
        busybox: "can't open '\(path)': \(context.reason(error))",
        gnu: "cannot open directory '\(path)': \(context.reason(error))",
        context.isGNU ? 2 : 1)
      return
    }
    if withName {
      try await context.print("\(hasPrinted ? "\n" : "")\(path):\n")
      hasPrinted = true
    }
    let ordered = sorted(entries)
    if isLong || options.has("s") {
      var blocks: Int64 = 0
      for entry in ordered { blocks += (entry.info.size + 4095) / 4096 * 4 }
      try await context.print("total \(options.has("h") ? gnuHumanSize(blocks * 1024) : String(blocks))\n")
    }
    try await show(ordered)
    hasPrinted = hasPrinted || withName
    if options.has("R") {
      for entry in ordered where entry.info.kind == .directory && entry.name != "." && entry.name != ".." {
        try await list(entry.path, withName: true, depth: depth + 1)
      }
    }
  }

  private func sorted(_ entries: [Entry]) -> [Entry] {
    var result = entries.sorted { a, b in
      if options.has("t"), a.info.modified != b.info.modified { return a.info.modified > b.info.modified }
      if options.has("S"), a.info.size != b.info.size { return a.info.size > b.info.size }
      return a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
    }
    if options.has("r") { result.reverse() }
    return result
  }

  private func mark(_ entry: Entry) -> String {
    guard options.has("F") || options.has("p") else { return "" }
    switch entry.info.kind {
    case .directory: return "/"
    case .symlink where options.has("F"): return isLong ? "" : "@"
    case .fifo where options.has("F"): return "|"
    case .socket where options.has("F"): return "="
    case .file where options.has("F") && entry.info.mode & 0o111 != 0: return "*"
    default: return ""
    }
  }

  private func show(_ entries: [Entry]) async throws {
    guard isLong else {
      let names = entries.map { entry in
        (options.has("i") ? String(entry.info.inode).leftPadded(7) + " " : "") + entry.name + mark(entry)
      }
      if options.has("1") || !context.process.isTerminal(context.output) {
        for name in names { try await context.printLine(name) }
      } else {
        try await columns(names)
      }
      return
    }
    let now = Int64(context.process.unixTime / Duration64.second)
    let rows = entries.map { entry -> [String] in
      let info = entry.info
      let numeric = options.has("n")
      let user = numeric ? String(info.uid) : accounts.userName(info.uid) ?? String(info.uid)
      let group = numeric ? String(info.gid) : accounts.groupName(info.gid) ?? String(info.gid)
      let size: String
      if let device = info.device {
        size = "\(device.major), \(String(device.minor).leftPadded(3))"
      } else {
        size = options.has("h") ? (context.isGNU ? gnuHumanSize(info.size) : humanSize(info.size)) : String(info.size)
      }
      var name = entry.name
      if info.kind == .symlink, let target = try? context.process.readLink(entry.path) { name += " -> " + target }
      return [
        modeText(info), String(info.links), user, group, size, listTime(info.modified, now: now), name + mark(entry),
      ]
    }
    func width(_ column: Int) -> Int { rows.map { $0[column].count }.max() ?? 0 }
    let gnuWidths = context.isGNU ? (0..<7).map(width) : []
    for (row, entry) in zip(rows, entries) {
      let inode = options.has("i") ? String(entry.info.inode).leftPadded(7) + " " : ""
      if context.isGNU {
        try await context.printLine(
          inode
            + [
              row[0], row[1].leftPadded(gnuWidths[1]), row[2].padded(gnuWidths[2]), row[3].padded(gnuWidths[3]),
              row[4].leftPadded(gnuWidths[4]), row[5], row[6],
            ].joined(separator: " "))
      } else {
        try await context.printLine(
          inode + row[0] + " " + row[1].leftPadded(4) + " " + row[2].prefix(8).description.padded(8) + " "
            + row[3].prefix(8).description.padded(8) + " " + row[4].leftPadded(9) + " " + row[5] + " " + row[6])
      }
    }
  }

  /// As many columns as the terminal has room for, filled downwards.
  private func columns(_ names: [String]) async throws {
    guard let longest = names.map(\.count).max() else { return }
    let width = max(20, context.process.terminalSize(context.output)?.columns ?? 80)
    let cell = longest + 2
    let count = max(1, width / cell)
    let rows = (names.count + count - 1) / count
    for row in 0..<rows {
      var line = ""
      var index = row
      while index < names.count {
        line += index + rows < names.count ? names[index].padded(cell) : names[index]
        index += rows
      }
      try await context.printLine(line)
    }
  }
}
