import CHarness
import Glibc

/// A thread that swaps two names as fast as it can: the attacker of a race.
final class Swapper {
  private var swapper: OpaquePointer?
  /// How often it has swapped; known when it has stopped.
  private(set) var count = 0

  init(_ a: String, _ b: String) throws {
    swapper = charness_swapper_start(a, b)
    guard swapper != nil else { throw SystemError("start a swapper") }
  }

  func stop() {
    if let swapper { count = charness_swapper_stop(swapper) }
    swapper = nil
  }

  deinit { stop() }
}

/// Reads a runtime's `--trace-fd` one record at a time. The pipe holds one record, so the runtime stands still after each call
/// until the test reads it: it can be killed at every single step.
final class StepGate {
  private var reader: Int32 = -1
  /// To be passed as the runtime's descriptor 3.
  private(set) var writer: Int32 = -1

  init() throws {
    var ends: [Int32] = [0, 0]
    let result = charness_packet_pipe(&ends)
    guard result == 0 else { throw SystemError("pipe", -result) }
    (reader, writer) = (ends[0], ends[1])
  }

  /// Call it once the runtime has been started: the test's own copy of the writing end is closed.
  func handedOver() {
    close(writer)
    writer = -1
  }

  /// The next record; nil when every writer is gone, or none writes any more.
  func next(within seconds: Double = 10) -> String? {
    guard poll(reader, seconds) else { return nil }
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = read(reader, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }

  /// Lets go: who still writes is told that nobody reads.
  func open() {
    if reader >= 0 { close(reader) }
    reader = -1
  }

  deinit {
    open()
    if writer >= 0 { close(writer) }
  }
}

extension Sandbox {
  /// A file of the host that no container has any business to read; its text and its path.
  func secret() throws -> (text: String, path: String) {
    let text = "secret-of-\(name)"
    try Files.write(text, to: "\(folder)/secret")
    return (text, "\(folder)/secret")
  }

  /// Everything that a container of this sandbox has left on the host: cgroups, processes, mounts, state.
  func remains() -> [String] {
    var remains = CgroupFiles.host.folders(prefix: name).map { "cgroup \($0)" }
    remains += Files.names(in: root).map { "state \($0)" }
    remains += Self.mounts(below: folder).filter { !expectedMounts.contains($0) }.map { "mount \($0)" }
    remains += markedProcesses().map { "process \($0) (\(Files.textIfAny("/proc/\($0)/comm")?.trimmed ?? "?"))" }
    return remains
  }
}

/// All capabilities of the kernel, for a container that is as strong as a container can be.
let allCapabilities: [String] = """
  CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_BLOCK_SUSPEND CAP_BPF CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH
  CAP_FOWNER CAP_FSETID CAP_IPC_LOCK CAP_IPC_OWNER CAP_KILL CAP_LEASE CAP_LINUX_IMMUTABLE CAP_MKNOD CAP_NET_ADMIN
  CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW CAP_PERFMON CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_ADMIN
  CAP_SYS_CHROOT CAP_SYS_NICE CAP_SYS_PACCT CAP_SYS_PTRACE CAP_SYS_RAWIO CAP_SYS_TTY_CONFIG CAP_SYSLOG CAP_WAKE_ALARM
  """.words
