import Runtime
import Seams

/// mkdir, rm, mv, cp, ln, touch, chmod, and what tells about paths.
func addFileApplets(_ table: inout AppletTable) {
  table.add("ls", "[-1AaCxdLHRFplinshrSXvctu] [-w WIDTH] [FILE]...", runLs)
  table.add("mkdir", "[-m MODE] [-p] DIRECTORY...") { context in
    let options = try Options(context.arguments, "m:pv", long: ["parents": "p", "mode": "m", "verbose": "v"])
    try options.require(1)
    var mode: UInt32 = 0o777
    if let text = options.value("m") {
      guard let given = FileMode.apply(text, to: 0o777, isDirectory: true) else {
        return try await context.fail("invalid mode '\(text)'")
      }
      mode = given
    }
    var status: Int32 = 0
    for path in options.operands {
      var parts = [path]
      if options.has("p") {
        parts = []
        var prefix = path.hasPrefix("/") ? "/" : ""
        for component in path.split(separator: "/") {
          prefix = prefix.isEmpty || prefix == "/" ? prefix + component : prefix + "/" + component
          parts.append(prefix)
        }
      }
      for (index, part) in parts.enumerated() {
        do {
          try context.process.makeDirectory(part, mode: index == parts.count - 1 ? mode : 0o777)
          if options.has("m"), index == parts.count - 1 { try context.process.chmod(part, mode: mode) }
        } catch let error as Errno {
          if error == .EEXIST, options.has("p"),
            (try? context.process.stat(part, followLinks: true))?.kind == .directory
          {
            continue
          }
          status = try await context.fail(
            busybox: "can't create directory '\(path)': \(context.reason(error))",
            gnu: "cannot create directory '\(path)': \(context.reason(error))")
          break
        }
      }
    }
    return status
  }
  table.add("rmdir", "[-p] DIRECTORY...") { context in
    let options = try Options(context.arguments, "p", long: ["parents": "p"])
    try options.require(1)
    var status: Int32 = 0
    for path in options.operands {
      do { try context.process.removeDirectory(path) } catch let error as Errno {
        status = try await context.fail(
          busybox: "'\(path)': \(context.reason(error))", gnu: "failed to remove '\(path)': \(context.reason(error))")
      }
    }
    return status
  }
  table.add("rm", "[-irf] FILE...", runRm)
  table.add("unlink", "FILE") { context in
    guard let path = context.arguments.first else { throw OptionProblem.missingOperand(nil) }
    do { try context.process.unlink(path) } catch let error as Errno {
      return try await context.fail(
        busybox: "can't remove file '\(path)': \(context.reason(error))",
        gnu: "cannot unlink '\(path)': \(context.reason(error))")
    }
    return 0
  }
  table.add("mv", "[-finT] SOURCE... DEST", runMv)
  table.add("cp", "[-arPLHpfinlsTu] SOURCE... DEST", runCp)
  table.add("ln", "[-sfnbtv] [-S SUF] TARGET... LINK|DIR", runLn)
  table.add("touch", "[-cham] [-d DATE] [-t DATE] [-r FILE] FILE...") { context in
    let options = try Options(context.arguments, "cmahd:t:r:", long: ["no-create": "c"])
    try options.require(1)
    var status: Int32 = 0
    for path in options.operands {
      do {
        if options.has("c"), (try? context.process.stat(path, followLinks: true)) == nil { continue }
        try context.process.touch(path)
      } catch let error as Errno {
        status = try await context.fail(
          busybox: "\(path): \(context.reason(error))", gnu: "cannot touch '\(path)': \(context.reason(error))")
      }
    }
    return status
  }
  table.add("chmod", "[-R] MODE[,MODE]... FILE...") { context in
    // A mode such as -w is no option.
    let isOption = { (word: String) in
      word.hasPrefix("-") && word.dropFirst().allSatisfy { "Rvcf".contains($0) } && word.count > 1
    }
    let letters = context.arguments.filter(isOption).joined()
    var operands = context.arguments.filter { !isOption($0) && $0 != "--" }
    guard operands.count > 1 else { throw OptionProblem.missingOperand(operands.first) }
    let text = operands.removeFirst()
    var status: Int32 = 0
    for operand in operands {
      let paths = letters.contains("R") ? allPaths(operand, context) : [operand]
      for path in paths {
        do {
          let info = try context.process.stat(path, followLinks: true)
          guard let mode = FileMode.apply(text, to: info.mode, isDirectory: info.kind == .directory) else {
            return try await context.fail(busybox: "invalid mode '\(text)'", gnu: "invalid mode: '\(text)'")
          }
          try context.process.chmod(path, mode: mode)
        } catch let error as Errno {
          let isMissing = error == .ENOENT
          status = try await context.fail(
            busybox: "\(path): \(context.reason(error))",
            gnu: "\(isMissing ? "cannot access" : "changing permissions of") '\(path)': \(context.reason(error))")
        }
      }
    }
    return status
  }
  for name in ["chown", "chgrp"] {
    table.add(name, name == "chown" ? "[-Rhc] USER[:[GRP]] FILE..." : "[-Rh] GROUP FILE...", runChown)
  }
  table.add("readlink", "[-fnv] FILE") { context in
    let options = try Options(context.arguments, "fenvmq", long: ["canonicalize": "f"])
    try options.require(1)
    var status: Int32 = 0
    for path in options.operands {
      if options.has("f") || options.has("e") || options.has("m") {
        guard let real = realPath(path, context, allowsMissing: !options.has("e")) else {
          status = 1
          continue
        }
        try await context.print(real + (options.has("n") ? "" : "\n"))
      } else if let target = try? context.process.readLink(path) {
        try await context.print(target + (options.has("n") ? "" : "\n"))
      } else {
        status = 1
      }
    }
    return status
  }
  table.add("realpath", "FILE...") { context in
    let options = try Options(context.arguments, "emsqz")
    try options.require(1)
    var status: Int32 = 0
    for path in options.operands {
      if let real = realPath(path, context, allowsMissing: context.isGNU && !options.has("e")) {
        try await context.printLine(real)
      } else {
        status = try await context.fail("\(path): \(context.reason(Errno.ENOENT))")
      }
    }
    return status
  }
  table.add("mktemp", "[-dt] [-p DIR] [TEMPLATE]") { context in
    let options = try Options(context.arguments, "dtqup:")
    let template = options.operands.first ?? "tmp.XXXXXX"
    guard template.hasSuffix("XXXXXX") else {
      return try await context.fail(
        busybox: "(null): \(context.reason(Errno.EINVAL))", gnu: "too few X's in template '\(template)'")
    }
    let marks = template.reversed().prefix { $0 == "X" }.count
    var seed = context.process.unixTime &* 31 &+ UInt64(context.process.pid)
    let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    let inFolder = options.operands.isEmpty || options.has("p") || options.has("t")
    let folder = options.value("p") ?? context.environment("TMPDIR") ?? "/tmp"
    for _ in 0..<100 {
      var name = String(template.dropLast(marks))
      for _ in 0..<marks {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        name.append(letters[Int(seed >> 33) % letters.count])
      }
      let path = inFolder ? joined(folder, name) : name
      if (try? context.process.stat(path, followLinks: false)) != nil { continue }
      do {
        if options.has("d") {
          try context.process.makeDirectory(path, mode: 0o700)
        } else {
          context.process.close(try context.process.open(path, .write))
          try context.process.chmod(path, mode: 0o600)
        }
      } catch let error as Errno {
        return try await context.fail(
          busybox: "\(path): \(context.reason(error))",
          gnu: "failed to create file via template '\(template)': \(context.reason(error))")
      }
      try await context.printLine(path)
      return 0
    }
    return 1
  }
  table.add("install", "[-cdDsp] [-o USER] [-g GRP] [-m MODE] [-t DIR] [SOURCE]... DEST") { context in
    let options = try Options(context.arguments, "cdDspo:g:m:t:")
    try options.require(1)
    let mode = options.value("m").flatMap { UInt32($0, radix: 8) } ?? 0o755
    if options.has("d") {
      for path in options.operands {
        try? context.process.makeDirectory(path, mode: mode)
        guard (try? context.process.stat(path, followLinks: true))?.kind == .directory else {
          return try await context.fail("can't create directory '\(path)'")
        }
      }
      return 0
    }
    try options.require(2)
    guard let target = options.operands.last else { return 1 }
    for source in options.operands.dropLast() {
      let isFolder = (try? context.process.stat(target, followLinks: true))?.kind == .directory
      let path = isFolder ? joined(target, basename(source)) : target
      do {
        try await put(try await context.contents(source), path, context)
        try context.process.chmod(path, mode: mode)
      } catch let error as Errno { return try await context.fail("can't stat '\(source)': \(context.reason(error))") }
    }
    return 0
  }
}

