import Runtime
import Seams

/// A pipe: the channel and how many hold either end.
final class FIFO {
  let channel: ByteChannel
  /// Its number in pipefs: `pipe:[4711]`.
  let number: Int
  var readers = 0
  var writers = 0
  /// Both ends were open and are closed: whoever opens the FIFO again gets a new pipe.
  var isSpent = false
  /// Processes of containers that sleep here until they are started, by the host's pid.
  var sleepers: [Int] = []
  init(number: Int, _ channel: ByteChannel = ByteChannel()) { (self.number, self.channel) = (number, channel) }
}

/// An open file description (open(2)): what descriptors, also of several processes, point at.
final class OpenFile {
  enum Target {
    /// A file of a file system, and where reading goes on.
    case file(Path)
    case pipe(FIFO, writes: Bool)
    /// A stream from outside of the model: a standard stream of a container.
    case input(ByteChannel)
    case output(ByteChannel)
    case terminal(Terminal)
    case null
    case zero
    case full
    case random
  }
  let target: Target
  let mode: OpenMode
  /// How many descriptors point here.
  var references = 0
  var offset: Int64 = 0
  /// What a generated file (`/proc`) said when it was first read.
  var snapshot: [UInt8]?

  init(_ target: Target, _ mode: OpenMode) { (self.target, self.mode) = (target, mode) }

  var terminal: Terminal? { if case .terminal(let terminal) = target { terminal } else { nil } }
  var path: Path? { if case .file(let path) = target { path } else { nil } }

  /// What `/proc/PID/fd/N` leads to.
  func text(_ kernel: KernelState, root: Path?) -> String {
    switch target {
    case .file(let path): kernel.pathText(path, root: root)
    case .pipe(let fifo, _): "pipe:[\(fifo.number)]"
    case .input, .output: "pipe:[0]"
    case .terminal(let terminal): "/dev/pts/\(terminal.number)"
    case .null: "/dev/null"
    case .zero: "/dev/zero"
    case .full: "/dev/full"
    case .random: "/dev/urandom"
    }
  }
}

extension KernelState {
  /// Puts `file` at descriptor `fd`, closing what was there.
  func install(_ file: OpenFile, at fd: Int, in process: LinuxProcess) {
    file.references += 1
    if let old = process.files.updateValue(file, forKey: fd) { release(old) }
  }

  /// The lowest free descriptor. EMFILE over RLIMIT_NOFILE.
  func install(_ file: OpenFile, in process: LinuxProcess) throws(Errno) -> Int {
    var fd = 0
    while process.files[fd] != nil { fd += 1 }
    guard UInt64(fd) < process.limits.get("RLIMIT_NOFILE")?.soft ?? .max else { throw .EMFILE }
    install(file, at: fd, in: process)
    return fd
  }

  func closeDescriptor(_ fd: Int, in process: LinuxProcess) {
    if let file = process.files.removeValue(forKey: fd) { release(file) }
  }

  func descriptor(_ fd: Int, in process: LinuxProcess) throws(Errno) -> OpenFile {
    guard let file = process.files[fd] else { throw .EBADF }
    return file
  }

  /// One descriptor less; the last one closes the file.
  func release(_ file: OpenFile) {
    file.references -= 1
    guard file.references <= 0 else { return }
    switch file.target {
    case .pipe(let fifo, let writes):
      if writes {
        fifo.writers -= 1
        if fifo.writers == 0 { deferred.append(.closeWriting(fifo.channel)) }
      } else {
        fifo.readers -= 1
        if fifo.readers == 0 { deferred.append(.closeReading(fifo.channel)) }
      }
      if fifo.readers == 0, fifo.writers == 0 { fifo.isSpent = true }
    case .input(let channel): deferred.append(.closeReading(channel))
    case .output(let channel): deferred.append(.closeWriting(channel))
    case .terminal(let terminal): closeSlave(terminal)
    default: break
    }
  }

  func closeAll(_ process: LinuxProcess) {
    let files = process.files
    process.files = [:]
    for (_, file) in files.sorted(by: { $0.key < $1.key }) { release(file) }
  }

  /// pipe(2).
  func makePipe(_ process: LinuxProcess) throws(Errno) -> (Int, Int) {
    let fifo = FIFO(number: nextPipeNumber())
    (fifo.readers, fifo.writers) = (1, 1)
    let reader = try install(OpenFile(.pipe(fifo, writes: false), .read), in: process)
    do throws(Errno) {
      return (reader, try install(OpenFile(.pipe(fifo, writes: true), .write), in: process))
    } catch {
      closeDescriptor(reader, in: process)
      throw error
    }
  }

  /// dup2(2).
  func duplicate(_ old: Int, _ new: Int, in process: LinuxProcess) throws(Errno) {
    let file = try descriptor(old, in: process)
    guard new >= 0, UInt64(new) < process.limits.get("RLIMIT_NOFILE")?.soft ?? .max else { throw .EBADF }
    if old != new { install(file, at: new, in: process) }
  }
}
