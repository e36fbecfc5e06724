import Runtime
import Seams

/// proc(5) of one pid namespace.
final class ProcFileSystem: FileSystem {
  let pids: PIDNamespace
  init(_ kernel: KernelState, pids: PIDNamespace) {
    self.pids = pids
    super.init(kernel, type: "proc", userNamespace: pids.owner)
  }
  func makeRoot() -> Inode { ProcRoot(self, pids) }

  /// The process that reads, as this /proc numbers it; ENOENT for those it does not see.
  func reader(_ kernel: KernelState) throws(Errno) -> Int {
    guard let number = kernel.current?.number(in: pids), number > 0 else { throw .ENOENT }
    return number
  }
}

/// `/proc`: the machine's files, and a folder for each process.
private final class ProcRoot: FixedFolder {
  private let pids: PIDNamespace
  private var folders: [Int: ProcessFolder] = [:]

  init(_ fs: ProcFileSystem, _ pids: PIDNamespace) {
    self.pids = pids
    let kernel = fs.kernel
    super.init(fs, makers: kernel.procMakers ?? NameTable())
    if kernel.procMakers == nil {
      fill()
      kernel.procMakers = makers
    }
  }

  /// Processes come and go, but their folders say of themselves that they do not stay.
  override var keepsNames: Bool { true }

  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    guard name.count > 0, name.count < 10, (0x31...0x39).contains(name[0]) else { return try super.lookup(name, hash) }
    var number = 0
    for index in name.indices {
      guard (0x30...0x39).contains(name[index]) else { return nil }
      number = number * 10 + Int(name[index] - 0x30)
    }
    guard let process = pids.processes[number] else {
      if let old = folders.removeValue(forKey: number) { FileSystem.drop(old) }
      return nil
    }
    if let folder = folders[number] {
      if folder.process === process { return folder }
      FileSystem.drop(folder)
    }
    let folder = ProcessFolder(fs, process)
    folder.parent = self
    folder.name = String(number)
    folders[number] = folder
    if folders.count > 64 + 2 * pids.processes.count {
      // A folder refers weakly to its process: both are nil for one that is gone.
      for (number, folder) in folders
      where folder.process == nil || pids.processes[number] !== folder.process {
        FileSystem.drop(folder)
        folders[number] = nil
      }
    }
    return folder
  }

  override func names() throws(Errno) -> [String] {
    try super.names() + pids.processes.keys.sorted().map(String.init)
  }

  override func takeChildren() -> [Inode] {
    defer { folders = [:] }
    return super.takeChildren() + folders.sorted { $0.key < $1.key }.map(\.value)
  }

  private func fill() {
    add("self") { folder in
      ProcLink(folder.fs) { [unowned fs = folder.fs] kernel throws(Errno) in
        guard let fs = fs as? ProcFileSystem else { throw .ENOENT }
        return .path(String(try fs.reader(kernel)))
      }
    }
    add("thread-self") { folder in
      ProcLink(folder.fs) { [unowned fs = folder.fs] kernel throws(Errno) in
        guard let fs = fs as? ProcFileSystem else { throw .ENOENT }
        let number = try fs.reader(kernel)
        return .path("\(number)/task/\(number)")
      }
    }
    addLink("mounts") { _ in .path("self/mounts") }
    addLink("net") { _ in .path("self/net") }
    for name in ["acpi", "asound", "bus", "driver", "fs", "irq", "scsi", "tty"] { addFolder(name) }
    for name in [
      "interrupts", "keys", "timer_list", "softirqs", "modules", "swaps", "partitions", "diskstats", "vmallocinfo",
      "buddyinfo", "zoneinfo", "latency_stats", "key-users",
    ] {
      addFile(name, mode: name == "timer_list" ? 0o400 : 0o444) { _ in
        switch name {
        case "swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        case "partitions": "major minor  #blocks  name\n\n 252        0   67108864 vda\n 252        1   67106816 vda1\n"
        default: ""
        }
      }
    }
    addFile("kcore", mode: 0o400) { _ throws(Errno) in throw .EPERM }
    addFile("kmsg", mode: 0o400) { _ in "" }
    add("sysrq-trigger") { GeneratedFile($0.fs, mode: 0o200, { _ throws(Errno) in throw .EIO }, store: { _, _ in }) }
    addFile("cmdline") { _ in "BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro console=ttyS0\n" }
    addFile("version") { _ in "Linux version \(Machine.release) (drydock@simulated) (gcc 13.3.0) \(Machine.version)\n" }
    addFile("uptime") { kernel in
      let up = kernel.uptimeSeen / 10_000_000
      let text = "\(up / 100)." + (up % 100 < 10 ? "0" : "") + "\(up % 100)"
      return "\(text) \(text)\n"
    }
    addFile("loadavg") { kernel in
      "0.00 0.01 0.05 1/\(kernel.initPID.processes.count) \(max(1, kernel.initPID.next() - 1))\n"
    }
    addFile("stat") { kernel in
      let used = (kernel.hierarchies.first?.root.usage.cpu.user ?? 0) / 10_000_000
      let idle = kernel.uptime / 10_000_000 * UInt64(kernel.cpus)
      var text = "cpu  \(used) 0 0 \(idle) 0 0 0 0 0 0\n"
      for cpu in 0..<kernel.cpus {
        text += "cpu\(cpu) \(used / UInt64(kernel.cpus)) 0 0 \(idle / UInt64(kernel.cpus)) 0 0 0 0 0 0\n"
      }
      text += "intr 0\nctxt 0\nbtime \(kernel.seconds - Int64(kernel.uptime / Duration64.second))\n"
      return text + "processes \(kernel.forks + 1)\nprocs_running 1\nprocs_blocked 0\n"
    }
    addFile("meminfo") { kernel in
      let total = kernel.memory / 1024
      let used = kernel.rootCgroup.usage.memory.total / 1024
      func line(_ name: String, _ value: Int64) -> String {
        let label = name + ":"
        return label + String(repeating: " ", count: max(1, 16 - label.utf8.count)) + pad(value, 8) + " kB\n"
      }
      let free = max(0, total - used - KernelState.kernelMemory / 1024)
      return line("MemTotal", total) + line("MemFree", free) + line("MemAvailable", free) + line("Buffers", 0)
        + line("Cached", kernel.rootCgroup.usage.memory.shared / 1024) + line("SwapCached", 0)
        + line("Shmem", kernel.rootCgroup.usage.memory.shared / 1024) + line("SwapTotal", 0) + line("SwapFree", 0)
    }
    addFile("cpuinfo") { kernel in
      (0..<kernel.cpus).map { cpu in
        "processor\t: \(cpu)\nvendor_id\t: Drydock\nmodel name\t: Simulated CPU @ 2.40GHz\ncpu MHz\t\t: 2400.000\n"
          + "physical id\t: 0\ncore id\t\t: \(cpu)\ncpu cores\t: \(kernel.cpus)\n\n"
      }.joined()
    }
    addFile("filesystems") { _ in
      KernelState.fileSystemTypes.map { ($0.isVirtual ? "nodev" : "") + "\t\($0.name)\n" }.joined()
    }
    addFile("cgroups") { kernel in
      var text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
      for hierarchy in kernel.hierarchies {
        for name in hierarchy.isUnified
          ? hierarchy.controllers.names : hierarchy.name.split(separator: ",").map(String.init)
        {
          text += "\(name)\t\(hierarchy.number)\t\(hierarchy.root.whole.count)\t1\n"
        }
      }
      return text
    }
    add("sys") { SysctlFolder($0.fs) }
  }
}

/// The machine as uname(2) describes it.
enum Machine {
  static let release = "6.12.0-drydock"
  static let version = "#1 SMP PREEMPT_DYNAMIC Thu Jan  1 00:00:00 UTC 2026"
  static var architecture: String {
    #if arch(arm64)
      "aarch64"
    #else
      "x86_64"
    #endif
  }
}

extension KernelState {
  /// What the kernel keeps for itself, in bytes.
  static let kernelMemory: Int64 = 128 << 20
}
