import Runtime
import Seams

/// hello-world's only program.
struct HelloProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let machine = process.system.machine
    let architecture = machine == "x86_64" ? "amd64" : machine == "aarch64" ? "arm64v8" : machine
    let text = """

      Hello from Docker!
      This message shows that your installation appears to be working correctly.

      To generate this message, Docker took the following steps:
       1. The Docker client contacted the Docker daemon.
       2. The Docker daemon pulled the "hello-world" image from the Docker Hub.
          (\(architecture))
       3. The Docker daemon created a new container from that image which runs the
          executable that produces the output you are currently reading.
       4. The Docker daemon streamed that output to the Docker client, which sent it
          to your terminal.

      To try something more ambitious, you can run an Ubuntu container with:
       $ docker run -it ubuntu bash

      Share images, automate workflows, and more with a free Docker ID:
       https://hub.docker.com/

      For more examples and ideas, visit:
       https://docs.docker.com/get-started/


      """
    try await process.write(1, Array(text.utf8))
    return 0
  }
}

/// docker-init (tini): PID 1 that starts the command, hands signals on to it, reaps what is orphaned, and ends as it ends.
struct InitProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    var words = process.arguments.dropFirst()
    while let first = words.first, first.hasPrefix("-") {
      words.removeFirst()
      if first == "--" { break }
      if first == "--version" {
        try await process.write(1, Array("tini version 0.19.0 - git.de40ad0\n".utf8))
        return 0
      }
    }
    guard let name = words.first else {
      try await process.write(
        2, Array("tini (tini version 0.19.0)\nUsage: tini [OPTIONS] PROGRAM -- [ARGS] | --version\n".utf8))
      return 1
    }
    for signal in Int32(1)...31 where ![4, 5, 6, 7, 8, 9, 11, 17, 19, 21, 22].contains(signal) {
      process.onSignal(signal, .handle)
    }
    let context = ProgramContext(process, name: "tini", arguments: [])
    let child: Int
    switch Launcher(context).find(name) {
    case .failure(let error):
      try await process.write(
        2, Array("[FATAL tini (\(process.pid))] exec \(name) failed: \(context.reason(error))\n".utf8))
      return error == .ENOENT ? 127 : 126
    case .success(let path):
      do {
        child = try process.spawn(path, Array(words), environment: process.environment, stdio: [0, 1, 2])
      } catch let error as Errno {
        try await process.write(
          2, Array("[FATAL tini (\(process.pid))] exec \(name) failed: \(context.reason(error))\n".utf8))
        return error == .ENOENT ? 127 : 126
      }
    }
    try? process.setpgid(child, child)
    try? process.setForegroundGroup(child)
    while true {
      // A signal interrupts the wait; it is taken before the next one, and handed on.
      while let signal = process.takeSignal() { try? process.kill(child, signal) }
      do {
        let ended = try await process.wait(nil)
        if ended.pid == child { return ended.status }
      } catch let error as Errno where error == .EINTR {}
    }
  }
}

/// gosu and su-exec: `gosu USER[:GROUP] COMMAND`, as that user, in the same process.
struct GosuProgram: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    let context = ProgramContext(
      process, name: basename(process.arguments.first ?? "gosu"), arguments: Array(process.arguments.dropFirst()))
    if context.arguments.first == "--version" {
      try await context.printLine("1.19 (go1.24.6 on linux/amd64; gc)")
      try await context.flush()
      return 0
    }
    guard context.arguments.count > 1 else {
      try await context.complain("Usage: \(context.name) user-spec command [args]\n")
      return 1
    }
    let spec = context.arguments[0].split(separator: ":", maxSplits: 1)
    let accounts = Accounts(process)
    let user = accounts.user(String(spec.first ?? "")) ?? UInt32(spec.first ?? "").flatMap { accounts.user(uid: $0) }
    guard let uid = user?.uid ?? UInt32(spec.first ?? "") else {
      try await context.complain(
        "error: failed switching to \"\(context.arguments[0])\": unable to find user \(spec.first ?? ""): no matching entries in passwd file\n"
      )
      return 1
    }
    var gid = user?.gid ?? 0
    var groups =
      [gid] + accounts.groups.filter { group in user.map { group.members.contains($0.name) } ?? false }.map(\.gid)
    if spec.count > 1 {
      guard let given = accounts.gid(String(spec[1])) else {
        try await context.complain(
          "error: failed switching to \"\(context.arguments[0])\": unable to find group \(spec[1]): no matching entries in group file\n"
        )
        return 1
      }
      (gid, groups) = (given, [given])
    }
    do { try process.setCredentials(uid: uid, gid: gid, groups: groups) } catch let error as Errno {
      try await context.complain("error: failed switching to \"\(context.arguments[0])\": \(error.message)\n")
      return 1
    }
    var environment = process.environment.filter { !$0.hasPrefix("HOME=") }
    environment.append("HOME=\(user?.home ?? "/")")
    switch Launcher(context).find(context.arguments[1]) {
    case .failure(let error):
      try await context.complain(
        "error: exec: \"\(context.arguments[1])\": \(error == .ENOENT ? "executable file not found in $PATH" : "permission denied")\n"
      )
      return 1
    case .success(let path):
      do { try process.exec(path, Array(context.arguments.dropFirst()), environment: environment) } catch let error
        as Errno
      {
        try await context.complain("error: exec: \"\(context.arguments[1])\": \(error.message)\n")
        return 1
      }
    }
    return 0
  }
}

/// setpriv(1), the options that entrypoints use: `--reuid`, `--regid`, `--clear-groups`, `--init-groups`.
let runSetpriv: AppletBody = { context in
  let accounts = Accounts(context.process)
  var uid = context.process.uid
  var gid = context.process.gid
  var groups = context.process.groups
  var words = context.arguments[...]
  while let word = words.first, word.hasPrefix("-") {
    words.removeFirst()
    if word == "--" { break }
    let name = String(word.prefix { $0 != "=" })
    let value = word.contains("=") ? String(word.drop { $0 != "=" }.dropFirst()) : nil
    switch name {
    case "--reuid", "--ruid", "--euid":
      let text = value ?? words.popFirst() ?? ""
      guard let found = accounts.uid(text) else { return try await context.fail("invalid reuid argument: '\(text)'") }
      uid = found
    case "--regid", "--rgid", "--egid":
      let text = value ?? words.popFirst() ?? ""
      guard let found = accounts.gid(text) else { return try await context.fail("invalid regid argument: '\(text)'") }
      gid = found
    case "--clear-groups": groups = []
    case "--init-groups":
      groups = accounts.groups.filter { group in accounts.userName(uid).map { group.members.contains($0) } ?? false }
        .map(\.gid)
    case "--keep-groups", "--no-new-privs", "--reset-env", "--nnp": break
    case "--inh-caps", "--ambient-caps", "--bounding-set": if value == nil { _ = words.popFirst() }
    default: throw OptionProblem.unknown(String(name.drop { $0 == "-" }))
    }
  }
  guard !words.isEmpty else { return try await context.fail("no program specified") }
  do { try context.process.setCredentials(uid: uid, gid: gid, groups: groups) } catch let error as Errno {
    return try await context.fail("setresuid failed: \(context.reason(error))", 127)
  }
  return try await Launcher(context).replace(Array(words))
}
