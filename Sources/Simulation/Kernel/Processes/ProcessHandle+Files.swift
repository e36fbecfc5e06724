import Runtime
import Seams

extension ProcessHandle {
  // MARK: Descriptors

  private enum Source: Sendable {
    case bytes([UInt8])
    case end
    case channel(ByteChannel)
    case network(NetworkFile, Int)
  }

  func read(_ fd: Int, _ limit: Int) async throws -> [UInt8]? {
    guard limit > 0 else { return [] }
    try await charge(0)
    let source = try await until { state, process throws(Errno) -> Source? in
      let file = try state.descriptor(fd, in: process)
      switch file.target {
      case .file(let path):
        if case .network(let which, let id)? = file.snapshot == nil ? try path.inode.read() : nil {
          return .network(which, id)
        }
        return ProcessHandle.take(file, try ProcessHandle.content(file, path), limit)
      case .pipe(let fifo, let writes):
        if writes { throw .EBADF }
        return .channel(fifo.channel)
      case .input(let channel): return .channel(channel)
      case .output: throw .EBADF
      case .terminal(let terminal): return try ProcessHandle.take(terminal, process, state, limit)
      case .null: return .end
      case .full, .zero: return .bytes([UInt8](repeating: 0, count: min(limit, 65_536)))
      case .random: return .bytes(state.world.randomBytes(min(limit, 65_536)))
      }
    }
    switch source {
    case .bytes(let bytes): return bytes
    case .end: return nil
    case .network(let which, let id):
      let bytes = try kernel.bytes(of: .network(which, namespace: id))
      return try call { state, process throws(Errno) -> [UInt8]? in
        let file = try state.descriptor(fd, in: process)
        file.snapshot = bytes
        if case .bytes(let part) = ProcessHandle.take(file, bytes, limit) { return part }
        return nil
      }
    case .channel(let channel):
      if let bytes = channel.tryRead(limit) { return bytes.isEmpty ? nil : bytes }
      return try await outside { await channel.read(limit) }
    }
  }

  /// What a file has; generated ones as they were at the first read.
  private static func content(_ file: OpenFile, _ path: Path) throws(Errno) -> [UInt8] {
    if let snapshot = file.snapshot { return snapshot }
    guard case .bytes(let bytes) = try path.inode.read() else { return [] }
    if !(path.inode.fs is MemoryFileSystem || path.inode.fs is OverlayFileSystem) { file.snapshot = bytes }
    return bytes
  }

  private static func take(_ file: OpenFile, _ bytes: [UInt8], _ limit: Int) -> Source {
    let start = Int(file.offset)
    guard start < bytes.count else { return .end }
    let end = min(bytes.count, start + min(limit, bytes.count - start))
    file.offset = Int64(end)
    return .bytes(start == 0 && end == bytes.count ? bytes : Array(bytes[start..<end]))
  }

  private static func take(
    _ terminal: Terminal, _ process: LinuxProcess, _ state: KernelState, _ limit: Int
  ) throws(Errno) -> Source? {
    if terminal.isHungUp { return .end }
    if process.terminal === terminal, terminal.foreground != 0, terminal.foreground != process.groupID {
      // Background processes may not read: SIGTTIN stops them.
      if process.dispositions[Signal.ttin] == .ignore { throw .EIO }
      state.signalGroup(process.groupID, Signal.ttin)
      return nil
    }
    guard let first = terminal.ready.first else {
      terminal.readers.append(process.pid)
      return nil
    }
    if first.count > limit {
      terminal.ready[0] = Array(first[limit...])
      return .bytes(Array(first[..<limit]))
    }
    terminal.ready.removeFirst()
    return first.isEmpty ? .end : .bytes(first)
  }

  private enum Sink: Sendable {
    case done
    case channel(ByteChannel)
  }

