import Runtime
import Seams

/// What a simulated program can do: its system calls. The kernel model gives each process one of these.
///
/// Every call throws `Errno` as Linux refuses, or `ProcessKilled` once the process is to die: programs let it pass.
/// A handled signal interrupts `read`, `wait` and `sleep` with EINTR, unless the process waits in `nextSignal`.
/// When a process ends, the kernel closes its descriptors, listeners and connections (both channels of a `Duplex`).
public protocol SimProcess: Sendable {
  /// The pid in the process's own pid namespace.
  var pid: Int { get }
  var parentPID: Int { get }
  var arguments: [String] { get }
  /// `NAME=value`, in order.
  var environment: [String] { get }
  var uid: UInt32 { get }
  var gid: UInt32 { get }
  var groups: [UInt32] { get }
  var hostname: String { get }
  var workingDirectory: String { get }
  /// Standard input is a terminal.
  var isTerminal: Bool { get }
  /// Nanoseconds since 1970.
  var unixTime: UInt64 { get }

  // Descriptors: 0, 1 and 2 are the standard streams.
  /// The next bytes; nil at the end.
  func read(_ fd: Int, _ limit: Int) async throws -> [UInt8]?
  func write(_ fd: Int, _ bytes: [UInt8]) async throws
  func open(_ path: String, _ mode: OpenMode) throws -> Int
  func close(_ fd: Int)
  /// pipe(2): the reading and the writing end.
  func pipe() throws -> (Int, Int)
  /// dup2(2): `new` becomes what `old` is; what it was is closed.
  func dup2(_ old: Int, _ new: Int) throws
  /// isatty(3).
  func isTerminal(_ fd: Int) -> Bool
  /// Rows and columns of the terminal behind `fd` (ioctl TIOCGWINSZ); nil when it is none.
  func terminalSize(_ fd: Int) -> (rows: Int, columns: Int)?

  // Files; relative paths start at the working directory.
  func readFile(_ path: String) throws -> [UInt8]
  func stat(_ path: String, followLinks: Bool) throws -> SimStat
  func list(_ path: String) throws -> [String]
  func makeDirectory(_ path: String, mode: UInt32) throws
  func removeDirectory(_ path: String) throws
  func unlink(_ path: String) throws
  func rename(_ path: String, to: String) throws
  func symlink(target: String, path: String) throws
  func link(_ path: String, to: String) throws
  func readLink(_ path: String) throws -> String
  func chmod(_ path: String, mode: UInt32) throws
  func chown(_ path: String, uid: UInt32, gid: UInt32) throws
  /// utimensat(2) to now; creates the file when it is missing.
  func touch(_ path: String) throws
  func chdir(_ path: String) throws
  /// umask(2): sets the mask, and tells the old one.
  func umask(_ mask: UInt32) -> UInt32
  /// statfs(2) of the file system that holds `path`.
  func statfs(_ path: String) throws -> SimFileSystemUsage

  // Processes.
  /// fork + execve: the child's pid. `stdio` are the caller's descriptors that become the child's 0, 1, 2. Fails with
  /// ENOENT, EACCES, ENOEXEC as execve(2) does, and with EAGAIN over pids.max.
  func spawn(_ path: String, _ arguments: [String], environment: [String], stdio: [Int]) throws -> Int
  /// A forked child that runs `body` (a subshell).
  func fork(stdio: [Int], _ body: @escaping @Sendable (any SimProcess) async throws -> Int32) throws -> Int
  /// Replaces this program: the call does not come back but throws `ProcessReplaced`, which programs let pass.
  func exec(_ path: String, _ arguments: [String], environment: [String]) throws
  /// Waits for a child (any when nil): its pid and status (128 + signal when killed).
  func wait(_ pid: Int?) async throws -> (pid: Int, status: Int32)
  /// The same with WNOHANG: nil when no such child has ended yet. ECHILD when there is none.
  func tryWait(_ pid: Int?) throws -> (pid: Int, status: Int32)?
  /// A thread of this process: it ends with the process. What it throws is of no consequence.
  func thread(_ body: @escaping @Sendable () async throws -> Void)
  /// setpgid(2): 0 stands for this process, and for its own pid as the group's number.
  func setpgid(_ pid: Int, _ group: Int) throws
  /// tcsetpgrp(3): the process group that the terminal's Ctrl-C goes to.
  func setForegroundGroup(_ group: Int) throws
  /// setgroups(2), setresgid(2), setresuid(2): EPERM without CAP_SETUID and CAP_SETGID.
  func setCredentials(uid: UInt32, gid: UInt32, groups: [UInt32]) throws
  /// getrlimit(2): `RLIMIT_NOFILE` and the like; `UInt64.max` is infinity.
  func resourceLimit(_ name: String) -> (soft: UInt64, hard: UInt64)
  /// kill(2) with a pid of this pid namespace.
  func kill(_ pid: Int, _ signal: Int32) throws
  /// The processes of this pid namespace (what /proc shows).
  func processes() -> [SimProcessInfo]
  /// What `ps` shows as the command line from now on: the program writes over its arguments (setproctitle(3)).
  func setTitle(_ title: String)
  /// What a signal does to this process. PID 1 of a namespace ignores what it does not handle, except KILL and STOP
  /// from outside.
  func onSignal(_ signal: Int32, _ action: SignalAction)
  /// Waits for the next handled signal.
  func nextSignal() async throws -> Int32
  /// A handled signal that has come already; nil when there is none.
  func takeSignal() -> Int32?
  func sleep(_ nanoseconds: UInt64) async throws
  /// Uses memory of the cgroup: over the limit the OOM killer comes.
  func allocate(_ bytes: Int64) throws
  func free(_ bytes: Int64)
  /// Uses CPU time, in nanoseconds.
  func compute(_ nanoseconds: UInt64) async throws

