import Runtime
import Seams

/// find, du, df, stat, dd.
func addTreeApplets(_ table: inout AppletTable) {
  table.add("find", "[-HL] [PATH]... [OPTIONS] [ACTIONS]", runFind)
  table.add("du", "[-aHLdclsxhmk] [FILE]...") { context in
    let options = try Options(
      context.arguments, "aHLd:clsxhmkb", long: ["max-depth": "d", "summarize": "s", "human-readable": "h"])
    let depthLimit = options.has("s") ? 0 : Int(options.value("d") ?? "") ?? .max
    func size(_ bytes: Int64) -> String {
      if options.has("h") { return context.isGNU ? gnuHumanSize(bytes) : humanSize(bytes) }
      return String((bytes + 1023) / (options.has("m") ? 1 << 20 : 1024))
    }
    var status: Int32 = 0
    var sum: Int64 = 0
    for path in options.operands.isEmpty ? ["."] : options.operands {
      guard let info = try? context.process.stat(path, followLinks: false) else {
        status = try await context.fail(
          busybox: "\(path): \(context.reason(Errno.ENOENT))",
          gnu: "cannot access '\(path)': \(context.reason(Errno.ENOENT))")
        continue
      }
      let total = try await FileTree(context.process).usage(path) { folder, bytes, depth in
        if depth <= depthLimit { try await context.printLine("\(size(bytes))\t\(folder)") }
      }
      sum += total
      if info.kind != .directory { try await context.printLine("\(size(total))\t\(path)") }
    }
    if options.has("c") { try await context.printLine("\(size(sum))\ttotal") }
    return status
  }
  table.add("df", "[-PkmhTai] [-t TYPE] [FILESYSTEM]...", runDf)
  table.add("stat", "[-ltf] [-c FMT] FILE...", runStat)
  table.add("dd", "[if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N]", runDd)
}

private let runDf: AppletBody = { context in
  let options = try Options(context.arguments, "PkmhTait:", long: ["human-readable": "h", "print-type": "T"])
  var rows: [[String]] = []
  let mounts = context.process.mounts()
  func size(_ bytes: Int64) -> String {
    if options.has("h") { return context.isGNU ? gnuHumanSize(bytes) : humanSize(bytes) }
    return String(bytes / (options.has("m") ? 1 << 20 : 1024))
  }
  var shown = mounts
  var status: Int32 = 0
  if !options.operands.isEmpty {
    shown = []
    for path in options.operands {
      guard (try? context.process.stat(path, followLinks: true)) != nil else {
        status = try await context.fail(
          busybox: "\(path): can't find mount point", gnu: "\(path): \(context.reason(Errno.ENOENT))")
        continue
      }
      let real = realPath(path, context, allowsMissing: true) ?? path
      let best = mounts.filter { $0.target == "/" || real == $0.target || real.hasPrefix($0.target + "/") }
        .max { $0.target.utf8.count < $1.target.utf8.count }
      if let best { shown.append(best) }
    }
  }
  var seen: Set<String> = []
  for mount in shown {
    if let type = options.value("t"), mount.type != type { continue }
    guard let usage = try? context.process.statfs(mount.target), usage.total > 0 || options.has("a") else { continue }
    // One of several mounts on a place is enough.
    guard seen.insert(mount.target).inserted else { continue }
    let divisor = usage.used + usage.available
    let percent = divisor > 0 ? (usage.used * 100 + divisor - 1) / divisor : 0
    rows.append([
      mount.source, mount.type, size(usage.total), size(usage.used), size(usage.available), "\(percent)%", mount.target,
    ])
  }
  if context.isGNU {
    let head = [
      "Filesystem", "Type", options.has("h") ? "Size" : "1K-blocks", "Used", options.has("h") ? "Avail" : "Available",
      "Use%",
      "Mounted on",
    ]
    let all = [head] + rows
    let widths = (0..<7).map { column in all.map { $0[column].count }.max() ?? 0 }
    for row in all {
      var line = row[0].padded(max(widths[0], 14))
      if options.has("T") { line += " " + row[1].padded(widths[1]) }
      for column in 2...5 { line += " " + row[column].leftPadded(widths[column]) }
      try await context.printLine(line + " " + row[6])
    }
    return status
  }
  let unit =
    options.has("h") ? "     Size" : options.has("m") ? "1M-blocks" : options.has("P") ? "1024-blocks" : " 1K-blocks"
  try await context.printLine(
    "Filesystem           \(options.has("T") ? "Type       " : "")\(options.has("h") ? " " + unit : unit)      Used Available \(options.has("P") ? "Capacity" : "Use%") Mounted on"
  )
  for row in rows {
    var line = row[0].padded(20)
    if row[0].count > 20 { line = row[0] + "\n" + String(repeating: " ", count: 20) }
    if options.has("T") { line += " " + row[1].padded(10) }
    let width = options.has("P") ? 11 : options.has("h") ? 10 : 10
    line +=
      " " + row[2].leftPadded(width) + row[3].leftPadded(10) + row[4].leftPadded(10) + " " + row[5].leftPadded(3) + " "
    try await context.printLine(line + row[6])
  }
  return status
}

