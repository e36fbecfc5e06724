import Runtime
import Seams

/// grep, sort, uniq, cut, tr, xargs, and with files of their own sed and awk.
func addFilterApplets(_ table: inout AppletTable) {
  for name in ["grep", "egrep", "fgrep"] {
    table.add(name, "[-HhnlLoqvsriwFE] [-m N] [-A|B|C N] { PATTERN | -e PATTERN... | -f FILE... } [FILE]...", runGrep)
  }
  table.add("sed", "[-i[SFX]] [-nrE] [-f FILE]... [-e CMD]... [FILE]...", runSed)
  for name in ["awk", "gawk", "mawk"] { table.add(name, "[-F FS] [-v VAR=VAL] 'PROGRAM' [FILE]...", runAwk) }
  table.add("sort", "[-nrugMcszbdfiokt] [-o FILE] [-k START[.OFS][OPTS][,END[.OFS][OPTS]] [-t CHAR] [FILE]...", runSort)
  table.add("uniq", "[-cduiz] [-f,s,w N] [FILE [OUTFILE]]") { context in
    let options = try Options(context.arguments, "cduif:s:w:", long: ["count": "c", "repeated": "d", "unique": "u"])
    var last: [UInt8]?
    var count = 0
    func emit() async throws {
      guard let last else { return }
      if options.has("d"), count < 2 { return }
      if options.has("u"), count > 1 { return }
      if options.has("c") { try await context.print(String(count).leftPadded(7) + " ") }
      try await context.write(last + [10])
    }
    func key(_ line: [UInt8]) -> [UInt8] {
      var line = line[...]
      for _ in 0..<min(Int(options.value("f") ?? "0") ?? 0, 1000) {
        line = line.drop { $0 == 32 || $0 == 9 }.drop { $0 != 32 && $0 != 9 }
      }
      line = line.dropFirst(max(0, Int(options.value("s") ?? "0") ?? 0))
      if let width = options.value("w").flatMap({ Int($0) }), width >= 0 { line = line.prefix(width) }
      return options.has("i") ? line.map { (65...90).contains($0) ? $0 | 32 : $0 } : Array(line)
    }
    for line in lines(try await context.contents(options.operands.first ?? "-")) {
      if let last, key(last) == key(line) {
        count += 1
      } else {
        try await emit()
        (last, count) = (line, 1)
      }
    }
    try await emit()
    return 0
  }
  table.add("cut", "[-b|c LIST | -f LIST [-d SEP] [-s]] [FILE]...") { context in
    let options = try Options(
      context.arguments, "b:c:f:d:sn",
      long: ["fields": "f", "delimiter": "d", "characters": "c", "bytes": "b", "only-delimited": "s"])
    guard let list = options.value("f") ?? options.value("c") ?? options.value("b") else {
      return try await context.fail(
        busybox: "expected a list of bytes, characters, or fields",
        gnu: "you must specify a list of bytes, characters, or fields")
    }
    guard let ranges = ranges(list) else {
      return try await context.fail(busybox: "invalid range '\(list)'", gnu: "invalid byte, character or field list")
    }
    let separator = options.value("d").map { $0.utf8.first ?? 0 } ?? 9
    for path in options.operands.isEmpty ? ["-"] : options.operands {
      for line in lines(try await context.contents(path)) {
        if options.has("f") {
          guard line.contains(separator) else {
            if !options.has("s") { try await context.write(line + [10]) }
            continue
          }
          let fields = line.split(separator: separator, omittingEmptySubsequences: false)
          let chosen = fields.indices.filter { index in ranges.contains { $0.contains(index + 1) } }
          try await context.write(Array(chosen.map { fields[$0] }.joined(separator: [separator])) + [10])
        } else {
          let chosen = line.indices.filter { index in ranges.contains { $0.contains(index + 1) } }
          try await context.write(chosen.map { line[$0] } + [10])
        }
      }
    }
    return 0
  }
  table.add("tr", "[-cds] STRING1 [STRING2]", runTr)
  table.add("paste", "[-d LIST] [-s] [FILE]...") { context in
    let options = try Options(context.arguments, "d:s")
    let separator = String(options.value("d")?.first ?? "\t")
    var columns: [[[UInt8]]] = []
    for path in options.operands.isEmpty ? ["-"] : options.operands {
      columns.append(lines(try await context.contents(path)))
    }
    if options.has("s") {
      for column in columns {
        try await context.printLine(column.map { String(decoding: $0, as: UTF8.self) }.joined(separator: separator))
      }
      return 0
    }
    for index in 0..<(columns.map(\.count).max() ?? 0) {
      let row = columns.map { index < $0.count ? String(decoding: $0[index], as: UTF8.self) : "" }
      try await context.printLine(row.joined(separator: separator))
    }
    return 0
  }
  table.add("fold", "[-bs] [-w WIDTH] [FILE]...") { context in
    let options = try Options(context.arguments, "bsw:")
    let width = max(1, Int(options.value("w") ?? "80") ?? 80)
    for path in options.operands.isEmpty ? ["-"] : options.operands {
      for line in lines(try await context.contents(path)) {
        var rest = line[...]
        while rest.count > width {
          try await context.write(rest.prefix(width) + [10])
          rest = rest.dropFirst(width)
        }
        try await context.write(rest + [10])
      }
    }
    return 0
  }
  table.add("xargs", "[OPTIONS] [PROG ARGS]", runXargs)
}