/// A path and everything below it.
func allPaths(_ path: String, _ context: ProgramContext, depth: Int = 0) -> [String] {
  guard depth < FileTree.maximumDepth, let info = try? context.process.stat(path, followLinks: false) else {
    return [path]
  }
  guard info.kind == .directory else { return info.kind == .symlink && depth > 0 ? [] : [path] }
  var paths = [path]
  for name in ((try? context.process.list(path)) ?? []).sorted() where name != "." && name != ".." {
    paths += allPaths(joined(path, name), context, depth: depth + 1)
  }
  return paths
}

/// The path without symbolic links, `.` and `..`; nil when something on the way is missing.
func realPath(_ path: String, _ context: ProgramContext, allowsMissing: Bool) -> String? {
  var todo = Array(
    (path.hasPrefix("/") ? path : joined(context.process.workingDirectory, path)).split(separator: "/").map(String.init)
      .reversed())
  var done: [String] = []
  var links = 0
  while let component = todo.popLast() {
    if component == "." { continue }
    if component == ".." {
      _ = done.popLast()
      continue
    }
    let candidate = "/" + (done + [component]).joined(separator: "/")
    guard let info = try? context.process.stat(candidate, followLinks: false) else {
      guard allowsMissing, todo.isEmpty else { return nil }
      return candidate
    }
    if info.kind == .symlink, let target = try? context.process.readLink(candidate) {
      links += 1
      guard links < 40 else { return nil }
      if target.hasPrefix("/") { done = [] }
      todo += target.split(separator: "/").map(String.init).reversed()
    } else {
      done.append(component)
    }
  }
  return "/" + done.joined(separator: "/")
}