  func write(_ fd: Int, _ bytes: [UInt8]) async throws {
    try await charge(bytes.count)
    var bytes = bytes
    let given = bytes
    let (sink, isTerminal) = try await until { state, process throws(Errno) -> (Sink, Bool)? in
      let file = try state.descriptor(fd, in: process)
      switch file.target {
      case .file(let path):
        guard file.mode != .read else { throw .EBADF }
        try state.write(given, to: file, path)
        return (.done, false)
      case .pipe(let fifo, let writes):
        guard writes else { throw .EBADF }
        return (.channel(fifo.channel), false)
      case .output(let channel): return (.channel(channel), false)
      case .input: throw .EBADF
      case .terminal(let terminal):
        if terminal.isHungUp { throw .EIO }
        guard let display = terminal.display else {
          terminal.unsent += KernelState.processed(given)
          return (.done, true)
        }
        return (.channel(display), true)
      case .null, .zero, .random: return (.done, false)
      case .full: throw .ENOSPC
      }
    }
    guard case .channel(let channel) = sink else { return }
    if isTerminal { bytes = KernelState.processed(bytes) }
    let isAccepted = await channel.write(bytes)
    try call { state, process throws(Errno) in
      if isAccepted || isTerminal { return }
      state.brokenPipe(process)
      throw .EPIPE
    }
  }

  func open(_ path: String, _ mode: OpenMode) throws -> Int {
    try call("openat") { state, process throws(Errno) in
      try state.install(try state.open(path, mode, process), in: process)
    }
  }

  func close(_ fd: Int) { ask(()) { state, process in state.closeDescriptor(fd, in: process) } }
  func pipe() throws -> (Int, Int) { try call("pipe2") { state, process throws(Errno) in try state.makePipe(process) } }
  func dup2(_ old: Int, _ new: Int) throws {
    try call("dup2") { state, process throws(Errno) in try state.duplicate(old, new, in: process) }
  }
  var isTerminal: Bool { isTerminal(0) }
  func isTerminal(_ fd: Int) -> Bool { ask(false) { $1.files[fd]?.terminal != nil } }
  func terminalSize(_ fd: Int) -> (rows: Int, columns: Int)? {
    ask(nil) { _, process in process.files[fd]?.terminal.map { ($0.rows, $0.columns) } }
  }

  // MARK: Files

  func readFile(_ path: String) throws -> [UInt8] {
    try kernel.bytes(of: try call("openat") { state, _ throws(Errno) in try state.readFile(path) })
  }
  func stat(_ path: String, followLinks: Bool) throws -> SimStat {
    try call(followLinks ? "stat" : "lstat") { state, _ throws(Errno) in
      state.stat(try state.resolve(path, followLinks ? .follow : []).inode)
    }
  }
  func list(_ path: String) throws -> [String] {
    try call("getdents64") { state, _ throws(Errno) in try state.list(path) }
  }
  func makeDirectory(_ path: String, mode: UInt32) throws {
    try call("mkdir") { state, _ throws(Errno) in try state.mkdir(KernelPath(path), mode: mode) }
  }
  func removeDirectory(_ path: String) throws {
    try call("rmdir") { state, _ throws(Errno) in try state.unlink(KernelPath(path), folder: true) }
  }
  func unlink(_ path: String) throws {
    try call("unlink") { state, _ throws(Errno) in try state.unlink(KernelPath(path), folder: false) }
  }
  func rename(_ path: String, to: String) throws {
    try call("rename") { state, _ throws(Errno) in try state.rename(path, to) }
  }
  func symlink(target: String, path: String) throws {
    try call("symlink") { state, _ throws(Errno) in try state.symlink(target, KernelPath(path)) }
  }
  func link(_ path: String, to: String) throws {
    try call("link") { state, _ throws(Errno) in try state.link(path, to) }
  }
  func readLink(_ path: String) throws -> String {
    try call("readlink") { state, _ throws(Errno) in try state.readLink(path) }
  }
  func chmod(_ path: String, mode: UInt32) throws {
    try call("chmod") { state, _ throws(Errno) in try state.chmod(KernelPath(path), mode: mode) }
  }
  func chown(_ path: String, uid: UInt32, gid: UInt32) throws {
    try call("chown") { state, _ throws(Errno) in try state.chown(KernelPath(path), uid: uid, gid: gid) }
  }
  func touch(_ path: String) throws { try call("utimensat") { state, _ throws(Errno) in try state.touch(path) } }
  func chdir(_ path: String) throws { try call("chdir") { state, _ throws(Errno) in try state.chdir(path) } }
  func umask(_ mask: UInt32) -> UInt32 {
    ask(0o022) { _, process in
      defer { process.umask = mask & 0o777 }
      return process.umask
    }
  }
  func statfs(_ path: String) throws -> SimFileSystemUsage {
    try call("statfs") { state, _ throws(Errno) in
      let usage = try state.resolve(path).inode.fs.usage()
      return SimFileSystemUsage(total: usage.total, used: usage.used, available: max(0, usage.total - usage.used))
    }
  }
}