/// `1,3-5,7-`.
private func ranges(_ list: String) -> [ClosedRange<Int>]? {
  var result: [ClosedRange<Int>] = []
  for item in list.split(separator: ",") {
    if let dash = item.firstIndex(of: "-") {
      let start = item[..<dash].isEmpty ? 1 : Int(item[..<dash]) ?? 0
      let end = item[item.index(after: dash)...].isEmpty ? Int.max : Int(item[item.index(after: dash)...]) ?? 0
      guard start >= 1, end >= start else { return nil }
      result.append(start...end)
    } else {
      guard let number = Int(item), number >= 1 else { return nil }
      result.append(number...number)
    }
  }
  return result.isEmpty ? nil : result
}

private let runGrep: AppletBody = { context in
  let options = try Options(
    context.arguments, "ivnclLqrRhHoEFGwxsze:f:m:A:B:C:a",
    long: [
      "ignore-case": "i", "invert-match": "v", "line-number": "n", "count": "c", "files-with-matches": "l",
      "quiet": "q", "recursive": "r", "only-matching": "o", "extended-regexp": "E", "fixed-strings": "F",
      "word-regexp": "w", "regexp": "e", "max-count": "m", "no-messages": "s", "text": "a", "silent": "q",
    ])
  var operands = options.operands
  var patterns = options.all("e").flatMap {
    $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }
  for file in options.all("f") {
    patterns += lines(try await context.contents(file)).map { String(decoding: $0, as: UTF8.self) }
  }
  if patterns.isEmpty, !options.has("f") {
    guard !operands.isEmpty else { throw OptionProblem.missingOperand(nil) }
    patterns = operands.removeFirst().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }
  var expressions: [RegularExpression] = []
  for pattern in patterns {
    do {
      expressions.append(
        try RegularExpression(
          pattern, isExtended: options.has("E") || context.name == "egrep", ignoresCase: options.has("i"),
          isFixed: options.has("F") || context.name == "fgrep"))
    } catch RegularExpression.Failure.invalid(let reason) {
      return try await context.fail(busybox: "bad regex '\(pattern)': \(reason)", gnu: reason, 2)
    }
  }
  func match(_ line: [UInt8], from start: Int) -> Range<Int>? {
    var best: Range<Int>?
    for expression in expressions {
      var from = start
      while let match = expression.firstMatch(in: line, from: from) {
        let range = match.range
        let isWhole = range == 0..<line.count
        let isWord =
          (range.lowerBound == 0 || !isNameByte(line[range.lowerBound - 1]))
          && (range.upperBound == line.count || !isNameByte(line[range.upperBound]))
        if (!options.has("x") || isWhole) && (!options.has("w") || isWord) {
          if best.map({ range.lowerBound < $0.lowerBound }) ?? true { best = range }
          break
        }
        from = range.lowerBound + 1
        if from > line.count { break }
      }
    }
    return best
  }
  let isRecursive = options.has("r") || options.has("R")
  var paths = operands.isEmpty ? [isRecursive ? "." : "-"] : operands
  var problems = false
  if isRecursive {
    paths = paths.flatMap { FileTree(context.process).files(under: $0) }
  }
  let showsNames = options.has("H") || (!options.has("h") && (paths.count > 1 || isRecursive))
  let limit = options.value("m").flatMap { Int($0) } ?? .max
  let after = max(0, Int(options.value("A") ?? options.value("C") ?? "0") ?? 0)
  let before = max(0, Int(options.value("B") ?? options.value("C") ?? "0") ?? 0)
  var hasFound = false
  for path in paths {
    let name = path == "-" ? "(standard input)" : path
    // What is asked line by line is answered line by line.
    if path == "-", before == 0, after == 0, !options.has("c"), !options.has("l"), !options.has("L") {
      var number = 0
      var count = 0
      while count < limit, let line = try await context.readLine() {
        number += 1
        guard (match(line, from: 0) != nil) != options.has("v") else { continue }
        hasFound = true
        count += 1
        if options.has("q") { return 0 }
        try await printGrepLine(line, number, name, showsNames, options, context, match)
        if context.process.isTerminal(context.input) { try await context.flush() }
      }
      continue
    }
    let all: [[UInt8]]
    do { all = lines(try await context.contents(path)) } catch let error as Errno {
      if error == .EISDIR, isRecursive { continue }
      if !options.has("s") {
        try await context.fail(
          error == .EISDIR && context.isGNU ? "\(path): Is a directory" : "\(path): \(context.reason(error))")
      }
      problems = true
      continue
    }
    var count = 0
    var lastShown = -1
    for (index, line) in all.enumerated() where (match(line, from: 0) != nil) != options.has("v") {
      hasFound = true
      count += 1
      if options.has("q") { return 0 }
      if options.has("l") || options.has("L") { break }
      if !options.has("c") {
        let start = max(lastShown + 1, index - before)
        if before + after > 0, lastShown >= 0, start > lastShown + 1 { try await context.print("--\n") }
        for i in start..<max(start, index) {
          try await context.write(prefix(name, i, "-", showsNames, options) + all[i] + [10])
        }
        if index > lastShown { try await printGrepLine(line, index + 1, name, showsNames, options, context, match) }
        lastShown = max(lastShown, index)
        if after > 0 {
          var i = index + 1
          while i < all.count, i <= index + after, (match(all[i], from: 0) != nil) == options.has("v") {
            try await context.write(prefix(name, i, "-", showsNames, options) + all[i] + [10])
            lastShown = i
            i += 1
          }
        }
      }
      if count >= limit { break }
    }
    if options.has("c") { try await context.printLine(showsNames ? "\(name):\(count)" : String(count)) }
    if options.has("l"), count > 0 { try await context.printLine(name) }
    if options.has("L"), count == 0 { try await context.printLine(name) }
  }
  return problems ? 2 : hasFound ? 0 : 1
}