private let runStat: AppletBody = { context in
  let options = try Options(context.arguments, "ltfc:L", long: ["format": "c", "dereference": "L", "terse": "t"])
  try options.require(1)
  let accounts = Accounts(context.process)
  var status: Int32 = 0
  for path in options.operands {
    let info: SimStat
    do { info = try context.process.stat(path, followLinks: options.has("L")) } catch let error as Errno {
      status = try await context.fail(
        busybox: "can't stat '\(path)': \(context.reason(error))",
        gnu: "cannot statx '\(path)': \(context.reason(error))")
      continue
    }
    let user = accounts.userName(info.uid) ?? "UNKNOWN"
    let group = accounts.groupName(info.gid) ?? "UNKNOWN"
    let kind: String
    switch info.kind {
    case .file: kind = info.size == 0 ? "regular empty file" : "regular file"
    case .directory: kind = "directory"
    case .symlink: kind = "symbolic link"
    case .fifo: kind = "fifo"
    case .characterDevice: kind = "character special file"
    case .blockDevice: kind = "block special file"
    case .socket: kind = "socket"
    }
    let octal = String(info.mode & 0o7777, radix: 8)
    let time = CivilTime(info.modified)
    let moment = "\(time.date) \(time.clock).000000000 +0000"
    let target = info.kind == .symlink ? try? context.process.readLink(path) : nil
    if let format = options.value("c") {
      var text = ""
      var rest = format[...]
      while let character = rest.popFirst() {
        guard character == "%", let letter = rest.popFirst() else {
          text.append(character)
          continue
        }
        switch letter {
        case "n": text += path
        case "N": text += "'\(path)'" + (target.map { " -> '\($0)'" } ?? "")
        case "s": text += String(info.size)
        case "a": text += octal
        case "A": text += modeText(info)
        case "u": text += String(info.uid)
        case "U": text += user
        case "g": text += String(info.gid)
        case "G": text += group
        case "F": text += kind
        case "i": text += String(info.inode)
        case "h": text += String(info.links)
        case "Y", "X", "Z", "W": text += String(info.modified)
        case "y", "x", "z", "w": text += moment
        case "b": text += String((info.size + 511) / 512)
        case "B": text += "512"
        case "d": text += "51"
        case "f": text += String(info.mode, radix: 16)
        case "t": text += String(info.device?.major ?? 0, radix: 16)
        case "T": text += String(info.device?.minor ?? 0, radix: 16)
        case "%": text += "%"
        default: text += "?"
        }
      }
      try await context.printLine(text)
      continue
    }
    let blocks = (info.size + 4095) / 4096 * 8
    try await context.printLine("  File: \(context.isGNU ? path : path)\(target.map { " -> \($0)" } ?? "")")
    try await context.printLine(
      "  Size: \(String(info.size).padded(10))\tBlocks: \(String(blocks).padded(10)) IO Block: 4096   \(kind)")
    let device = context.isGNU ? "0,51" : "33h/51d"
    try await context.printLine("Device: \(device)\tInode: \(String(info.inode).padded(10))  Links: \(info.links)")
    try await context.printLine(
      "Access: (\(padded(Int(octal) ?? 0, 4))/\(modeText(info)))  Uid: (\(String(info.uid).leftPadded(5))/\(user.leftPadded(8)))   "
        + "Gid: (\(String(info.gid).leftPadded(5))/\(group.leftPadded(8)))")
    for label in ["Access", "Modify", "Change"] { try await context.printLine("\(label): \(moment)") }
  }
  return status
}

