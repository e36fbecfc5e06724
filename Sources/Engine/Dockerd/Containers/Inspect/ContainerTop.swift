import JSONTree
import Seams

/// `GET /containers/{id}/top` (moby's top_unix.go): what `ps` of the host says of the container's processes.
extension ContainerService {
  func topResponse(_ request: APIRequest) async throws -> APIResponse {
    let container = try registry.find(request.parameters["id"] ?? "")
    let arguments = request.query("ps_args").flatMap { $0.isEmpty ? nil : $0 } ?? "-ef"
    let columns = try ProcessColumns.parse(arguments)
    let state = container.state
    if let refusal = state.refusalWhenNotRunning(container.id) { throw refusal }
    if state.isRestarting { throw ContainerState.restarting(container.id) }
    let pids = try await call(Tasks.ListPids(containerId: container.id)).processes.map(\.pid)
    guard columns.contains(where: { $0.title == "PID" }) else {
      throw EngineError(.unknown, "Couldn't find PID field in ps output")
    }
    let now = world.unixTime / Duration64.second
    let users = UserNames(daemon.files)
    let processes = pids.sorted().compactMap { daemon.processes.info($0) }.map { info in
      columns.map { $0.text(info, now, users: users) }
    }
    publish(container, "top")
    return APIResponse(
      200,
      .json([
        "Processes": .array(processes.map { JSON($0) }), "Titles": JSON(columns.map(\.title)),
      ]))
  }
}

/// Names of the host's users.
struct UserNames: Sendable {
  private var names: [UInt32: String] = [:]

  init(_ files: any HostFiles) {
    guard let passwd = try? files.read("/etc/passwd") else { return }
    for line in String(decoding: passwd, as: UTF8.self).split(separator: "\n") {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      if fields.count > 2, let uid = UInt32(fields[2]), names[uid] == nil { names[uid] = String(fields[0]) }
    }
    if names[0] == nil { names[0] = "root" }
  }

  func name(_ uid: UInt32) -> String { names[uid] ?? (uid == 0 ? "root" : String(uid)) }
}

/// The columns of ps(1).
struct ProcessColumns: Sendable {
  let title: String
  private let column: Column

  private enum Column: String, Sendable {
    case user, uid, pid, ppid, cpu, stime, lstart, etime, etimes, tty, time, args, comm, ni, stat, mem, vsz, rss
  }

  private init(_ title: String, _ column: Column) { (self.title, self.column) = (title, column) }

  private static let known: [String: (title: String, column: Column)] = [
    "user": ("USER", .user), "euser": ("EUSER", .user), "uname": ("USER", .user), "ruser": ("RUSER", .user),
    "uid": ("UID", .uid), "euid": ("EUID", .uid), "pid": ("PID", .pid), "tgid": ("TGID", .pid),
    "ppid": ("PPID", .ppid), "%cpu": ("%CPU", .cpu), "pcpu": ("%CPU", .cpu), "c": ("C", .cpu),
    "stime": ("STIME", .stime), "start": ("STARTED", .stime), "start_time": ("START", .stime),
    "lstart": ("STARTED", .lstart), "etime": ("ELAPSED", .etime), "etimes": ("ELAPSED", .etimes),
    "tty": ("TT", .tty), "tt": ("TT", .tty), "tname": ("TTY", .tty), "time": ("TIME", .time),
    "cputime": ("TIME", .time), "args": ("COMMAND", .args), "cmd": ("CMD", .args), "command": ("COMMAND", .args),
    "comm": ("COMMAND", .comm), "ucmd": ("CMD", .comm), "ni": ("NI", .ni), "nice": ("NI", .ni),
    "stat": ("STAT", .stat), "state": ("S", .stat), "s": ("S", .stat), "%mem": ("%MEM", .mem), "pmem": ("%MEM", .mem),
    "vsz": ("VSZ", .vsz), "rss": ("RSS", .rss),
  ]

  private static let full: [ProcessColumns] = [
    .init("UID", .user), .init("PID", .pid), .init("PPID", .ppid), .init("C", .cpu), .init("STIME", .stime),
    .init("TTY", .tty), .init("TIME", .time), .init("CMD", .args),
  ]
  private static let bsd: [ProcessColumns] = [
    .init("USER", .user), .init("PID", .pid), .init("%CPU", .cpu), .init("%MEM", .mem), .init("VSZ", .vsz),
    .init("RSS", .rss), .init("TTY", .tty), .init("STAT", .stat), .init("START", .stime), .init("TIME", .time),
    .init("COMMAND", .args),
  ]
  private static let short: [ProcessColumns] = [
    .init("PID", .pid), .init("TTY", .tty), .init("TIME", .time), .init("CMD", .comm),
  ]

