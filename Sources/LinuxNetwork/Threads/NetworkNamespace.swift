import CNetwork
import Glibc
import Runtime

/// An open network namespace (network_namespaces(7)).
struct NetworkNamespace: ~Copyable {
  let descriptor: Int32
  /// What it is known by: the device and the inode of its file.
  let identity: Identity

  struct Identity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
  }

  /// The namespace of a process; ESRCH when it has ended (one that nobody has waited for yet has none either).
  init(pid: Int) throws(Errno) {
    do { try self.init(path: "/proc/\(pid)/ns/net") } catch { throw error == .ENOENT ? .ESRCH : error }
  }

  /// The namespace that the calling thread is in.
  init() throws(Errno) { try self.init(path: "/proc/thread-self/ns/net") }

  init(path: String) throws(Errno) {
    let result = cnetwork_open(path, O_RDONLY)
    guard result >= 0 else { throw Errno(number: Int32(-result)) }
    var status = stat()
    guard fstat(Int32(result), &status) == 0 else {
      let failure = Errno(number: errno)
      close(Int32(result))
      throw failure
    }
    self.init(
      Int32(result), Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
  }

  private init(_ descriptor: Int32, _ identity: Identity) { (self.descriptor, self.identity) = (descriptor, identity) }

  deinit { close(descriptor) }

  /// Performs `body` with the calling thread inside, and takes it back to `home`. Only on a thread that is nobody
  /// else's: what runs on it meanwhile would be inside too.
  func enter<R>(from home: borrowing NetworkNamespace, _ body: () throws -> R) throws -> R {
    let entered = cnetwork_setns(descriptor)
    guard entered == 0 else { throw Errno(number: Int32(-entered)) }
    let result = Result { try body() }
    // The way back is to where this thread had come from, by a descriptor that is open: only a lost capability could
    // refuse it, and to go on in a container's namespace would be worse than to end.
    guard cnetwork_setns(home.descriptor) == 0 else {
      preconditionFailure("setns back to the host's network namespace: \(Errno(number: errno))")
    }
    return try result.get()
  }
}