private let runDd: AppletBody = { context in
  var values: [String: String] = [:]
  for word in context.arguments {
    guard let equals = word.firstIndex(of: "=") else { throw OptionProblem.missingOperand(nil) }
    values[String(word[..<equals])] = String(word[word.index(after: equals)...])
  }
  for name in ["bs", "count", "skip", "seek", "ibs", "obs"] {
    if let text = values[name], parseSize(text) == nil { return try await context.fail("invalid number '\(text)'") }
  }
  let size = Int(min(parseSize(values["bs"] ?? values["ibs"] ?? "512") ?? 512, 1 << 26))
  guard size > 0 else { return try await context.fail("invalid number '0'") }
  let count = values["count"].flatMap(parseSize) ?? .max
  var input = context.input
  var output = context.output
  do {
    if let path = values["if"] { input = try context.process.open(path, .read) }
  } catch let error as Errno {
    return try await context.fail(
      busybox: "can't open '\(values["if"] ?? "")': \(context.reason(error))",
      gnu: "failed to open '\(values["if"] ?? "")': \(context.reason(error))")
  }
  do {
    if let path = values["of"] {
      output = try context.process.open(
        path, values["conv"]?.contains("notrunc") == true || values["oflag"] == "append" ? .append : .write)
    }
  } catch let error as Errno {
    return try await context.fail(
      busybox: "can't open '\(values["of"] ?? "")': \(context.reason(error))",
      gnu: "failed to open '\(values["of"] ?? "")': \(context.reason(error))")
  }
  var skip = (values["skip"].flatMap(parseSize) ?? 0) * Int64(min(size, 1 << 20))
  let start = context.process.unixTime
  var whole: Int64 = 0
  var partial: Int64 = 0
  var total: Int64 = 0
  var failure: Errno?
  do {
    while whole + partial < count {
      var block: [UInt8] = []
      while block.count < size, let bytes = try await context.process.read(input, size - block.count), !bytes.isEmpty {
        block += bytes
        if values["iflag"] != "fullblock", input == context.input { break }
      }
      if block.isEmpty { break }
      if skip > 0 {
        skip -= Int64(block.count)
        continue
      }
      try await context.process.write(output, block)
      // A gigabyte a second, as a disk of today has it.
      try await context.process.compute(UInt64(block.count))
      total += Int64(block.count)
      if block.count == size { whole += 1 } else { partial += 1 }
    }
  } catch let error as Errno { failure = error }
  if let failure {
    try await context.fail("error writing '\(values["of"] ?? "standard output")': \(context.reason(failure))")
  }
  if values["status"] != "none" {
    let seconds = max(Double(context.process.unixTime - start) / 1e9, 1e-6)
    let speed = Double(total) / seconds
    try await context.complain("\(whole)+\(partial) records in\n\(whole)+\(partial) records out\n")
    if context.isGNU {
      try await context.complain(
        "\(total) bytes copied, \(Decimal2.text(seconds, digits: 6)) s, \(Decimal2.text(speed / 1e6, digits: 1)) MB/s\n"
      )
    } else {
      try await context.complain(
        "\(total) bytes (\(humanSize(total))B) copied, \(Decimal2.text(seconds, digits: 6)) seconds, \(humanSize(Int64(min(speed, 9e15))))B/s\n"
      )
    }
  }
  return failure == nil ? 0 : 1
}

