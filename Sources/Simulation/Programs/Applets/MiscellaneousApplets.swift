import Runtime
import Seams

/// vi, stress, apk, apt-get, and what is left.
func addMiscellaneousApplets(_ table: inout AppletTable) {
  for name in ["vi", "vim", "nano", "less", "more"] {
    table.add(name, "[FILE]...") { context in
      if context.name == "less" || context.name == "more" {
        for path in context.arguments.filter({ !$0.hasPrefix("-") }).isEmpty
          ? ["-"] : context.arguments.filter({ !$0.hasPrefix("-") })
        {
          try await context.write(try await context.contents(path))
        }
        return 0
      }
      return try await context.fail(
        "editing on the screen is not simulated; use echo, cat, sed -i or `docker cp` instead")
    }
  }
  for name in ["stress", "stress-ng"] {
    table.add(name, "[--cpu N] [--vm N] [--vm-bytes B] [--timeout T]", runStress)
  }
  table.add("apk", "[OPTIONS] add|del|update|upgrade|search|info [PACKAGE]...", runApk)
  for name in ["apt-get", "apt"] { table.add(name, "[options] update|install|remove PACKAGE...", runApt) }
}

/// CPU and memory workers; over the memory limit the OOM killer comes.
private let runStress: AppletBody = { context in
  let options = try Options(
    context.arguments, "c:m:t:i:d:B:v",
    long: [
      "cpu": "c", "vm": "m", "timeout": "t", "vm-bytes": "B", "io": "i", "hdd": "d", "vm-hang": "d", "verbose": "v",
    ])
  let cpus = min(max(options.value("c").flatMap { Int($0) } ?? 0, 0), 64)
  let workers = min(max(options.value("m").flatMap { Int($0) } ?? (options.has("B") ? 1 : 0), 0), 64)
  guard cpus + workers > 0 else {
    throw OptionProblem.missingOperand(nil)
  }
  let bytes = options.value("B").flatMap { parseSize($0) } ?? 256 << 20
  let limit = options.value("t").flatMap { Seconds.parse($0) }
  let process = context.process
  try await context.print("stress: info: [\(process.pid)] dispatching hogs: \(cpus) cpu, 0 io, \(workers) vm, 0 hdd\n")
  try await context.flush()
  var children: [Int] = []
  for index in 0..<(cpus + workers) {
    children.append(
      try process.fork(stdio: [0, 1, 2]) { child in
        if index < cpus {
          while true { try await child.compute(10_000_000) }
        }
        while true {
          // A page at a time would take long; a sixteenth of it each.
          var taken: Int64 = 0
          while taken < bytes {
            let part = min(max(bytes / 16, 1 << 20), bytes - taken)
            try child.allocate(part)
            taken += part
            try await child.compute(UInt64(part) / 4)
          }
          try await child.compute(100_000_000)
          child.free(taken)
        }
      })
  }
  let hasEnded = Flag()
  let all = children
  if let limit {
    process.thread {
      try await process.sleep(limit)
      hasEnded.set()
      for child in all { try? process.kill(child, 9) }
    }
  }
  var status: Int32 = 0
  for _ in children {
    let ended = try await process.wait(nil)
    if ended.status != 0, !hasEnded.isSet {
      try await context.print(
        "stress: FAIL: [\(process.pid)] (416) <-- worker \(ended.pid) got signal \(ended.status - 128)\n"
          + "stress: WARN: [\(process.pid)] (418) now reaping child worker processes\n")
      for child in children where child != ended.pid { try? process.kill(child, 9) }
      status = 1
      break
    }
  }
  try await context.print(
    status == 0
      ? "stress: info: [\(process.pid)] successful run completed in \((limit ?? 0) / Duration64.second)s\n"
      : "stress: FAIL: [\(process.pid)] (452) failed run completed in 0s\n")
  return status
}

/// Whether a mirror answers; a message when it does not.
private func reach(_ host: String, _ context: ProgramContext) async throws -> String? {
  let client = HTTPClient(context: context)
  do {
    let ip = try await client.resolve(host)
    guard let address = HTTPAddress("http://\(host)/") else { return nil }
    _ = try await client.send("GET", address, at: ip, headers: [("Connection", "close")])
    return nil
  } catch HTTPFailure.unknownHost {
    return "temporary error (try again later)"
  } catch HTTPFailure.connect(_, _, let error) { return context.reason(error).lowercased() } catch is HTTPFailure {
    return "bad response"
  }
}