private func prefix(_ name: String, _ index: Int, _ sign: String, _ showsNames: Bool, _ options: Options) -> [UInt8] {
  Array(((showsNames ? name + sign : "") + (options.has("n") ? "\(index + 1)\(sign)" : "")).utf8)
}

private func printGrepLine(
  _ line: [UInt8], _ number: Int, _ name: String, _ showsNames: Bool, _ options: Options, _ context: ProgramContext,
  _ match: ([UInt8], Int) -> Range<Int>?
) async throws {
  let head = prefix(name, number - 1, ":", showsNames, options)
  guard options.has("o"), !options.has("v") else {
    try await context.write(head + line + [10])
    return
  }
  var start = 0
  while start <= line.count, let range = match(line, start) {
    if !range.isEmpty { try await context.write(head + line[range] + [10]) }
    start = max(range.upperBound, range.lowerBound + 1)
  }
}

private let runSort: AppletBody = { context in
  let options = try Options(
    context.arguments, "nrufbhVco:k:t:sdiMgz",
    long: [
      "numeric-sort": "n", "reverse": "r", "unique": "u", "key": "k", "field-separator": "t", "version-sort": "V",
      "human-numeric-sort": "h",
    ])
  var all: [[UInt8]] = []
  for path in options.operands.isEmpty ? ["-"] : options.operands {
    do { all += lines(try await context.contents(path)) } catch let error as Errno {
      return try await context.fail(
        busybox: "\(path): \(context.reason(error))", gnu: "cannot read: \(path): \(context.reason(error))", 2)
    }
  }
  let separator = options.value("t")?.utf8.first
  struct Key { var first: Int; var last: Int?; var flags: Set<Character> }
  let keys = options.all("k").map { text -> Key in
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.map { Int($0.prefix { $0.isNumber }) ?? 1 }
    return Key(
      first: max(1, numbers.first ?? 1), last: numbers.count > 1 ? numbers[1] : nil, flags: Set(text.filter(\.isLetter))
    )
  }
  func field(_ line: [UInt8], _ key: Key) -> [UInt8] {
    if let separator {
      let fields = line.split(separator: separator, omittingEmptySubsequences: false)
      guard key.first <= fields.count else { return [] }
      return Array(
        fields[(key.first - 1)..<min(fields.count, max(key.first, key.last ?? fields.count))].joined(separator: [
          separator
        ]))
    }
    let fields = line.split(whereSeparator: { $0 == 32 || $0 == 9 })
    guard key.first <= fields.count else { return [] }
    return Array(
      fields[(key.first - 1)..<min(fields.count, max(key.first, key.last ?? fields.count))].joined(separator: [32]))
  }
  func number(_ bytes: [UInt8]) -> Double {
    var text = trimmed(String(decoding: bytes, as: UTF8.self))
    var unit = 1.0
    if options.has("h"), let last = text.last, let power = "KMGT".firstIndex(of: Character(last.uppercased())) {
      for _ in 0...("KMGT".distance(from: "KMGT".startIndex, to: power)) { unit *= 1024 }
      text.removeLast()
    }
    let digits = text.prefix { $0.isNumber || $0 == "-" || $0 == "." }
    return (Double(digits) ?? 0) * unit
  }
  func compare(_ a: [UInt8], _ b: [UInt8], _ flags: Set<Character>) -> Int {
    if flags.contains("n") || flags.contains("h") || flags.contains("g") {
      let (x, y) = (number(a), number(b))
      return x < y ? -1 : x > y ? 1 : 0
    }
    if flags.contains("V") { return VersionOrder.compare(a, b) }
    func folded(_ bytes: [UInt8]) -> [UInt8] {
      flags.contains("f") ? bytes.map { (97...122).contains($0) ? $0 & ~32 : $0 } : bytes
    }
    let (x, y) = (folded(a), folded(b))
    return x.lexicographicallyPrecedes(y) ? -1 : y.lexicographicallyPrecedes(x) ? 1 : 0
  }
  let global = Set(options.letters)
  func order(_ a: [UInt8], _ b: [UInt8]) -> Int {
    for key in keys {
      let flags = key.flags.isEmpty ? global : key.flags
      let result = compare(field(a, key), field(b, key), flags)
      if result != 0 { return flags.contains("r") ? -result : result }
    }
    if keys.isEmpty {
      let result = compare(a, b, global)
      if result != 0 { return global.contains("r") ? -result : result }
    }
    if options.has("s") || options.has("u") { return 0 }
    let result = compare(a, b, [])
    return global.contains("r") ? -result : result
  }
  if options.has("c") {
    for index in all.indices.dropFirst() where order(all[index - 1], all[index]) > 0 {
      return try await context.fail("-:\(index + 1): disorder: \(String(decoding: all[index], as: UTF8.self))")
    }
    return 0
  }
  // A stable sort: the order of equal lines is kept.
  let sorted = all.enumerated().sorted { a, b in
    let result = order(a.element, b.element)
    return result != 0 ? result < 0 : a.offset < b.offset
  }.map(\.element)
  var output: [UInt8] = []
  for (index, line) in sorted.enumerated() {
    if options.has("u"), index > 0, order(sorted[index - 1], line) == 0 { continue }
    output += line + [10]
  }
  if let path = options.value("o") {
    let fd = try context.process.open(path, .write)
    try await context.process.write(fd, output)
    context.process.close(fd)
  } else {
    try await context.write(output)
  }
  return 0
}