/// The expressions of find(1).
private indirect enum FindTest {
  case name(GlobPattern, ignoresCase: Bool)
  case path(GlobPattern)
  case kind(Character)
  case size(Int64, unit: Int64, sign: Character)
  case empty
  case modified(Int64, unit: Int64, sign: Character)
  case newer(Int64)
  case user(UInt32)
  case group(UInt32)
  case mode(UInt32, sign: Character)
  case executable
  case constant(Bool)
  case not(FindTest)
  case and(FindTest, FindTest)
  case or(FindTest, FindTest)
  case print, printZero, prune, quit, delete
  case execute([String], inFolders: Bool, collects: Bool)
}

private struct FindFailure: Error { var text: String }

private struct FindParser {
  let words: [String]
  var position = 0
  var least = 0
  var most = FileTree.maximumDepth
  var hasAction = false
  var depth = 0
  let context: ProgramContext

  mutating func parse() throws -> FindTest {
    guard position < words.count else { return .constant(true) }
    let test = try or()
    guard position == words.count else { throw FindFailure(text: "unrecognized: \(words[position])") }
    return test
  }

  mutating func or() throws -> FindTest {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100, words.count < 2000 else { throw FindFailure(text: "expression too deep") }
    var left = try and()
    while position < words.count, words[position] == "-o" || words[position] == "-or" {
      position += 1
      left = .or(left, try and())
    }
    return left
  }

  mutating func and() throws -> FindTest {
    var left = try primary()
    while position < words.count, words[position] != ")", words[position] != "-o", words[position] != "-or" {
      if words[position] == "-a" || words[position] == "-and" { position += 1 }
      left = .and(left, try primary())
    }
    return left
  }

  mutating func value(_ name: String) throws -> String {
    guard position < words.count else { throw FindFailure(text: "option requires an argument: \(name)") }
    position += 1
    return words[position - 1]
  }

  func number(_ text: String) throws -> (Int64, Character) {
    let sign: Character = text.hasPrefix("+") ? "+" : text.hasPrefix("-") ? "-" : "="
    guard let number = Int64(text.drop { $0 == "+" || $0 == "-" }) else {
      throw FindFailure(text: "invalid number '\(text)'")
    }
    return (number, sign)
  }

  mutating func primary() throws -> FindTest {
    guard position < words.count else { throw FindFailure(text: "bad expression") }
    let word = words[position]
    position += 1
    switch word {
    case "!", "-not":
      var isNegated = true
      while position < words.count, words[position] == "!" || words[position] == "-not" {
        isNegated.toggle()
        position += 1
      }
      let inner = try primary()
      return isNegated ? .not(inner) : inner
    case "(":
      let inner = try or()
      guard position < words.count, words[position] == ")" else { throw FindFailure(text: "unpaired '('") }
      position += 1
      return inner
    case "-name": return .name(GlobPattern(try value(word)), ignoresCase: false)
    case "-iname": return .name(GlobPattern(try value(word).lowercased()), ignoresCase: true)
    case "-path", "-wholename": return .path(GlobPattern(try value(word)))
    case "-type":
      let kind = try value(word)
      guard kind.count == 1, let letter = kind.first, "fdlpsbc".contains(letter) else {
        throw FindFailure(text: "invalid argument '\(kind)' to '-type'")
      }
      return .kind(letter)
    case "-size":
      var text = try value(word)
      var unit: Int64 = 512
      switch text.last {
      case "c": unit = 1
      case "k": unit = 1024
      case "M": unit = 1 << 20
      case "G": unit = 1 << 30
      case "b": unit = 512
      default: text += " "
      }
      text.removeLast()
      let (number, sign) = try number(text)
      return .size(number, unit: unit, sign: sign)
    case "-empty": return .empty
    case "-mtime", "-mmin", "-atime", "-ctime":
      let (number, sign) = try number(try value(word))
      return .modified(number, unit: word == "-mmin" ? 60 : 86_400, sign: sign)
    case "-newer":
      let path = try value(word)
      guard let info = try? context.process.stat(path, followLinks: true) else {
        throw FindFailure(text: "\(path): \(context.reason(Errno.ENOENT))")
      }
      return .newer(info.modified)
    case "-user", "-uid":
      let name = try value(word)
      guard let uid = Accounts(context.process).uid(name) else { throw FindFailure(text: "unknown user \(name)") }
      return .user(uid)
    case "-group", "-gid":
      let name = try value(word)
      guard let gid = Accounts(context.process).gid(name) else { throw FindFailure(text: "unknown group \(name)") }
      return .group(gid)
    case "-perm":
      let text = try value(word)
      let sign: Character = text.hasPrefix("-") ? "-" : text.hasPrefix("/") || text.hasPrefix("+") ? "/" : "="
      let body = sign == "=" ? text : String(text.dropFirst())
      guard let mode = FileMode.apply(body, to: 0, isDirectory: false) else {
        throw FindFailure(text: "invalid mode '\(text)'")
      }
      return .mode(mode, sign: sign)
    case "-executable": return .executable
    case "-true": return .constant(true)
    case "-false": return .constant(false)
    case "-maxdepth":
      most = max(0, Int(try number(try value(word)).0.magnitude))
      return .constant(true)
    case "-mindepth":
      least = max(0, Int(try number(try value(word)).0.magnitude))
      return .constant(true)
    case "-follow", "-depth", "-xdev", "-mount", "-noleaf", "-daystart": return .constant(true)
    case "-print":
      hasAction = true
      return .print
    case "-print0":
      hasAction = true
      return .printZero
    case "-quit": return .quit
    case "-prune": return .prune
    case "-delete":
      hasAction = true
      return .delete
    case "-exec", "-execdir", "-ok":
      hasAction = true
      var command: [String] = []
      while position < words.count, words[position] != ";" {
        if words[position] == "+", command.last == "{}" {
          position += 1
          command.removeLast()
          return .execute(command, inFolders: false, collects: true)
        }
        command.append(words[position])
        position += 1
      }
      guard position < words.count, !command.isEmpty else { throw FindFailure(text: "\(word) requires an argument") }
      position += 1
      return .execute(command, inFolders: word == "-execdir", collects: false)
    default: throw FindFailure(text: context.isGNU ? "unknown predicate `\(word)'" : "unrecognized: \(word)")
    }
  }
}

