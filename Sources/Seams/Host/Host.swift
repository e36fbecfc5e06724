import JSONTree
import Runtime

/// FIFOs by path: how dockerd, containerd's clients and the shim pass the standard streams of a process.
public protocol FIFOs: Sendable {
  /// mkfifo(3); creates the folders above. Making one that exists changes nothing.
  func make(_ path: String) throws
  /// The channel behind a path; nil when there is no FIFO.
  func channel(_ path: String) -> ByteChannel?
  func remove(_ path: String)
}

/// What a file of the host is.
public struct HostFileInfo: Sendable, Hashable {
  public enum Kind: Sendable, Hashable { case file, directory, symlink, other }
  public var kind: Kind
  public var mode: UInt32
  public var size: Int64
  public var uid: UInt32
  public var gid: UInt32
  /// Of a device node (kind `other`).
  public var device: HostDevice?
  /// Where a symbolic link points (`lstat`).
  public var linkTarget: String
  /// Modification time, seconds since 1970.
  public var modified: Int64
  public init(
    kind: Kind, mode: UInt32, size: Int64, uid: UInt32 = 0, gid: UInt32 = 0, device: HostDevice? = nil,
    linkTarget: String = "", modified: Int64 = 0
  ) {
    (self.kind, self.mode, self.size, self.uid, self.gid) = (kind, mode, size, uid, gid)
    (self.device, self.linkTarget, self.modified) = (device, linkTarget, modified)
  }
}

/// A device node: what `docker run --device` hands on.
public struct HostDevice: Sendable, Hashable {
  /// `c`, `b`, `p`.
  public var type: String
  public var major: Int64
  public var minor: Int64
  public init(type: String, major: Int64, minor: Int64) { (self.type, self.major, self.minor) = (type, major, minor) }
}

/// The daemon's view of its host's files and mounts (in trace mode: of the simulated host).
public protocol HostFiles: Sendable {
  /// Nil when there is nothing. Follows symbolic links.
  func stat(_ path: String) -> HostFileInfo?
  func read(_ path: String) throws(Errno) -> [UInt8]
  /// Creates or replaces; the folder must exist.
  func write(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(Errno)
  func append(_ path: String, _ bytes: [UInt8]) throws(Errno)
  /// With the folders above it.
  func makeDirectory(_ path: String, mode: UInt32) throws(Errno)
  func list(_ path: String) throws(Errno) -> [String]
  /// With everything below it; nothing there is no error. Refuses mount points (EBUSY).
  func removeAll(_ path: String) throws(Errno)
  func rename(_ path: String, to: String) throws(Errno)
  func mount(source: String, target: String, type: String, options: [String]) throws(Errno)
  /// Lazily; no mount there is no error.
  func unmount(_ path: String) throws(Errno)
  /// An archive (tar) of `path`; its entries' names begin with the last component. For `docker cp` out.
  func archive(_ path: String, root: String) throws(Errno) -> [UInt8]
  /// Unpacks a tar below `path`, resolving within `root`. For `docker cp` in.
  func extract(_ archive: [UInt8], to path: String, root: String) throws(Errno)
  /// Bytes below `path`.
  func usage(_ path: String) -> Int64
  /// lstat(2): like `stat`, but says of a symbolic link what it is.
  func lstat(_ path: String) -> HostFileInfo?
  /// openat2(2) with RESOLVE_IN_ROOT: the host path of `path` with each link, also the last, resolved as if `root` were
  /// `/`. The answer begins with `root`; components that do not exist stay as they are.
  func resolve(_ path: String, root: String) throws(Errno) -> String
  /// symlink(2); the folder must exist.
  func symlink(target: String, _ path: String) throws(Errno)
}

extension HostFiles {
  public func lstat(_ path: String) -> HostFileInfo? { stat(path) }
  public func resolve(_ path: String, root: String) throws(Errno) -> String {
    path.hasPrefix("/") ? root + path : root + "/" + path
  }
  public func symlink(target: String, _ path: String) throws(Errno) { throw .ENOSYS }
}

/// Waiting for processes whose parent we are (the shim is the subreaper of its container).
public protocol Processes: Sendable {
  /// Waits for the end of `pid`: its exit status, 128 + signal when it was killed by one.
  func wait(_ pid: Int) async -> Int
  /// Whether the OOM killer took a process of this one's cgroup since it started.
  func wasOOMKilled(_ pid: Int) -> Bool
  /// The processes of the cgroup at `path` (host pids).
  func members(cgroup path: String) -> [Int]
  /// `ps -ef` like facts of one process; nil when it is gone.
  func info(_ pid: Int) -> HostProcessInfo?
  /// The pid of the calling part as the host numbers it; a shim has one of its own each.
  func spawnPart(_ name: String, arguments: [String]) -> Int
  /// The same, as a child of the part `parent`: a runtime is its shim's, so that the shim gets the container's process.
  func spawnPart(_ name: String, arguments: [String], parent: Int) -> Int
  /// Ends a part that `spawnPart` began.
  func endPart(_ pid: Int)
  /// kill(2) by `part`, which `spawnPart` began: how a shim signals an exec process. Throws ESRCH when it is gone.
  func kill(_ pid: Int, signal: Int, by part: Int) throws(Errno)
  /// ioctl TIOCSWINSZ on the terminal that `pid` was given: its foreground group gets SIGWINCH. Nothing without one.
  func resizeTerminal(of pid: Int, rows: Int, columns: Int)
  /// The counters of a cgroup in the form of `data` in runc's `events --stats`: `cpu`, `memory`, `pids`, `blkio`, ….
  /// Nil when there is no such cgroup.
  func statistics(cgroup path: String) -> JSON?
}

extension Processes {
  public func kill(_ pid: Int, signal: Int, by part: Int) throws(Errno) { throw .ENOSYS }
  public func resizeTerminal(of pid: Int, rows: Int, columns: Int) {}
  public func statistics(cgroup path: String) -> JSON? { nil }
  public func spawnPart(_ name: String, arguments: [String], parent: Int) -> Int {
    spawnPart(name, arguments: arguments)
  }
}

/// What `ps` shows of a process.
public struct HostProcessInfo: Sendable, Hashable {
  public var pid: Int
  public var ppid: Int
  public var uid: UInt32
  /// Seconds since 1970.
  public var started: UInt64
  /// Nanoseconds of CPU.
  public var cpu: UInt64
  public var tty: String
  public var command: String
  public init(pid: Int, ppid: Int, uid: UInt32, started: UInt64, cpu: UInt64, tty: String, command: String) {
    (self.pid, self.ppid, self.uid, self.started) = (pid, ppid, uid, started)
    (self.cpu, self.tty, self.command) = (cpu, tty, command)
  }
}
