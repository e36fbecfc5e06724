import CLinux
import Glibc
import JSONTree
import LinuxKernel
import Runtime

/// `events`: statistics now or every few seconds, and a line whenever the container's memory runs out.
extension DrydockRunc {
  static func events(_ invocation: Invocation) throws(Failure) -> Int32 {
    let (directory, record) = try invocation.container()
    let interval = GoText.nanoseconds(invocation.arguments["interval"] ?? "5s") ?? 0
    guard interval > 0 else { throw Failure("duration interval must be greater than 0") }
    guard record.status(in: directory) != .stopped else {
      throw Failure("container with id \(record.id) is not running")
    }
    if invocation.arguments.has("stats") {
      try say("stats", record, Statistics(cgroups: record.cgroups).json)
      return 0
    }
    guard let process = record.initProcess.open() else { throw .notRunning }
    let memory = try MemoryWatch(record.cgroups)
    var next = LinuxKernel.monotonicTime() &+ interval
    while true {
      let ready = LinuxKernel.poll([process.descriptor, memory.descriptor], deadline: next)
      for _ in 0..<memory.events(ready.contains(memory.descriptor)) { try say("oom", record, nil) }
      if ready.contains(process.descriptor) { return 0 }
      if LinuxKernel.monotonicTime() >= next {
        try say("stats", record, Statistics(cgroups: record.cgroups).json)
        next = LinuxKernel.monotonicTime() &+ interval
      }
    }
  }

  private static func say(_ type: String, _ record: ContainerRecord, _ data: JSON?) throws(Failure) {
    var object: JSONObject = ["type": .string(type), "id": .string(record.id)]
    if let data { object["data"] = data }
    do { try HostFile.write((JSON.object(object).text + "\n").utf8, to: 1) } catch {
      throw Failure("write to stdout: \(error)")
    }
  }
}

/// Tells when the kernel's OOM killer has come for a cgroup.
///
/// v1: an eventfd, registered in `cgroup.event_control` for `memory.oom_control`. v2: `memory.events` is watched by
/// inotify(7), and the number of its kills counted.
final class MemoryWatch {
  /// Readable when something may have happened.
  let descriptor: Int32
  private let eventsFile: String?
  private var kills: UInt64 = 0

  init(_ cgroups: CgroupPaths) throws(Failure) {
    guard let folder = cgroups.path(of: "memory") else { throw Failure("memory controller missing") }
    if cgroups.layout.version == .unified {
      let file = folder + "/memory.events"
      eventsFile = file
      descriptor = Int32(clinux_call(Int(SYS_inotify_init1), Int(O_CLOEXEC | O_NONBLOCK), 0, 0, 0, 0, 0))
      guard descriptor >= 0 else { throw Failure("inotify_init1: \(Errno(number: -descriptor))") }
      let modified = 2
      let result = file.withCString {
        clinux_call(Int(SYS_inotify_add_watch), Int(descriptor), Int(bitPattern: $0), modified, 0, 0, 0)
      }
      guard result >= 0 else { throw Failure("inotify_add_watch \(file): \(Errno(number: Int32(-result)))") }
      kills = count
      return
    }
    eventsFile = nil
    descriptor = Int32(clinux_call(Int(SYS_eventfd2), 0, Int(O_CLOEXEC | O_NONBLOCK), 0, 0, 0, 0))
    guard descriptor >= 0 else { throw Failure("eventfd: \(Errno(number: -descriptor))") }
    let control = open(folder + "/memory.oom_control", O_RDONLY | O_CLOEXEC)
    guard control >= 0 else { throw Failure("open \(folder)/memory.oom_control: \(Errno.last)") }
    // The kernel keeps what it needs of it.
    defer { close(control) }
    do { try HostFile.writeExisting(folder + "/cgroup.event_control", "\(descriptor) \(control)") } catch {
      throw Failure("write \(folder)/cgroup.event_control: \(error)")
    }
  }

  deinit { close(descriptor) }

  /// How often since it was asked last. `ready`: the descriptor is readable.
  func events(_ ready: Bool) -> Int {
    if eventsFile == nil {
      guard ready else { return 0 }
      var value: UInt64 = 0
      // The cgroup's removal wakes too, and counts once as nothing was counted before: who reads knows by the end.
      return read(descriptor, &value, 8) == 8 ? Int(clamping: value) : 0
    }
    if ready { drain() }
    // Notifications come late: what the file says counts.
    let now = count
    defer { kills = max(kills, now) }
    return now > kills ? Int(clamping: now - kills) : 0
  }

  private var count: UInt64 {
    guard let eventsFile, let text = HostFile.text(eventsFile) else { return 0 }
    return Statistics.table(text).first { $0.name == "oom_kill" }?.value ?? 0
  }

  private func drain() {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 8) { buffer in
      while read(descriptor, buffer.baseAddress, buffer.count) > 0 {}
    }
  }
}
