import CLinux
import Glibc
import Runtime

/// One instruction of eBPF (struct bpf_insn).
struct BPFInstruction: Hashable {
  var code: UInt8
  /// The destination in the low half, the source in the high one.
  var registers: UInt8
  var offset: Int16
  var immediate: Int32

  init(_ code: UInt8, _ destination: UInt8, _ source: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0) {
    (self.code, self.offset, self.immediate) = (code, offset, immediate)
    registers = destination | source << 4
  }
}

/// The program of a cgroup's device controller, compiled from its rules.
///
/// The kernel calls it with struct bpf_cgroup_dev_ctx at each access to a device: 1 allows, 0 denies. The rules are
/// looked at from the last to the first, and the first that matches decides.
struct DeviceProgram {
  private(set) var instructions: [BPFInstruction] = []

  // BPF_LDX|BPF_MEM|BPF_W, BPF_ALU|…|BPF_K, BPF_ALU|BPF_MOV|BPF_X, BPF_JMP|….
  private static let loadWord: UInt8 = 0x61
  private static let and: UInt8 = 0x54
  private static let shiftRight: UInt8 = 0x74
  private static let copy: UInt8 = 0xbc
  private static let move: UInt8 = 0xb4
  private static let unlessEqual: UInt8 = 0x55
  private static let unlessSame: UInt8 = 0x5d
  private static let ifEqual: UInt8 = 0x15
  static let exit: UInt8 = 0x95

  init(_ rules: [DeviceRule]) {
    // r2: the type, r3: the access, r4: major, r5: minor.
    instructions = [
      BPFInstruction(DeviceProgram.loadWord, 2, 1), BPFInstruction(DeviceProgram.copy, 3, 2),
      BPFInstruction(DeviceProgram.and, 2, immediate: 0xffff),
      BPFInstruction(DeviceProgram.shiftRight, 3, immediate: 16),
      BPFInstruction(DeviceProgram.loadWord, 4, 1, offset: 4), BPFInstruction(DeviceProgram.loadWord, 5, 1, offset: 8),
    ]
    for rule in rules.reversed() {
      append(rule)
      if DeviceProgram.matchesAll(rule) { return }
    }
    finish(allow: false)
  }

  private static func matchesAll(_ rule: DeviceRule) -> Bool {
    rule.type == "a" && rule.major == nil && rule.minor == nil && bits(rule.access) == 7
  }

  /// BPF_DEVCG_ACC_MKNOD, READ, WRITE.
  private static func bits(_ access: String) -> Int32 {
    access.utf8.reduce(0) {
      switch $1 {
      case UInt8(ascii: "m"): $0 | 1
      case UInt8(ascii: "r"): $0 | 2
      case UInt8(ascii: "w"): $0 | 4
      default: $0
      }
    }
  }

  private mutating func append(_ rule: DeviceRule) {
    var block: [BPFInstruction] = []
    // BPF_DEVCG_DEV_BLOCK, CHAR.
    if rule.type == "b" || rule.type == "c" {
      block.append(BPFInstruction(DeviceProgram.unlessEqual, 2, immediate: rule.type == "b" ? 1 : 2))
    }
    let access = DeviceProgram.bits(rule.access)
    if access != 7 {
      block.append(BPFInstruction(DeviceProgram.copy, 1, 3))
      block.append(BPFInstruction(DeviceProgram.and, 1, immediate: access))
      // All of what is asked for must be allowed; of what is denied, any is enough.
      block.append(
        rule.allow
          ? BPFInstruction(DeviceProgram.unlessSame, 1, 3) : BPFInstruction(DeviceProgram.ifEqual, 1, immediate: 0))
    }
    for (register, number) in [(UInt8(4), rule.major), (5, rule.minor)] {
      guard let number else { continue }
      // No device has such a number.
      guard let number = UInt32(exactly: number) else { return }
      block.append(BPFInstruction(DeviceProgram.unlessEqual, register, immediate: Int32(bitPattern: number)))
    }
    // A comparison that fails goes behind the two instructions that follow.
    for index in block.indices where block[index].code & 7 == 5 { block[index].offset = Int16(block.count - index + 1) }
    instructions += block
    finish(allow: rule.allow)
  }

  private mutating func finish(allow: Bool) {
    instructions.append(BPFInstruction(DeviceProgram.move, 0, immediate: allow ? 1 : 0))
    instructions.append(BPFInstruction(DeviceProgram.exit, 0))
  }
}