/// strverscmp(3): digits compare as numbers.
enum VersionOrder {
  static func compare(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var (i, j) = (0, 0)
    func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    while i < a.count, j < b.count {
      if isDigit(a[i]), isDigit(b[j]) {
        let x = a[i...].prefix(while: isDigit)
        let y = b[j...].prefix(while: isDigit)
        let (m, n) = (x.drop { $0 == 48 }, y.drop { $0 == 48 })
        if m.count != n.count { return m.count < n.count ? -1 : 1 }
        if m.lexicographicallyPrecedes(n) { return -1 }
        if n.lexicographicallyPrecedes(m) { return 1 }
        i += x.count
        j += y.count
      } else {
        if a[i] != b[j] { return a[i] < b[j] ? -1 : 1 }
        i += 1
        j += 1
      }
    }
    return a.count - i == b.count - j ? 0 : a.count - i < b.count - j ? -1 : 1
  }
}

private let runTr: AppletBody = { context in
  let options = try Options(
    context.arguments, "+cCds", long: ["delete": "d", "squeeze-repeats": "s", "complement": "c"])
  try options.require(1)
  func set(_ text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    func one() -> UInt8 {
      guard bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count else {
        index += 1
        return bytes[index - 1]
      }
      var end = index + 2
      while end < bytes.count, end - index < 4, (48...55).contains(bytes[end]), (48...55).contains(bytes[index + 1]) {
        end += 1
      }
      let decoded = Escapes.decode(Array(bytes[index..<end]), style: .format).bytes
      index = end
      return decoded.last ?? 0
    }
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "["), index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: ":"),
        let end = bytes[index...].firstIndex(of: UInt8(ascii: "]"))
      {
        let name = String(decoding: bytes[(index + 2)..<max(index + 2, end - 1)], as: UTF8.self)
        for range in GlobPattern.classRanges(name) { result += Array(range) }
        index = end + 1
        continue
      }
      let first = one()
      if index + 1 < bytes.count, bytes[index] == UInt8(ascii: "-") {
        index += 1
        let last = one()
        if first <= last { result += Array(first...last) }
      } else {
        result.append(first)
      }
    }
    return result
  }
  var from = set(options.operands[0])
  if options.has("c") || options.has("C") {
    let excluded = Set(from)
    from = (UInt8.min...UInt8.max).filter { !excluded.contains($0) }
  }
  let to = options.operands.count > 1 ? set(options.operands[1]) : []
  if !options.has("d"), !options.has("s"), to.isEmpty { throw OptionProblem.missingOperand(options.operands.last) }
  var map = [UInt8?](repeating: nil, count: 256)
  for byte in UInt8.min...UInt8.max { map[Int(byte)] = byte }
  if options.has("d") {
    for byte in from { map[Int(byte)] = nil }
  } else if let last = to.last {
    for (index, byte) in from.enumerated() { map[Int(byte)] = index < to.count ? to[index] : last }
  }
  let squeezed = options.has("s") ? Set(to.isEmpty || options.has("d") && options.operands.count < 2 ? from : to) : []
  var last: UInt8?
  while let bytes = try await context.process.read(context.input, 65_536), !bytes.isEmpty {
    var out: [UInt8] = []
    for byte in bytes {
      guard let mapped = map[Int(byte)] else { continue }
      if mapped == last, squeezed.contains(mapped) { continue }
      out.append(mapped)
      last = mapped
    }
    try await context.write(out)
    try await context.flush()
  }
  return 0
}