  // The system.
  /// uname(2), sysinfo(2), sched_getaffinity(2).
  var system: SimSystem { get }
  func sethostname(_ name: String) throws
  func mounts() -> [SimMountInfo]
  func mount(source: String, target: String, type: String, flags: [String]) throws
  func unmount(_ target: String) throws
  func hasCapability(_ name: String) -> Bool
  func interfaces() -> [SimInterface]
  func routes() -> [SimRoute]
  /// A netlink request (`SimNetwork.netlink`): EPERM without CAP_NET_ADMIN.
  func netlink(_ operation: String, _ attributes: [String: String]) throws

  // The network, within the process's network namespace.
  /// Addresses of a name: /etc/hosts, then the resolver of /etc/resolv.conf. Empty when nobody knows it.
  func resolve(_ name: String) async throws -> [String]
  /// A question to one DNS server. Empty is NXDOMAIN; EAGAIN when the server fails or does not answer.
  func query(server: String, name: String) async throws -> [String]
  /// connect(2) over TCP; ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT.
  func connect(_ address: String, _ port: Int) async throws -> Duplex
  /// connect(2) to a socket of the file system; ENOENT, EACCES, ECONNREFUSED.
  func connect(local path: String) async throws -> Duplex
  /// listen(2) on TCP; EADDRINUSE, EACCES below 1024 without CAP_NET_BIND_SERVICE.
  func listen(_ address: String, _ port: Int) throws -> SimListener
  /// An ICMP echo: the round trip in nanoseconds; nil when no answer comes.
  func ping(_ address: String) async throws -> UInt64?
}

public enum OpenMode: Sendable, Hashable { case read, write, append }

/// A process was told to die; every system call of it throws this.
public struct ProcessKilled: Error, Sendable {}

/// A process went on as another program (execve).
public struct ProcessReplaced: Error, Sendable {}

public enum SignalAction: Sendable, Hashable { case `default`, ignore, handle }

/// stat(2).
public struct SimStat: Sendable, Hashable {
  public enum Kind: Sendable, Hashable { case file, directory, symlink, fifo, characterDevice, blockDevice, socket }
  public var kind: Kind
  /// Permission bits with setuid, setgid, sticky.
  public var mode: UInt32
  public var uid: UInt32
  public var gid: UInt32
  public var size: Int64
  public var links: Int
  /// Seconds since 1970.
  public var modified: Int64
  public var inode: UInt64
  public var device: (major: UInt32, minor: UInt32)?
  public init(
    kind: Kind, mode: UInt32, uid: UInt32, gid: UInt32, size: Int64, links: Int, modified: Int64, inode: UInt64,
    device: (major: UInt32, minor: UInt32)? = nil
  ) {
    (self.kind, self.mode, self.uid, self.gid, self.size) = (kind, mode, uid, gid, size)
    (self.links, self.modified, self.inode, self.device) = (links, modified, inode, device)
  }
  public static func == (a: SimStat, b: SimStat) -> Bool { a.inode == b.inode && a.kind == b.kind }
  public func hash(into hasher: inout Hasher) { hasher.combine(inode) }
}

/// What statfs(2) tells, in bytes.
public struct SimFileSystemUsage: Sendable, Hashable {
  public var total: Int64
  public var used: Int64
  public var available: Int64
  public init(total: Int64, used: Int64, available: Int64) {
    (self.total, self.used, self.available) = (total, used, available)
  }
}

/// The machine as a process sees it.
public struct SimSystem: Sendable, Hashable {
  /// uname(2): `6.8.0-45-generic`, `#45-Ubuntu SMP …`, `x86_64`.
  public var release: String
  public var version: String
  public var machine: String
  /// The CPUs that the process may run on (its cpuset).
  public var cpus: Int
  /// Bytes.
  public var memoryTotal: Int64
  public var memoryUsed: Int64
  public var swapTotal: Int64
  /// Nanoseconds since the machine started.
  public var uptime: UInt64
  public init(
    release: String, version: String, machine: String, cpus: Int, memoryTotal: Int64, memoryUsed: Int64,
    swapTotal: Int64, uptime: UInt64
  ) {
    (self.release, self.version, self.machine, self.cpus) = (release, version, machine, cpus)
    (self.memoryTotal, self.memoryUsed, self.swapTotal, self.uptime) = (memoryTotal, memoryUsed, swapTotal, uptime)
  }
}

