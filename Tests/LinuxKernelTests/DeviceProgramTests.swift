import Glibc
import Runtime
import Testing

@testable import LinuxKernel

@Suite("The device controller of cgroup v2: rules as a program")
struct DeviceProgramTests {
  /// eBPF as the kernel runs it for a device: nil for a program that its verifier would refuse.
  static func run(_ program: [BPFInstruction], type: UInt32, access: UInt32, major: UInt32, minor: UInt32) -> UInt64? {
    var registers = [UInt64?](repeating: nil, count: 11)
    let context: [UInt32] = [type | access << 16, major, minor]
    var index = 0
    while index < program.count {
      let instruction = program[index]
      let (destination, source) = (Int(instruction.registers & 15), Int(instruction.registers >> 4))
      let immediate = UInt64(bitPattern: Int64(instruction.immediate))
      switch instruction.code {
      case 0x61:
        guard source == 1, instruction.offset % 4 == 0, (0..<12).contains(instruction.offset) else { return nil }
        registers[destination] = UInt64(context[Int(instruction.offset) / 4])
      case 0xbc:
        guard let value = registers[source] else { return nil }
        registers[destination] = value & 0xffff_ffff
      case 0xb4: registers[destination] = immediate & 0xffff_ffff
      case 0x54:
        guard let value = registers[destination] else { return nil }
        registers[destination] = value & immediate & 0xffff_ffff
      case 0x74:
        guard let value = registers[destination] else { return nil }
        registers[destination] = (value & 0xffff_ffff) >> immediate
      case 0x55, 0x15:
        guard let value = registers[destination] else { return nil }
        if (value == immediate) == (instruction.code == 0x15) { index += Int(instruction.offset) }
      case 0x5d:
        guard let value = registers[destination], let other = registers[source] else { return nil }
        if value != other { index += Int(instruction.offset) }
      case 0x95: return registers[0]
      default: return nil
      }
      index += 1
    }
    return nil
  }

  static func allows(_ rules: [DeviceRule], _ type: String, _ major: UInt32, _ minor: UInt32, _ access: String) -> Bool?
  {
    let bits = access.reduce(UInt32(0)) { $0 | ($1 == "m" ? 1 : $1 == "r" ? 2 : 4) }
    return run(
      DeviceProgram(rules).instructions, type: type == "b" ? 1 : 2, access: bits, major: major, minor: minor
    ).map { $0 != 0 }
  }

  static let nothing = DeviceRule(allow: false, type: "a", major: nil, minor: nil, access: "rwm")
  static func rule(_ allow: Bool, _ type: String, _ major: Int64?, _ minor: Int64?, _ access: String) -> DeviceRule {
    DeviceRule(allow: allow, type: type, major: major, minor: minor, access: access)
  }

  @Test("Without a rule nothing is allowed")
  func empty() {
    #expect(Self.allows([], "c", 1, 3, "r") == false)
    #expect(Self.allows([Self.nothing], "b", 8, 0, "m") == false)
  }

  @Test("A container's usual devices")
  func usual() {
    let rules = [
      Self.nothing, Self.rule(true, "c", nil, nil, "m"), Self.rule(true, "b", nil, nil, "m"),
      Self.rule(true, "c", 1, 3, "rwm"), Self.rule(true, "c", 136, nil, "rwm"), Self.rule(true, "c", 10, 200, "rw"),
    ]
    #expect(Self.allows(rules, "c", 1, 3, "rw") == true)
    #expect(Self.allows(rules, "b", 1, 3, "r") == false)
    #expect(Self.allows(rules, "b", 8, 0, "m") == true)
    #expect(Self.allows(rules, "b", 8, 0, "mr") == false)
    #expect(Self.allows(rules, "c", 136, 77, "w") == true)
    #expect(Self.allows(rules, "c", 10, 200, "r") == true)
    #expect(Self.allows(rules, "c", 10, 201, "r") == false)
    #expect(Self.allows(rules, "c", 1, 5, "r") == false)
  }