private let runXargs: AppletBody = { context in
  let options = try Options(
    context.arguments, "+0rtn:I:P:L:d:a:",
    long: ["null": "0", "no-run-if-empty": "r", "max-args": "n", "max-procs": "P", "verbose": "t"])
  let input = try await context.readAll(context.input)
  var words: [String] = []
  if options.has("0") {
    words = input.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
  } else if let separator = options.value("d")?.utf8.first {
    words = input.split(separator: separator).map { trimmed(String(decoding: $0, as: UTF8.self)) }
  } else if options.has("I") {
    words = lines(input).map { trimmed(String(decoding: $0, as: UTF8.self)) }.filter { !$0.isEmpty }
  } else {
    var word: [UInt8] = []
    var isWord = false
    var quote: UInt8?
    var isEscaped = false
    for byte in input + [10] {
      if isEscaped {
        word.append(byte)
        isEscaped = false
      } else if let open = quote {
        if byte == open { quote = nil } else { word.append(byte) }
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
        isWord = true
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        quote = byte
        isWord = true
      } else if byte == 32 || byte == 9 || byte == 10 {
        if isWord { words.append(String(decoding: word, as: UTF8.self)) }
        (word, isWord) = ([], false)
      } else {
        word.append(byte)
        isWord = true
      }
    }
  }
  let command = options.operands.isEmpty ? ["echo"] : options.operands
  var runs: [[String]] = []
  if let mark = options.value("I") {
    runs = words.map { word in
      command.map { $0.split(separator: mark, omittingEmptySubsequences: false).joined(separator: word) }
    }
  } else {
    let size = max(1, Int(options.value("n") ?? options.value("L") ?? "") ?? 5000)
    var rest = words[...]
    while !rest.isEmpty {
      runs.append(command + rest.prefix(size))
      rest = rest.dropFirst(size)
    }
    if words.isEmpty, !options.has("r") { runs = [command] }
  }
  var status: Int32 = 0
  for run in runs {
    if options.has("t") { try await context.complain(run.joined(separator: " ") + "\n") }
    switch try await Launcher(context).run(run) {
    case 0: break
    case 126, 127: return 127
    case 255: return 124
    case 128...: return 125
    default: status = 123
    }
  }
  return status
}