/// Modes of chmod(1).
enum FileMode {
  /// `755`, `u+x`, `go-w,a=r`; nil when it is no mode.
  static func apply(_ text: String, to old: UInt32, isDirectory: Bool) -> UInt32? {
    if let number = UInt32(text, radix: 8) { return number <= 0o7777 ? number : nil }
    var mode = old & 0o7777
    for clause in text.split(separator: ",", omittingEmptySubsequences: false) {
      var rest = clause
      var who: UInt32 = 0
      while let letter = rest.first, "ugoa".contains(letter) {
        switch letter {
        case "u": who |= 0o700
        case "g": who |= 0o070
        case "o": who |= 0o007
        default: who |= 0o777
        }
        rest.removeFirst()
      }
      if who == 0 { who = 0o777 }
      guard let sign = rest.popFirst(), "+-=".contains(sign) else { return nil }
      var bits: UInt32 = 0
      var special: UInt32 = 0
      for letter in rest {
        switch letter {
        case "r": bits |= 0o444
        case "w": bits |= 0o222
        case "x": bits |= 0o111
        case "X": if isDirectory || old & 0o111 != 0 { bits |= 0o111 }
        case "s": special |= (who & 0o700 != 0 ? 0o4000 : 0) | (who & 0o070 != 0 ? 0o2000 : 0)
        case "t": special |= 0o1000
        case "u": bits |= (old >> 6 & 7) * 0o111
        case "g": bits |= (old >> 3 & 7) * 0o111
        case "o": bits |= (old & 7) * 0o111
        default: return nil
        }
      }
      switch sign {
      case "+": mode |= bits & who | special
      case "-": mode &= ~(bits & who | special)
      default: mode = mode & ~who | bits & who | special
      }
    }
    return mode
  }
}

private let runRm: AppletBody = { context in
  let options = try Options(
    context.arguments, "irRfvd", long: ["recursive": "r", "force": "f", "verbose": "v", "dir": "d"])
  let isForced = options.has("f")
  if options.operands.isEmpty {
    if isForced { return 0 }
    throw OptionProblem.missingOperand(nil)
  }
  let isRecursive = options.has("r") || options.has("R")
  var status: Int32 = 0
  func complain(_ path: String, _ reason: String) async throws {
    status = try await context.fail(
      busybox: "can't remove '\(path)': \(reason)", gnu: "cannot remove '\(path)': \(reason)")
  }
  for path in options.operands {
    let name = basename(path)
    if name == "." || name == ".." {
      status = try await context.fail(
        busybox: "can't remove '.' or '..'", gnu: "refusing to remove '.' or '..' directory: skipping '\(path)'")
      continue
    }
    if name == "/", context.isGNU {
      try await context.fail("it is dangerous to operate recursively on '/'")
      status = try await context.fail("use --no-preserve-root to override this failsafe")
      continue
    }
    do {
      let info = try context.process.stat(path, followLinks: false)
      if info.kind == .directory, !isRecursive {
        if context.isGNU {
          try await complain(path, "Is a directory")
        } else {
          status = try await context.fail("'\(path)' is a directory")
        }
        continue
      }
      try await FileTree(context.process).remove(path) { child, error in
        try await complain(child, context.reason(error))
      }
      if options.has("v") { try await context.printLine("removed '\(path)'") }
    } catch let error as Errno {
      if isForced, error == .ENOENT { continue }
      try await complain(path, context.reason(error))
    }
  }
  return status
}

