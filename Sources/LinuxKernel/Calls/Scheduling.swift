import CLinux
import Glibc
import OCISpec
import Runtime

/// How the calling process is scheduled, and on what.
extension LinuxKernel {
  /// sched_setattr(2). EINVAL for a policy or a flag that is none.
  func schedSetattr(_ scheduler: RuntimeSpec.Scheduler) throws(Errno) {
    guard let policy = RuntimeSpec.Scheduler.policies.firstIndex(of: scheduler.policy) else { throw .EINVAL }
    var flags: UInt64 = 0
    for name in scheduler.flags {
      guard let index = RuntimeSpec.Scheduler.flagNames.firstIndex(of: name) else { throw .EINVAL }
      flags |= 1 << UInt64(index)
    }
    // struct sched_attr, its first version.
    var words: [UInt64] = [
      48 | UInt64(policy) << 32, flags,
      UInt64(UInt32(bitPattern: scheduler.nice)) | UInt64(UInt32(bitPattern: scheduler.priority)) << 32,
      scheduler.runtime, scheduler.deadline, scheduler.period,
    ]
    let result = words.withUnsafeMutableBufferPointer {
      clinux_call(Int(SYS_sched_setattr), 0, Int(bitPattern: $0.baseAddress), 0, 0, 0, 0)
    }
    try checked(result)
  }

  /// ioprio_set(2), of the process group.
  func ioprioSet(_ priority: RuntimeSpec.IOPriority) throws(Errno) {
    guard let index = RuntimeSpec.IOPriority.classes.firstIndex(of: priority.type), (0...7).contains(priority.priority)
    else { throw .EINVAL }
    try system(SYS_ioprio_set, 2 /* IOPRIO_WHO_PGRP */, 0, (index + 1) << 13 | priority.priority)
  }

  /// sched_setaffinity(2). EINVAL for a list that is none.
  func schedSetaffinity(_ cpus: String) throws(Errno) {
    let mask = try LinuxKernel.mask(cpus)
    if mask.isEmpty { throw .EINVAL }
    let result = mask.withUnsafeBytes {
      clinux_call(Int(SYS_sched_setaffinity), 0, $0.count, Int(bitPattern: $0.baseAddress), 0, 0, 0)
    }
    try checked(result)
  }

  /// personality(2).
  func personality(_ personality: RuntimeSpec.Personality) throws(Errno) {
    switch personality.domain {
    case "LINUX": try system(SYS_personality, 0)
    case "LINUX32": try system(SYS_personality, 8)
    default: throw .EINVAL
    }
  }

  /// set_mempolicy(2).
  func setMempolicy(_ policy: RuntimeSpec.MemoryPolicy) throws(Errno) {
    guard var mode = LinuxKernel.memoryModes.firstIndex(of: policy.mode) else { throw .EINVAL }
    for name in policy.flags {
      switch name {
      case "MPOL_F_STATIC_NODES": mode |= 1 << 15
      case "MPOL_F_RELATIVE_NODES": mode |= 1 << 14
      case "MPOL_F_NUMA_BALANCING": mode |= 1 << 13
      default: throw .EINVAL
      }
    }
    let nodes = try LinuxKernel.mask(policy.nodes)
    let result = nodes.withUnsafeBytes {
      // The number of bits, and one: the kernel takes one off.
      clinux_call(
        Int(SYS_set_mempolicy), mode, nodes.isEmpty ? 0 : Int(bitPattern: $0.baseAddress),
        nodes.isEmpty ? 0 : $0.count * 8 + 1, 0, 0, 0)
    }
    try checked(result)
  }

  /// By number.
  private static let memoryModes = [
    "MPOL_DEFAULT", "MPOL_PREFERRED", "MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_LOCAL", "MPOL_PREFERRED_MANY",
    "MPOL_WEIGHTED_INTERLEAVE",
  ]

  /// The bits of a list as `0-3,7` (cpuset(7), "List format"). EINVAL for anything else, and for numbers above 8191.
  static func mask(_ list: String) throws(Errno) -> [UInt64] {
    var mask: [UInt64] = []
    if list.isEmpty { return mask }
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = number(ends[0]), let last = ends.count == 2 ? number(ends[1]) : first, first <= last else {
        throw .EINVAL
      }
      while mask.count <= last / 64 { mask.append(0) }
      for bit in first...last { mask[bit / 64] |= 1 << UInt64(bit % 64) }
    }
    return mask
  }
  private static func number(_ text: Substring) -> Int? {
    let text = text.filter { $0 != " " && $0 != "\n" }
    guard let number = Int(text), (0...8191).contains(number), !text.hasPrefix("+") else { return nil }
    return number
  }
}
