import CLinux
import Glibc
import Runtime

/// The FIFO at which a created container sleeps until it is started.
///
/// The container's process writes a byte as soon as the FIFO has a reader; the reader is `start`.
public struct ExecFIFO: Sendable {
  /// The FIFO itself, O_PATH: neither its path nor the process's root matters when it is opened later. Nothing lies
  /// below it: who gets hold of it inside the container gets nowhere.
  let place: Int32
  /// `/proc/self/fd` of a procfs that is the container's own; see `prepare`.
  private var folder: Result<Int32, Errno> = .failure(.EBADF)

  /// Opens the FIFO's place; to be called in the host's mount namespace, by the process that will sleep or a parent of
  /// it.
  public init(_ path: String) throws(Errno) {
    guard let place = LinuxKernel.open(file: path, Linux.oPath | O_CLOEXEC | O_NOFOLLOW) else {
      throw Errno(number: errno)
    }
    var status = stat()
    guard fstat(place, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
      _ = close(place)
      throw .EINVAL
    }
    self.place = place
  }

  /// To be called in the container's root, while the process still has its privileges: finds the procfs through which
  /// the FIFO will be opened again. No descriptor that leads to the host may stay open, for a process of a privileged
  /// container could follow it while this one sleeps (`/proc/1/fd/N/..`).
  public mutating func prepare(_ kernel: LinuxKernel) {
    kernel.forget()
    do throws(Errno) {
      folder = .success(try kernel.openProc("self/fd", Linux.oPath | O_DIRECTORY).release())
    } catch { folder = .failure(error) }
    kernel.forget()
  }

  /// Sleeps until somebody opens the FIFO for reading, and says with a byte that this process lives. The FIFO stays open
  /// until the program is executed: its reader can wait for that.
  public func await() throws(Errno) {
    let folder = try folder.get()
    var file: Int32 = -1
    repeat { file = openat(folder, "\(place)", O_WRONLY | O_CLOEXEC) } while file < 0 && errno == EINTR
    if file < 0 { throw Errno(number: errno) }
    var byte = UInt8(ascii: "0")
    if write(file, &byte, 1) != 1 { throw Errno(number: errno) }
  }

  /// The other end: who comes to the FIFO while it is open does not sleep.
  public struct Reader: Sendable {
    public let descriptor: Int32

    public init(_ path: String) throws(Errno) {
      guard let file = LinuxKernel.open(file: path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW) else {
        throw Errno(number: errno)
      }
      descriptor = file
    }

    /// Whether a byte was there; it is read.
    public var hasByte: Bool {
      var byte: UInt8 = 0
      return read(descriptor, &byte, 1) == 1
    }

    /// Waits until the writer has executed its program, or ended.
    public func awaitExecution() {
      var byte: UInt8 = 0
      while true {
        _ = LinuxKernel.poll([descriptor])
        if read(descriptor, &byte, 1) == 0 { return }
      }
    }

    public func close() { _ = Glibc.close(descriptor) }
  }

  /// Lets who sleeps at `path` go on, and waits for its byte; `untilExecuted`: until its program is executed. EAGAIN when
  /// `sleeper` has ended instead.
  public static func release(
    _ path: String, sleeper: ChildProcess, untilExecuted: Bool = false
  ) throws(Errno) {
    let reader = try Reader(path)
    defer { reader.close() }
    while true {
      let ready = LinuxKernel.poll([reader.descriptor, sleeper.descriptor])
      // A short program may have ended since the FIFO was looked at: its byte is there all the same.
      let hasEnded = ready.contains(sleeper.descriptor)
      if reader.hasByte {
        if untilExecuted { reader.awaitExecution() }
        return
      }
      if hasEnded { throw .EAGAIN }
    }
  }
}
