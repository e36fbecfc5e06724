import CLinux
import Glibc
import JSONTree
import LinuxKernel
import Runtime

/// `--trace-fd N`: what the kernel was asked, by whom, what it answered and how long that took; a line a call, as in the
/// trace of trace mode. All processes of a plan write to the one descriptor; the numbers come from memory that they
/// share.
struct CallTrace: Sendable {
  /// Close-on-exec.
  let descriptor: Int32
  /// Monotonic nanoseconds at the runtime's start.
  let start: UInt64
  /// A page: the lines' counter, then the lock. Never unmapped.
  private let page: UInt

  /// EBADF when the descriptor is not open.
  init(_ descriptor: Int32, start: UInt64) throws(Errno) {
    guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else { throw Errno(number: Glibc.errno) }
    (self.descriptor, self.start) = (descriptor, start)
    let memory = mmap(nil, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { throw Errno(number: Glibc.errno) }
    page = UInt(bitPattern: memory)
  }

  private var counter: UnsafeMutablePointer<UInt64>? { UnsafeMutablePointer(bitPattern: page) }
  private var lock: UnsafeMutablePointer<UInt32>? { UnsafeMutablePointer(bitPattern: page + 64) }

  /// Writes the line of a call that has been made.
  func record(_ call: KernelCall, role: Role, result: Result<Int, Errno>, began: UInt64) {
    let ended = LinuxKernel.monotonicTime()
    guard let counter, let lock else { return }
    // Who was killed while it had the lock must not stop the others.
    var attempts = 0
    while clinux_try_lock(lock) == 0, attempts < 10_000 {
      attempts += 1
      sched_yield()
    }
    let number = Int64(clamping: clinux_increment(counter))
    var writer = JSONWriter(reserving: 512)
    var line: JSONObject = [
      "seq": .int(number), "t": JSON(began &- start), "ev": "call", "id": .int(number), "from": "runc", "to": "kernel",
      "via": "syscall", "op": .string(call.name), "args": call.json, "role": .string(role.rawValue),
    ]
    switch result {
    case .success(let value):
      line.members.append(.init("ok", true))
      line.members.append(.init("result", JSON(value)))
    case .failure(let errno):
      line.members.append(.init("ok", false))
      line.members.append(.init("error", ["code": JSON(errno.code), "message": .string(errno.message)]))
    }
    line.members.append(.init("took", JSON(ended &- began)))
    writer.write(.object(line))
    writer.bytes.append(UInt8(ascii: "\n"))
    writer.bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let count = write(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        done += count
      }
    }
    clinux_unlock(lock)
  }
}