private let runMv: AppletBody = { context in
  let options = try Options(context.arguments, "finTvt:", long: ["force": "f", "no-clobber": "n", "verbose": "v"])
  try options.require(2)
  let process = context.process
  guard let target = options.operands.last else { return 1 }
  let isFolder = (try? process.stat(target, followLinks: true))?.kind == .directory && !options.has("T")
  if options.operands.count > 2, !isFolder {
    return try await context.fail(
      busybox: "target '\(target)' is not a directory", gnu: "target '\(target)': Not a directory")
  }
  var status: Int32 = 0
  for source in options.operands.dropLast() {
    let path = isFolder ? joined(target, basename(source)) : target
    do {
      if options.has("n"), (try? process.stat(path, followLinks: false)) != nil { continue }
      do { try process.rename(source, to: path) } catch let error as Errno where error == .EXDEV {
        // Another file system: a copy, then the removal.
        try await Copier(context, isRecursive: true, keeps: true).copy(source, path)
        try await FileTree(process).remove(source) { _, error in throw error }
      }
    } catch let error as Errno {
      if error == .ENOENT, context.isGNU, (try? process.stat(source, followLinks: false)) == nil {
        status = try await context.fail("cannot stat '\(source)': \(context.reason(error))")
      } else {
        status = try await context.fail(
          busybox: "can't rename '\(source)': \(context.reason(error))",
          gnu: "cannot move '\(source)' to '\(path)': \(context.reason(error))")
      }
    }
  }
  return status
}

private let runCp: AppletBody = { context in
  let options = try Options(
    context.arguments, "arRPLHpdfinlsTuvt:",
    long: [
      "archive": "a", "recursive": "r", "force": "f", "no-clobber": "n", "verbose": "v", "parents": "p",
      "preserve": "p",
    ])
  try options.require(2)
  guard let target = options.operands.last else { return 1 }
  let process = context.process
  let isFolder = (try? process.stat(target, followLinks: true))?.kind == .directory && !options.has("T")
  if options.operands.count > 2, !isFolder {
    return try await context.fail(
      busybox: "target '\(target)' is not a directory", gnu: "target '\(target)': Not a directory")
  }
  let isRecursive = options.has("r") || options.has("R") || options.has("a")
  let copier = Copier(context, isRecursive: isRecursive, keeps: options.has("a") || options.has("p"))
  for source in options.operands.dropLast() {
    let path = isFolder ? joined(target, basename(source)) : target
    if options.has("n"), (try? process.stat(path, followLinks: false)) != nil { continue }
    do {
      if options.has("l") {
        try process.link(source, to: path)
      } else if options.has("s") {
        try process.symlink(target: source, path: path)
      } else {
        try await copier.copy(source, path)
      }
    } catch let error as Errno {
      copier.status = try await context.fail(
        busybox: "can't create '\(path)': \(context.reason(error))",
        gnu: "cannot create regular file '\(path)': \(context.reason(error))")
    }
  }
  return copier.status
}

/// Copies files and trees.
private final class Copier {
  let context: ProgramContext
  let isRecursive: Bool
  /// Modes and owners are kept, links stay links.
  let keeps: Bool
  var status: Int32 = 0

  init(_ context: ProgramContext, isRecursive: Bool, keeps: Bool) {
    (self.context, self.isRecursive, self.keeps) = (context, isRecursive, keeps)
  }