  @Test("The last rule that matches decides")
  func order() {
    let rules = [
      Self.rule(true, "a", nil, nil, "rwm"), Self.rule(false, "b", 8, nil, "w"), Self.rule(true, "b", 8, 1, "rwm"),
    ]
    #expect(Self.allows(rules, "b", 8, 0, "r") == true)
    #expect(Self.allows(rules, "b", 8, 0, "w") == false)
    #expect(Self.allows(rules, "b", 8, 1, "w") == true)
    #expect(Self.allows(rules, "c", 8, 0, "w") == true)
  }

  @Test("Of what is denied any is enough; of what is asked for all must be allowed")
  func partial() {
    let denied = [Self.rule(true, "a", nil, nil, "rwm"), Self.rule(false, "c", 1, 1, "w")]
    #expect(Self.allows(denied, "c", 1, 1, "rw") == false)
    #expect(Self.allows(denied, "c", 1, 1, "r") == true)
    let allowed = [Self.nothing, Self.rule(true, "c", 1, 1, "r")]
    #expect(Self.allows(allowed, "c", 1, 1, "rw") == false)
  }

  @Test("Numbers that no device has match nothing; the greatest that one has matches")
  func numbers() {
    let rules = [
      Self.nothing, Self.rule(true, "c", 1 << 40, nil, "rwm"), Self.rule(true, "c", 4_294_967_295, 0, "rwm"),
    ]
    #expect(Self.allows(rules, "c", 0, 0, "r") == false)
    // The kernel compares with the immediate, extended by its sign: numbers of devices have 12 and 20 bits.
    #expect(DeviceProgram(rules).instructions.last?.code == DeviceProgram.exit)
  }

  @Test("Many rules make a program, too")
  func many() {
    let rules = [Self.nothing] + (0..<2000).map { Self.rule(true, "b", 8, $0, "r") }
    #expect(Self.allows(rules, "b", 8, 0, "r") == true)
    #expect(Self.allows(rules, "b", 8, 1999, "r") == true)
    #expect(Self.allows(rules, "b", 8, 2000, "r") == false)
  }

  // MARK: The kernel's answer

  /// Where cgroup v2 is mounted.
  static var unified: String? {
    text("/proc/self/mountinfo")?.split(separator: "\n").first { $0.contains(" - cgroup2 ") }
      .map { String($0.split(separator: " ")[4]) }
  }

  @Test(
    "The kernel takes the program, replaces it, and does as it says", .root,
    .enabled(if: unified != nil, "no cgroup v2"))
  func attached() throws {
    let folder = try #require(Self.unified) + "/drydock-kernel-test-\(getpid())"
    let kernel = LinuxKernel()
    try kernel.perform(.mkdir(path: KernelPath(folder), mode: 0o755))
    defer { rmdir(folder) }
    let opened = try kernel.open(KernelPath(folder), O_RDONLY | O_DIRECTORY)
    /// The exit status of a shell in the cgroup.
    func shell(_ script: String) throws -> Int32 {
      let arguments = try LinuxKernel.vector(["sh", "-c", "echo 0 > \(folder)/cgroup.procs; exec 2>&-; \(script)"])
      defer { LinuxKernel.free(arguments) }
      var child = pid_t()
      guard posix_spawn(&child, "/bin/sh", nil, nil, arguments, nil) == 0 else { throw Errno.EIO }
      var status: Int32 = 0
      waitpid(child, &status, 0)
      return status >> 8
    }
    let null = Self.rule(true, "c", 1, 3, "rw")
    try kernel.perform(.deviceProgram(cgroup: folder, rules: [Self.nothing, null]))
    let first = try kernel.attachedPrograms(opened.raw)
    #expect(first.count == 1)
    #expect(try shell("echo > /dev/null") == 0)
    #expect(try shell("read line < /dev/zero") != 0)
    try kernel.perform(.deviceProgram(cgroup: folder, rules: [Self.nothing]))
    let second = try kernel.attachedPrograms(opened.raw)
    #expect(second.count == 1)
    #expect(second != first)
    #expect(try shell("echo > /dev/null") != 0)
  }
}