/// bpf(2).
extension LinuxKernel {
  /// Loads the program and attaches it to a cgroup of v2, in the place of those that were there.
  func deviceProgram(_ cgroup: String, _ rules: [DeviceRule]) throws(Errno) {
    let folder = try open(KernelPath(cgroup), O_RDONLY | O_DIRECTORY)
    let before = try attachedPrograms(folder.raw)
    let program = try load(DeviceProgram(rules))
    var flags: UInt32 = 2  // BPF_F_ALLOW_MULTI
    if before.count == 1 {
      let old = try self.program(id: before[0])
      // BPF_F_REPLACE (Linux 5.6): at no moment is there none or two.
      let replaced = BPFCall([
        UInt32(bitPattern: folder.raw), UInt32(bitPattern: program.raw), 6, flags | 4,
        UInt32(bitPattern: old.raw),
      ])
      do throws(Errno) {
        try replaced.perform(8)
        return
      } catch { guard error == .EINVAL else { throw error } }
    }
    let attach = BPFCall([UInt32(bitPattern: folder.raw), UInt32(bitPattern: program.raw), 6, flags])
    do throws(Errno) { try attach.perform(8) } catch {
      // Somebody attached one without the flag for several: the same way, over it.
      guard error == .EPERM, !before.isEmpty else { throw error }
      flags = 1
      try BPFCall([UInt32(bitPattern: folder.raw), UInt32(bitPattern: program.raw), 6, flags]).perform(8)
      return
    }
    for id in before {
      let old = try self.program(id: id)
      try BPFCall([UInt32(bitPattern: folder.raw), UInt32(bitPattern: old.raw), 6]).perform(9)
    }
  }

  /// BPF_PROG_QUERY: the programs of the device controller that are attached here, by id.
  func attachedPrograms(_ cgroup: Int32) throws(Errno) -> [UInt32] {
    try withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { (ids) throws(Errno) in
      ids.initialize(repeating: 0)
      let address = UInt64(UInt(bitPattern: ids.baseAddress))
      let query = BPFCall([
        UInt32(bitPattern: cgroup), 6, 0, 0, UInt32(truncatingIfNeeded: address), UInt32(address >> 32), 64,
      ])
      do throws(Errno) { try query.perform(16) } catch {
        // A kernel without BPF_PROG_QUERY (before 4.15) has no programs of devices either.
        guard error == .EINVAL else { throw error }
        return []
      }
      return Array(ids[..<min(64, Int(query.words[6]))])
    }
  }

  /// BPF_PROG_GET_FD_BY_ID.
  private func program(id: UInt32) throws(Errno) -> Descriptor { Descriptor(Int32(try BPFCall([id]).perform(13))) }

  /// BPF_PROG_LOAD of BPF_PROG_TYPE_CGROUP_DEVICE.
  private func load(_ program: DeviceProgram) throws(Errno) -> Descriptor {
    do throws(Errno) { return try loadOnce(program) } catch {
      // Before Linux 5.11 programs count as locked memory.
      guard error == .EPERM, (try? prlimit(0, "RLIMIT_MEMLOCK", soft: .max, hard: .max)) != nil else { throw error }
      return try loadOnce(program)
    }
  }

  private func loadOnce(_ program: DeviceProgram) throws(Errno) -> Descriptor {
    let license: StaticString = "Apache-2.0"
    let code = UInt64(UInt(bitPattern: license.utf8Start))
    let result = program.instructions.withUnsafeBufferPointer { instructions -> Int in
      let address = UInt64(UInt(bitPattern: instructions.baseAddress))
      let call = BPFCall([
        15, UInt32(instructions.count), UInt32(truncatingIfNeeded: address), UInt32(address >> 32),
        UInt32(truncatingIfNeeded: code), UInt32(code >> 32),
      ])
      return call.result(5)
    }
    return Descriptor(Int32(try checked(result)))
  }
}

/// union bpf_attr, word by word; what is not given is 0.
private final class BPFCall {
  private(set) var words: [UInt32]
  init(_ words: [UInt32]) { self.words = words + Array(repeating: 0, count: 32 - words.count) }

  func result(_ command: Int) -> Int {
    words.withUnsafeMutableBytes {
      clinux_call(Int(SYS_bpf), command, Int(bitPattern: $0.baseAddress), $0.count, 0, 0, 0)
    }
  }
  @discardableResult
  func perform(_ command: Int) throws(Errno) -> Int { try checked(result(command)) }
}
