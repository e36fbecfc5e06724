import Runtime

/// What execve(2) found to execute.
struct Executable {
  var path: Path
  var program: String
  var arguments: [String]
  var comm: String
}

extension KernelState {
  /// Finds what `path` would execute, through `#!` lines: everything that execve(2) refuses before the point of no return.
  func findExecutable(_ path: String, _ arguments: [String], environment: [String]) throws(Errno) -> Executable {
    var size = 0
    for text in arguments {
      if text.utf8.count >= 131_072 { throw .E2BIG }
      size += text.utf8.count + 9
    }
    for text in environment {
      if text.utf8.count >= 131_072 { throw .E2BIG }
      size += text.utf8.count + 9
    }
    if size > 2_097_152 { throw .E2BIG }
    let comm = String(path.parts(at: "/").last ?? "").prefix(15)
    var path = path
    var arguments = arguments.isEmpty ? [""] : arguments
    for _ in 0..<5 {
      let place = try checkExecutable(path)
      guard case .bytes(let content) = try place.inode.read() else { throw .ENOEXEC }
      guard content.count > 2, content[0] == UInt8(ascii: "#"), content[1] == UInt8(ascii: "!") else {
        guard let program = ProgramTable.programName(of: content), programs[program] != nil else { throw .ENOEXEC }
        return Executable(path: place, program: program, arguments: arguments, comm: String(comm))
      }
      // "#! INTERPRETER [ARGUMENT]": the rest of the line is one argument.
      let line = String(decoding: content.dropFirst(2).prefix(254).prefix { $0 != 10 }, as: UTF8.self)
      let blanks: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\r" }
      let words = line.split(maxSplits: 1, whereSeparator: blanks)
      guard let interpreter = words.first.map(String.init) else { throw .ENOEXEC }
      var new = [interpreter]
      if words.count == 2 {
        var rest = words[1]
        while let last = rest.last, blanks(last) { rest.removeLast() }
        while let first = rest.first, blanks(first) { rest.removeFirst() }
        if !rest.isEmpty { new.append(String(rest)) }
      }
      arguments = new + [path] + arguments.dropFirst()
      path = interpreter
    }
    throw .ELOOP
  }

  /// A regular file with an x bit that counts, on a mount without noexec.
  @discardableResult
  func checkExecutable(_ path: String) throws(Errno) -> Path {
    let place = try resolve(path)
    guard place.inode.kind == .file else { throw .EACCES }
    if place.mount.flags.contains(.noExec) { throw .EACCES }
    try mayRead(place.inode, .execute)
    return place
  }

  /// The point of no return: `process` becomes the program.
  func become(_ executable: Executable, environment: [String], _ process: LinuxProcess) {
    let inode = executable.path.inode
    var setuid: UInt32?
    var setgid: UInt32?
    var file: FileCapabilities?
    let users = process.credentials.userNamespace
    if !process.credentials.noNewPrivileges, !executable.path.mount.flags.contains(.noSuid) {
      if users.maps(user: inode.uid, group: inode.gid) {
        if inode.mode & 0o4000 != 0 { setuid = inode.uid }
        if inode.mode & 0o2010 == 0o2010 { setgid = inode.gid }
      }
      if let bytes = inode.xattr("security.capability") { file = FileCapabilities(bytes) }
    }
    process.credentials.executed(setuid: setuid, setgid: setgid, file: file)
    process.isDumpable = setuid == nil && setgid == nil
    process.driver = .program(executable.program)
    process.comm = executable.comm
    process.arguments = executable.arguments
    process.environment = environment
    process.executable = executable.path
    process.sleepsAt = nil
    process.threads = 1
    process.pendingSignals = []
    process.dispositions = process.dispositions.filter { $0.value == .ignore }
    setMemory(process, KernelState.programMemory)
  }

  /// What a small program needs at least, in bytes.
  static let programMemory: Int64 = 393_216
  static let forkMemory: Int64 = 98_304

  /// The process's memory is now `bytes`, without asking the limits: the OOM killer looks at the next allocation.
  func setMemory(_ process: LinuxProcess, _ bytes: Int64) {
    let change = bytes - process.memory
    process.memory = bytes
    if change > 0 {
      process.memoryCgroup?.chargeAnyway(change, .anonymous)
    } else {
      process.memoryCgroup?.uncharge(-change, .anonymous)
    }
  }

  /// execve(2) by `current`.
  func execute(_ path: String, _ arguments: [String], environment: [String]) throws(Errno) {
    guard let process = current else { throw .ESRCH }
    if case .runtime = process.driver, process.consoleStreams != nil { _ = try openTerminal(nil, for: process) }
    let executable = try findExecutable(path, arguments, environment: environment)
    become(executable, environment: environment, process)
  }
}