/// One line of `ps`.
public struct SimProcessInfo: Sendable, Hashable {
  public var pid: Int
  public var ppid: Int
  public var uid: UInt32
  /// `R`, `S`, `T`, `Z`, `D`.
  public var state: String
  /// Nanoseconds of CPU, and bytes.
  public var cpu: UInt64
  public var memory: Int64
  public var startedAt: UInt64
  public var arguments: [String]
  public init(
    pid: Int, ppid: Int, uid: UInt32, state: String, cpu: UInt64, memory: Int64, startedAt: UInt64, arguments: [String]
  ) {
    (self.pid, self.ppid, self.uid, self.state) = (pid, ppid, uid, state)
    (self.cpu, self.memory, self.startedAt, self.arguments) = (cpu, memory, startedAt, arguments)
  }
}

/// One line of /proc/self/mounts.
public struct SimMountInfo: Sendable, Hashable {
  public var source: String
  public var target: String
  public var type: String
  public var options: [String]
  public init(source: String, target: String, type: String, options: [String]) {
    (self.source, self.target, self.type, self.options) = (source, target, type, options)
  }
}

/// A network interface.
public struct SimInterface: Sendable, Hashable {
  public var index: Int
  public var name: String
  public var isUp: Bool
  public var mtu: Int
  public var macAddress: String
  /// `172.17.0.2`, 16; empty when it has none.
  public var address: String
  public var prefixLength: Int
  /// Index of the other end of a veth pair.
  public var peerIndex: Int?
  /// The bridge that this interface is a port of (`docker0`); empty when none.
  public var master: String
  /// False for a bridge without ports.
  public var hasCarrier: Bool
  /// What went through since it is there: bytes with the link layer's headers, and packets.
  public var statistics: SimInterfaceStatistics
  public init(
    index: Int, name: String, isUp: Bool, mtu: Int, macAddress: String, address: String, prefixLength: Int,
    peerIndex: Int? = nil, master: String = "", hasCarrier: Bool = true,
    statistics: SimInterfaceStatistics = SimInterfaceStatistics()
  ) {
    (self.index, self.name, self.isUp, self.mtu, self.macAddress) = (index, name, isUp, mtu, macAddress)
    (self.address, self.prefixLength, self.peerIndex) = (address, prefixLength, peerIndex)
    (self.master, self.hasCarrier, self.statistics) = (master, hasCarrier, statistics)
  }
}

/// The counters of an interface (`/sys/class/net/IF/statistics`).
public struct SimInterfaceStatistics: Sendable, Hashable {
  public var rxBytes: UInt64 = 0
  public var rxPackets: UInt64 = 0
  public var txBytes: UInt64 = 0
  public var txPackets: UInt64 = 0
  public init() {}
}

/// A route.
public struct SimRoute: Sendable, Hashable {
  /// `default` or `172.17.0.0/16`.
  public var destination: String
  /// Empty when the destination is on the link.
  public var gateway: String
  public var interface: String
  /// The preferred source address; empty when none is set.
  public var source: String
  public init(destination: String, gateway: String, interface: String, source: String = "") {
    (self.destination, self.gateway, self.interface, self.source) = (destination, gateway, interface, source)
  }
}

/// A listening TCP socket.
public protocol SimListener: Sendable {
  /// The port that it listens on (the one chosen when 0 was asked for).
  var port: Int { get }
  /// The next connection, and who it is from: `172.17.0.3:41234`. EBADF once it is closed.
  func accept() async throws -> (connection: Duplex, peer: String)
  func close()
}

/// A program of an image. Executable files name theirs: their content is `\u{7F}ELF` + `drydock:NAME`.
public protocol SimProgram: Sendable {
  /// Runs to the end; the exit status.
  func main(_ process: any SimProcess) async throws -> Int32
}

/// The programs, by name. Executable files say which they are.
public struct ProgramTable: Sendable {
  public private(set) var programs: [String: any SimProgram] = [:]
  public init() {}
  public mutating func register(_ name: String, _ program: any SimProgram) { programs[name] = program }
  public subscript(name: String) -> (any SimProgram)? { programs[name] }

  /// The content of an executable file for program `name`.
  public static func executable(_ name: String) -> [UInt8] { Array("\u{7F}ELFdrydock:\(name)\n".utf8) }
  /// The program that an executable file's content names.
  public static func programName(of content: [UInt8]) -> String? {
    let magic = Array("\u{7F}ELFdrydock:".utf8)
    guard content.starts(with: magic) else { return nil }
    return String(decoding: content.dropFirst(magic.count).prefix { $0 != 10 }, as: UTF8.self)
  }
}