private let runApk: AppletBody = { context in
  let words = context.arguments.filter { !$0.hasPrefix("-") }
  guard let command = words.first else {
    try await context.print(
      "apk-tools 3.0.3, compiled for x86_64.\n\nusage: apk [<OPTIONS>...] COMMAND [<ARGUMENTS>...]\n")
    return 1
  }
  let packages = Array(words.dropFirst())
  let release =
    (try? context.process.readFile("/etc/alpine-release")).map { trimmed(String(decoding: $0, as: UTF8.self)) }
    ?? "3.23"
  let branch = release.split(separator: ".").prefix(2).joined(separator: ".")
  func fetch() async throws -> Bool {
    for repository in ["main", "community"] {
      try await context.print(
        "fetch https://dl-cdn.alpinelinux.org/alpine/v\(branch)/\(repository)/x86_64/APKINDEX.tar.gz\n")
      if let problem = try await reach("dl-cdn.alpinelinux.org", context) {
        try await context.complain(
          "WARNING: updating and opening https://dl-cdn.alpinelinux.org/alpine/v\(branch)/\(repository): \(problem)\n")
        return false
      }
    }
    return true
  }
  switch command {
  case "update":
    guard try await fetch() else {
      try await context.print("4 unavailable, 0 stale; 16 distinct packages available\n")
      return 4
    }
    try await context.print(
      "v\(release) [https://dl-cdn.alpinelinux.org/alpine/v\(branch)/main]\nv\(release) [https://dl-cdn.alpinelinux.org/alpine/v\(branch)/community]\nOK: 27523 distinct packages available\n"
    )
    return 0
  case "add":
    guard context.process.uid == 0 else {
      try await context.complain(
        "ERROR: Unable to lock database: Permission denied\nERROR: Failed to open apk database: Permission denied\n")
      return 99
    }
    guard try await fetch() else {
      for package in packages {
        try await context.complain(
          "ERROR: unable to select packages:\n  \(package) (no such package):\n    required by: world[\(package)]\n")
      }
      return Int32(min(packages.count, 99))
    }
    try await context.complain(
      "ERROR: unable to select packages: the simulated mirror carries no packages; use an image that has \(packages.joined(separator: ", "))\n"
    )
    return 1
  case "info":
    for name in ["alpine-baselayout", "alpine-keys", "apk-tools", "busybox", "ca-certificates-bundle", "musl"] {
      try await context.printLine(name)
    }
    return 0
  case "del", "upgrade", "search", "list", "fix", "cache", "version":
    try await context.print("OK: 8 MiB in 16 packages\n")
    return 0
  default:
    try await context.complain("apk: '\(command)' is not an apk command. See 'apk --help'.\n")
    return 1
  }
}

private let runApt: AppletBody = { context in
  let words = context.arguments.filter { !$0.hasPrefix("-") }
  guard let command = words.first else {
    try await context.print("apt 3.0.3 (amd64)\nUsage: apt-get [options] command\n")
    return 0
  }
  let packages = Array(words.dropFirst())
  let text = (try? context.process.readFile("/etc/os-release")).map { String(decoding: $0, as: UTF8.self) } ?? ""
  let isUbuntu = text.contains("ubuntu")
  let name =
    text.split(separator: "\n").first { $0.hasPrefix("VERSION_CODENAME=") }.map { String($0.dropFirst(17)) }
    ?? (isUbuntu ? "noble" : "trixie")
  let host = isUbuntu ? "archive.ubuntu.com" : "deb.debian.org"
  let root = isUbuntu ? "http://archive.ubuntu.com/ubuntu" : "http://deb.debian.org/debian"
  switch command {
  case "update":
    guard context.process.uid == 0 else {
      try await context.complain(
        "E: Could not open lock file /var/lib/apt/lists/lock - open (13: Permission denied)\nE: Unable to lock directory /var/lib/apt/lists/\n"
      )
      return 100
    }
    let suites = [name, "\(name)-updates", "\(name)-security"]
    if let problem = try await reach(host, context) {
      let reason =
        problem.hasPrefix("temporary")
        ? "Temporary failure resolving '\(host)'" : "Could not connect to \(host):80. \(problem)"
      for (index, suite) in suites.enumerated() {
        try await context.print("Err:\(index + 1) \(root) \(suite) InRelease\n  \(reason)\n")
      }
      try await context.print("Reading package lists...\n")
      for suite in suites {
        try await context.complain("W: Failed to fetch \(root)/dists/\(suite)/InRelease  \(reason)\n")
      }
      try await context.complain(
        "W: Some index files failed to download. They have been ignored, or old ones used instead.\n")
      return 0
    }
    for (index, suite) in suites.enumerated() {
      try await context.print("Get:\(index + 1) \(root) \(suite) InRelease [140 kB]\n")
    }
    try await context.print(
      "Get:4 \(root) \(name)/main amd64 Packages [9670 kB]\nFetched 10.1 MB in 1s (10.1 MB/s)\nReading package lists...\n"
    )
    return 0
  case "install":
    try await context.print("Reading package lists...\nBuilding dependency tree...\nReading state information...\n")
    for package in packages { try await context.complain("E: Unable to locate package \(package)\n") }
    return packages.isEmpty ? 0 : 100
  case "upgrade", "dist-upgrade", "clean", "autoremove", "autoclean", "remove", "purge":
    if command != "clean", command != "autoclean" {
      try await context.print(
        "Reading package lists...\nBuilding dependency tree...\nReading state information...\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n"
      )
    }
    return 0
  default:
    try await context.complain("E: Invalid operation \(command)\n")
    return 100
  }
}
