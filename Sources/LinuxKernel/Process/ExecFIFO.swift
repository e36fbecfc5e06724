import CLinux
import Glibc
import Runtime

/// The FIFO at which a created container sleeps until it is started.
///
/// The container's process writes a byte as soon as the FIFO has a reader; the reader is `start`.
public struct ExecFIFO: Sendable {
  /// The FIFO itself, O_PATH: neither its path nor the process's root matters when it is opened later.
  let place: Int32
  /// `/proc/self/fd` of the host's procfs: the container's own /proc may be missing, or be anything.
  let folder: Int32

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
    // The number of this folder is that of the process that looks: a link of procfs's root leads there.
    guard let folder = LinuxKernel.open(file: "/proc", Linux.oPath | O_DIRECTORY | O_CLOEXEC) else {
      throw Errno(number: errno)
    }
    self.folder = folder
  }

  /// Sleeps until somebody opens the FIFO for reading, and says with a byte that this process lives.
  public func await() throws(Errno) {
    var file: Int32 = -1
    repeat { file = openat(folder, "self/fd/\(place)", O_WRONLY | O_CLOEXEC) } while file < 0 && errno == EINTR
    if file < 0 { throw Errno(number: errno) }
    var byte = UInt8(ascii: "0")
    let count = write(file, &byte, 1)
    let error = errno
    _ = close(file)
    if count != 1 { throw Errno(number: error) }
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

    public func close() { _ = Glibc.close(descriptor) }
  }

  /// Lets who sleeps at `path` go on, and waits for its byte. EAGAIN when `sleeper` has ended instead.
  public static func release(_ path: String, sleeper: ChildProcess) throws(Errno) {
    guard let file = LinuxKernel.open(file: path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW) else {
      throw Errno(number: errno)
    }
    defer { _ = close(file) }
    while true {
      let ready = LinuxKernel.poll([file, sleeper.descriptor])
      // A short program may have ended since the FIFO was looked at: its byte is there all the same.
      let hasEnded = ready.contains(sleeper.descriptor)
      if hasEnded || ready.contains(file) {
        var byte: UInt8 = 0
        let count = read(file, &byte, 1)
        if count == 1 { return }
        if count < 0, errno != EAGAIN, errno != EINTR { throw Errno(number: errno) }
      }
      if hasEnded { throw .EAGAIN }
    }
  }
}