extension KernelState {
  /// open(2): to read; to write from the start (O_CREAT | O_TRUNC); to append.
  func open(_ path: String, _ mode: OpenMode, _ process: LinuxProcess) throws(Errno) -> OpenFile {
    let place = mode == .read ? try resolve(path) : try createFile(KernelPath(path), mode: 0o666)
    let inode = place.inode
    if inode.isDirectory { throw .EISDIR }
    if mode == .read { try mayRead(inode, .read) } else { try mayWrite(place) }
    switch inode.kind {
    case .characterDevice, .blockDevice: return try openDevice(place, mode, process)
    case .fifo:
      guard let fifo = inode.fifo else { throw .ENXIO }
      if mode == .read { fifo.readers += 1 } else { fifo.writers += 1 }
      return OpenFile(.pipe(fifo, writes: mode != .read), mode)
    case .socket: throw .ENXIO
    default: break
    }
    if inode is NamespaceInode, mode != .read { throw .EACCES }
    let file = OpenFile(.file(place), mode)
    if mode == .write { try inode.truncate() }
    return file
  }

  private func openDevice(_ place: Path, _ mode: OpenMode, _ process: LinuxProcess) throws(Errno) -> OpenFile {
    let isGenerated = place.inode is MemoryNode
    if place.mount.flags.contains(.noDev) { throw .EACCES }
    let device = place.inode.device
    if !isGenerated {
      try mayOpenDevice(place, mode == .read ? "r" : "w")
    } else if !deviceAllowed(process, kind: .characterDevice, device, mode == .read ? "r" : "w") {
      throw .EPERM
    }
    if place.inode.kind == .blockDevice { return OpenFile(.file(place), mode) }
    switch (device.major, device.minor) {
    case (1, 3): return OpenFile(.null, mode)
    case (1, 5): return OpenFile(.zero, mode)
    case (1, 7): return OpenFile(.full, mode)
    case (1, 8), (1, 9): return OpenFile(.random, mode)
    case (5, 0), (5, 1), (136, _):
      let terminal = (place.inode as? TerminalNode)?.terminal ?? process.terminal
      guard let terminal, device.major == 5 || place.inode is TerminalNode || terminal.number == device.minor else {
        throw .ENXIO
      }
      if terminal.isHungUp { throw .EIO }
      terminal.slaves += 1
      return OpenFile(.terminal(terminal), mode)
    default: throw .ENXIO
    }
  }

  func write(_ bytes: [UInt8], to file: OpenFile, _ path: Path) throws(Errno) {
    if path.mount.isReadOnly { throw .EROFS }
    if file.mode == .append {
      try path.inode.write(bytes, at: nil)
      return
    }
    try path.inode.write(bytes, at: file.offset)
    file.offset += Int64(bytes.count)
  }
}