private final class Finder {
  let context: ProgramContext
  let test: FindTest
  let parser: FindParser
  let follows: Bool
  var status: Int32 = 0
  var isDone = false
  var collected: [String] = []
  var visited = 0
  /// Folders after what is in them (`-depth`, `-delete`).
  let isDepthFirst: Bool

  init(_ context: ProgramContext, _ test: FindTest, _ parser: FindParser, follows: Bool) {
    (self.context, self.test, self.parser, self.follows) = (context, test, parser, follows)
    isDepthFirst = parser.words.contains("-delete") || parser.words.contains("-depth")
  }

  func walk(_ path: String, _ depth: Int) async throws {
    guard !isDone, depth <= min(parser.most, FileTree.maximumDepth), visited < FileTree.maximumCount else { return }
    visited += 1
    let info: SimStat
    do {
      if follows || (depth == 0 && path.hasSuffix("/")), let real = try? context.process.stat(path, followLinks: true) {
        info = real
      } else {
        info = try context.process.stat(path, followLinks: false)
      }
    } catch let error as Errno {
      status = try await context.fail(
        busybox: "\(path): \(context.reason(error))",
        gnu: "'\(path)': \(context.reason(error))".replacing("''", with: "'"))
      return
    }
    var isPruned = false
    if !isDepthFirst { try await visit(path, info, depth, &isPruned) }
    if info.kind == .directory, !isPruned, !isDone, depth < parser.most {
      do {
        for name in try context.process.list(path).sorted() where name != "." && name != ".." {
          try await walk(joined(path, name), depth + 1)
          if isDone { return }
        }
      } catch let error as Errno {
        status = try await context.fail(
          busybox: "\(path): \(context.reason(error))", gnu: "'\(path)': \(context.reason(error))")
      }
    }
    if isDepthFirst { try await visit(path, info, depth, &isPruned) }
  }

  private func visit(_ path: String, _ info: SimStat, _ depth: Int, _ isPruned: inout Bool) async throws {
    guard depth >= parser.least, !isDone else { return }
    let holds = try await evaluate(test, path, info, &isPruned)
    if holds, !parser.hasAction { try await context.printLine(path) }
  }