  func copy(_ source: String, _ path: String, depth: Int = 0) async throws {
    let process = context.process
    guard depth < FileTree.maximumDepth else { throw Errno.ELOOP }
    let info: SimStat
    do { info = try process.stat(source, followLinks: !isRecursive) } catch let error as Errno {
      status = try await context.fail(
        busybox: "can't stat '\(source)': \(context.reason(error))",
        gnu: "cannot stat '\(source)': \(context.reason(error))")
      return
    }
    if let other = try? process.stat(path, followLinks: true), other.inode == info.inode, other.kind == info.kind,
      info.kind == .file,
      other.device == nil, other.modified == info.modified, other.size == info.size,
      realPath(source, context, allowsMissing: true) == realPath(path, context, allowsMissing: true)
    {
      status = try await context.fail("'\(source)' and '\(path)' are the same file")
      return
    }
    switch info.kind {
    case .directory:
      guard isRecursive else {
        status = try await context.fail(
          busybox: "omitting directory '\(source)'", gnu: "-r not specified; omitting directory '\(source)'")
        return
      }
      // The list comes first: a folder copied into itself ends.
      let names = try process.list(source).sorted()
      do { try process.makeDirectory(path, mode: info.mode & 0o7777) } catch let error as Errno where error == .EEXIST {
      }
      for name in names where name != "." && name != ".." {
        try await copy(joined(source, name), joined(path, name), depth: depth + 1)
      }
    case .symlink:
      try? process.unlink(path)
      try process.symlink(target: try process.readLink(source), path: path)
      return
    default:
      do {
        let bytes = try await context.contents(source)
        let isNew = (try? process.stat(path, followLinks: true)) == nil
        let fd = try process.open(path, .write)
        try await process.write(fd, bytes)
        process.close(fd)
        if isNew { try process.chmod(path, mode: info.mode & (keeps ? 0o7777 : 0o777)) }
      } catch let error as Errno where error == .EACCES && (try? process.stat(source, followLinks: true)) != nil {
        status = try await context.fail(
          busybox: "can't open '\(source)': \(context.reason(error))",
          gnu: "cannot open '\(source)' for reading: \(context.reason(error))")
        return
      }
    }
    if keeps {
      try? process.chmod(path, mode: info.mode & 0o7777)
      try? process.chown(path, uid: info.uid, gid: info.gid)
    }
  }
}

private let runLn: AppletBody = { context in
  let options = try Options(
    context.arguments, "sfnbtvTr", long: ["symbolic": "s", "force": "f", "no-dereference": "n"])
  try options.require(1)
  let process = context.process
  var targets = options.operands
  var destination = "."
  if targets.count > 1, let last = targets.popLast() { destination = last }
  let isFolder =
    (try? process.stat(destination, followLinks: !options.has("n")))?.kind == .directory && !options.has("T")
  var status: Int32 = 0
  for target in targets {
    let path = isFolder ? joined(destination, basename(target)) : destination
    do {
      if options.has("f") { try? process.unlink(path) }
      if options.has("s") {
        try process.symlink(target: target, path: path)
      } else {
        try process.link(target, to: path)
      }
    } catch let error as Errno {
      let kind = options.has("s") ? "symbolic link" : "hard link"
      status = try await context.fail(
        busybox: "\(path): \(context.reason(error))",
        gnu: "failed to create \(kind) '\(path)': \(context.reason(error))")
    }
  }
  return status
}

private let runChown: AppletBody = { context in
  let options = try Options(context.arguments, "Rhvcf", long: ["recursive": "R"])
  try options.require(2)
  let accounts = Accounts(context.process)
  var operands = options.operands
  let spec = operands.removeFirst()
  var uid: UInt32?
  var gid: UInt32?
  let parts = spec.split(separator: spec.contains(":") ? ":" : ".", maxSplits: 1, omittingEmptySubsequences: false)
  if context.name == "chgrp" {
    guard let found = accounts.gid(spec) else {
      return try await context.fail(busybox: "unknown group \(spec)", gnu: "invalid group: '\(spec)'")
    }
    gid = found
  } else {
    if let name = parts.first, !name.isEmpty {
      guard let found = accounts.uid(String(name)) else {
        return try await context.fail(busybox: "unknown user \(name)", gnu: "invalid user: '\(spec)'")
      }
      uid = found
    }
    if parts.count > 1 {
      if parts[1].isEmpty {
        gid = accounts.users.first { $0.uid == uid }?.gid
      } else {
        guard let found = accounts.gid(String(parts[1])) else {
          return try await context.fail(busybox: "unknown group \(parts[1])", gnu: "invalid group: '\(spec)'")
        }
        gid = found
      }
    }
  }
  var status: Int32 = 0
  for operand in operands {
    for path in options.has("R") ? allPaths(operand, context) : [operand] {
      do {
        let info = try context.process.stat(path, followLinks: true)
        try context.process.chown(path, uid: uid ?? info.uid, gid: gid ?? info.gid)
      } catch let error as Errno {
        status = try await context.fail(
          busybox: "\(path): \(context.reason(error))",
          gnu: error == .ENOENT
            ? "cannot access '\(path)': \(context.reason(error))"
            : "changing ownership of '\(path)': \(context.reason(error))")
      }
    }
  }
  return status
}
