import CSeccomp
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Sees every call of some kinds that this process makes (seccomp_unotify(2)), counts them by kind, and kills the
/// process just before a given one. A thread that was there before the filter watches the others.
final class CallWatch: Sendable {
  /// What changes a disk.
  static let kinds = [
    "openat2", "mkdirat", "mkdir", "write", "pwrite64", "renameat", "renameat2", "fsync", "fdatasync", "syncfs",
    "sync_file_range", "fchmod", "fchmodat", "unlink", "unlinkat", "symlinkat", "linkat", "mknodat", "fchown",
    "fchownat", "fsetxattr", "utimensat", "ftruncate",
  ]

  private struct State {
    var isArmed = false
    var counts: [Int32: Int] = [:]
  }
  private let state = Mutex(State())
  private let fatal: (kind: String, number: Int)?

  init(_ fatal: (kind: String, number: Int)?) { self.fatal = fatal }

  /// Counts from now on.
  func arm() { state.withLock { $0 = State(isArmed: true) } }

  /// `fsync 3 renameat 9`.
  var text: String {
    let counts = state.withLock { $0.counts }
    return CallWatch.kinds.compactMap { kind in
      counts[seccomp_syscall_resolve_name(kind)].map { "\(kind) \($0)" }
    }.joined(separator: " ")
  }

  /// Before this process has any other thread: those that it starts are watched because this one is.
  func begin() {
    // The thread waits for the descriptor in a pipe, which is not watched.
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { exit(3) }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Box(self, ends[0]))
    let result = pthread_create(
      &thread, nil,
      { pointer in
        guard let pointer else { return nil }
        let box = Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue()
        var listener: Int32 = -1
        guard read(box.end, &listener, 4) == 4 else { exit(3) }
        box.watch.serve(listener)
      }, box.toOpaque())
    guard result == 0, let filter = seccomp_init(CallWatch.allow) else { exit(3) }
    for kind in fatal.map({ [$0.kind] }) ?? CallWatch.kinds {
      let number = seccomp_syscall_resolve_name(kind)
      guard number >= 0, seccomp_rule_add_array(filter, CallWatch.notify, number, 0, nil) == 0 else { exit(3) }
    }
    guard seccomp_load(filter) == 0 else { exit(3) }
    var listener = seccomp_notify_fd(filter)
    // Not write(2), which may be watched already by nobody.
    var piece = iovec(iov_base: nil, iov_len: 4)
    withUnsafeMutableBytes(of: &listener) { bytes in
      piece.iov_base = bytes.baseAddress
      if writev(ends[1], &piece, 1) != 4 { exit(3) }
    }
  }

  // SCMP_ACT_ALLOW, SCMP_ACT_NOTIFY
  private static let allow: UInt32 = 0x7fff_0000
  private static let notify: UInt32 = 0x7fc0_0000

  private final class Box {
    let watch: CallWatch
    let end: Int32
    init(_ watch: CallWatch, _ end: Int32) { (self.watch, self.end) = (watch, end) }
  }

  private func serve(_ listener: Int32) -> Never {
    let wanted = fatal.map { seccomp_syscall_resolve_name($0.kind) }
    var request: UnsafeMutablePointer<seccomp_notif>?
    var response: UnsafeMutablePointer<seccomp_notif_resp>?
    guard seccomp_notify_alloc(&request, &response) == 0, let request, let response else { exit(3) }
    while true {
      memset(request, 0, MemoryLayout<seccomp_notif>.size)
      // A caller that is interrupted by a signal has gone again.
      guard seccomp_notify_receive(listener, request) == 0 else { continue }
      let number = request.pointee.data.nr
      let count = state.withLock { state -> Int in
        guard state.isArmed else { return 0 }
        state.counts[number, default: 0] += 1
        return state.counts[number] ?? 0
      }
      if let fatal, number == wanted, count == fatal.number { die() }
      response.pointee.id = request.pointee.id
      (response.pointee.val, response.pointee.error) = (0, 0)
      // SECCOMP_USER_NOTIF_FLAG_CONTINUE
      response.pointee.flags = 1
      _ = seccomp_notify_respond(listener, response)
    }
  }
}