/// Programs that run other programs: env, xargs, timeout, nohup …
struct Launcher {
  let context: ProgramContext
  init(_ context: ProgramContext) { self.context = context }

  /// The file of a command; 127 or 126 after a message.
  func find(_ name: String, path: String? = nil) -> Result<String, Errno> {
    if name.contains("/") { return .success(name) }
    var failure = Errno.ENOENT
    let path = path ?? context.environment("PATH") ?? "/sbin:/usr/sbin:/bin:/usr/bin"
    for folder in path.split(separator: ":") where !name.isEmpty {
      let candidate = joined(String(folder), name)
      guard let info = try? context.process.stat(candidate, followLinks: true), info.kind == .file else { continue }
      if info.mode & 0o111 != 0 { return .success(candidate) }
      failure = .EACCES
    }
    return .failure(failure)
  }

  func complain(_ name: String, _ error: Errno) async throws -> Int32 {
    let reason = context.reason(error)
    let text: String
    switch (context.name, context.isGNU) {
    case (_, false): text = "can't execute '\(name)': \(reason)"
    case ("xargs", _): text = "\(name): \(reason)"
    case ("env", _): text = "'\(name)': \(reason)"
    default: text = "failed to run command '\(name)': \(reason)"
    }
    return try await context.fail(text, error == .ENOENT ? 127 : 126)
  }

  /// Starts a command as a child; nil after a message, with the status.
  func start(_ words: [String], environment: [String]? = nil) async throws -> Result<Int, LaunchFailure> {
    try await context.flush()
    switch find(words.first ?? "") {
    case .failure(let error): return .failure(LaunchFailure(status: try await complain(words.first ?? "", error)))
    case .success(let path):
      do {
        return .success(
          try context.process.spawn(
            path, words, environment: environment ?? context.process.environment,
            stdio: [context.input, context.output, context.error]))
      } catch let error as Errno {
        return .failure(LaunchFailure(status: try await complain(words[0], error)))
      }
    }
  }

  /// Runs a command to its end.
  func run(_ words: [String], environment: [String]? = nil) async throws -> Int32 {
    switch try await start(words, environment: environment) {
    case .failure(let failure): return failure.status
    case .success(let pid):
      while true {
        do { return try await context.process.wait(pid).status } catch let error as Errno where error == .EINTR {}
      }
    }
  }

  /// The command takes this program's place.
  func replace(_ words: [String], environment: [String]? = nil) async throws -> Int32 {
    try await context.flush()
    let environment = environment ?? context.process.environment
    let path = environment.last { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) }
    switch find(words.first ?? "", path: path) {
    case .failure(let error): return try await complain(words.first ?? "", error)
    case .success(let path):
      do {
        try context.process.exec(path, words, environment: environment)
        return 0
      } catch let error as Errno {
        return try await complain(words[0], error)
      }
    }
  }
}

/// A command that could not be started.
struct LaunchFailure: Error { var status: Int32 }