  /// The columns that ps shows for its arguments.
  static func parse(_ arguments: String) throws(EngineError) -> [ProcessColumns] {
    let words = arguments.split(whereSeparator: \.isWhitespace).map(String.init)
    var columns: [ProcessColumns] = []
    var style = short
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      let letters = word.hasPrefix("-") ? word.dropFirst() : word[...]
      if word.hasPrefix("--format=") {
        columns += try list(word.dropFirst(9))
      } else if word == "--format" || letters == "o" || letters == "O" || letters.hasSuffix("o") && letters.count < 4 {
        guard index < words.count else {
          throw EngineError(.unknown, "ps: error: format specification must follow -o")
        }
        columns += try list(words[index][...])
        index += 1
      } else if letters.hasPrefix("o"), letters.count > 1, word.hasPrefix("-") {
        columns += try list(letters.dropFirst())
      } else if word.hasPrefix("-") {
        guard letters.allSatisfy({ "AadeFfjlNTMHLmqcyZwpuUgGsStCkV-".contains($0) }) else {
          throw EngineError(.unknown, "ps: error: unsupported SysV option")
        }
        if letters.contains("f") || letters.contains("F") { style = full }
      } else if letters.contains("u") {
        style = bsd
      } else if let unknown = letters.first(where: { !$0.isLetter && !$0.isNumber }) {
        throw EngineError(.unknown, "ps: error: unsupported option (BSD syntax) \(unknown)")
      }
    }
    return columns.isEmpty ? style : columns
  }

  /// `pid,ppid,cmd` or `pid=PID`: the last may have a title of its own.
  private static func list(_ text: Substring) throws(EngineError) -> [ProcessColumns] {
    var columns: [ProcessColumns] = []
    for part in text.split(separator: ",") {
      let names = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      if names.count == 2, names[1].hasPrefix("PID"), names[0] != "pid" {
        throw EngineError(.unknown, "specifying \"\(names[0])=\(names[1])\" is not allowed")
      }
      guard let column = known[names[0].lowercased()] else {
        throw EngineError(.unknown, "ps: error: unknown user-defined format specifier \"\(names[0])\"")
      }
      columns.append(.init(names.count == 2 && !names[1].isEmpty ? names[1] : column.title, column.column))
    }
    return columns
  }

  /// One cell. `now` in seconds since 1970.
  func text(_ info: HostProcessInfo, _ now: UInt64, users: UserNames) -> String {
    let elapsed = now > info.started ? now - info.started : 0
    switch column {
    case .user: return users.name(info.uid)
    case .uid: return String(info.uid)
    case .pid: return String(info.pid)
    case .ppid: return String(info.ppid)
    case .cpu:
      let tenths = elapsed == 0 ? 0 : info.cpu / 1_000_000 / elapsed
      return title == "C" ? String(min(99, tenths / 10)) : "\(tenths / 10).\(tenths % 10)"
    case .stime: return Self.clock(info.started, now)
    case .lstart: return RFC3339Time.text(info.started * 1_000_000_000)
    case .etime: return Self.span(elapsed, withHours: elapsed >= 3600)
    case .etimes: return String(elapsed)
    case .tty: return info.tty.isEmpty ? "?" : info.tty
    case .time: return Self.span(info.cpu / 1_000_000_000, withHours: true)
    case .args: return info.command
    case .comm:
      let program = info.command.split(separator: " ").first.map(String.init) ?? ""
      return String(DockerPath.base(program).prefix(15))
    case .ni: return "0"
    case .stat: return title == "STAT" ? "Ss" : "S"
    case .mem: return "0.0"
    case .vsz, .rss: return "0"
    }
  }

  /// `15:04` today, `Jan02` before.
  private static func clock(_ time: UInt64, _ now: UInt64) -> String {
    let text = Array(RFC3339Time.text(time * 1_000_000_000))
    if time / 86_400 == now / 86_400 { return String(text[11..<16]) }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let month = Int(String(text[5..<7])).flatMap { (1...12).contains($0) ? months[$0 - 1] : nil } ?? ""
    return month + String(text[8..<10])
  }

  /// `[DD-]HH:MM:SS`, or `MM:SS`.
  private static func span(_ seconds: UInt64, withHours: Bool) -> String {
    func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : String(number) }
    let short = two(seconds / 60 % 60) + ":" + two(seconds % 60)
    guard withHours else { return short }
    let days = seconds / 86_400
    return (days > 0 ? "\(days)-" : "") + two(seconds / 3600 % 24) + ":" + short
  }
}