  private func compare(_ value: Int64, _ number: Int64, _ sign: Character) -> Bool {
    sign == "+" ? value > number : sign == "-" ? value < number : value == number
  }

  private func evaluate(_ test: FindTest, _ path: String, _ info: SimStat, _ isPruned: inout Bool) async throws -> Bool
  {
    let now = Int64(context.process.unixTime / Duration64.second)
    switch test {
    case .name(let pattern, let ignoresCase):
      return pattern.matches(ignoresCase ? basename(path).lowercased() : basename(path))
    case .path(let pattern): return pattern.matches(path)
    case .kind(let letter):
      switch info.kind {
      case .file: return letter == "f"
      case .directory: return letter == "d"
      case .symlink: return letter == "l"
      case .fifo: return letter == "p"
      case .characterDevice: return letter == "c"
      case .blockDevice: return letter == "b"
      case .socket: return letter == "s"
      }
    case .size(let number, let unit, let sign): return compare((info.size + unit - 1) / unit, number, sign)
    case .empty:
      if info.kind == .directory {
        return ((try? context.process.list(path)) ?? []).allSatisfy { $0 == "." || $0 == ".." }
      }
      return info.kind == .file && info.size == 0
    case .modified(let number, let unit, let sign): return compare(max(0, now - info.modified) / unit, number, sign)
    case .newer(let time): return info.modified > time
    case .user(let uid): return info.uid == uid
    case .group(let gid): return info.gid == gid
    case .mode(let mode, let sign):
      let bits = info.mode & 0o7777
      return sign == "-" ? bits & mode == mode : sign == "/" ? mode == 0 || bits & mode != 0 : bits == mode
    case .executable: return info.mode & 0o111 != 0
    case .constant(let value): return value
    case .not(let inner): return try await !evaluate(inner, path, info, &isPruned)
    case .and(let left, let right):
      guard try await evaluate(left, path, info, &isPruned) else { return false }
      return try await evaluate(right, path, info, &isPruned)
    case .or(let left, let right):
      if try await evaluate(left, path, info, &isPruned) { return true }
      return try await evaluate(right, path, info, &isPruned)
    case .print:
      try await context.printLine(path)
      return true
    case .printZero:
      try await context.write(Array(path.utf8) + [0])
      return true
    case .prune:
      isPruned = true
      return true
    case .quit:
      isDone = true
      return true
    case .delete:
      do {
        if info.kind == .directory {
          try context.process.removeDirectory(path)
        } else {
          try context.process.unlink(path)
        }
        return true
      } catch let error as Errno {
        status = try await context.fail("can't remove '\(path)': \(context.reason(error))")
        return false
      }
    case .execute(let command, _, let collects):
      if collects {
        collected.append(path)
        return true
      }
      return try await Launcher(context).run(command.map { $0.replacing("{}", with: path) }) == 0
    }
  }
}

private let runFind: AppletBody = { context in
  var words = context.arguments
  var follows = false
  while let first = words.first, ["-H", "-L", "-P"].contains(first) {
    follows = first == "-L"
    words.removeFirst()
  }
  var paths: [String] = []
  while let first = words.first, !first.hasPrefix("-"), first != "!", first != "(" {
    paths.append(first)
    words.removeFirst()
  }
  if words.contains("-follow") { follows = true }
  var parser = FindParser(words: words, context: context)
  let test: FindTest
  do { test = try parser.parse() } catch let failure as FindFailure { return try await context.fail(failure.text) }
  let finder = Finder(context, test, parser, follows: follows)
  for path in paths.isEmpty ? ["."] : paths { try await finder.walk(path, 0) }
  if !finder.collected.isEmpty, let command = FindCommand.collecting(test) {
    if try await Launcher(context).run(command + finder.collected) != 0 { finder.status = 1 }
  }
  return finder.status
}

private enum FindCommand {
  /// The command of `-exec … +`.
  static func collecting(_ test: FindTest) -> [String]? {
    switch test {
    case .execute(let command, _, true): command
    case .not(let inner): collecting(inner)
    case .and(let left, let right), .or(let left, let right): collecting(left) ?? collecting(right)
    default: nil
    }
  }
}
