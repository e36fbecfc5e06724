import CLinux
import Glibc
import JSONTree
import OCISpec
import Runtime
import Testing

@testable import LinuxKernel

@Suite("seccomp: from a profile to a filter")
struct SeccompTests {
  typealias Profile = RuntimeSpec.Seccomp
  static let (x86_64, x86, x32, aarch64): (UInt32, UInt32, UInt32, UInt32) = (
    0xc000_003e, 0x4000_0003, 0xc000_003e, 0xc000_00b7
  )
  static let (allow, kill, noSuchCall): (UInt32, UInt32, UInt32) = (0x7fff_0000, 0, 0x0005_0026)
  static func errno(_ number: UInt32) -> UInt32 { 0x0005_0000 | number }

  static func docker(_ name: String) throws -> Profile {
    let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let bytes = try #require(LinuxKernel.contents(of: "/\(folder)/Fixtures/RuntimeConfigs/\(name).json"))
    return try #require(try RuntimeSpec.Config(parsing: bytes).linux?.seccomp)
  }

  static func verdict(
    _ profile: Profile, _ number: UInt32, _ arguments: [UInt64] = [], on architecture: UInt32 = x86_64
  ) throws -> UInt32? {
    var words: String?
    let filter = try SeccompFilter(profile, words: &words)
    return run(filter.program, on: SeccompData(number: number, architecture: architecture, arguments: arguments))
  }

  // MARK: Docker's profile

  @Test(
    "Docker's profile decides as libseccomp's filter of it does, on every architecture and for every number",
    arguments: ["run-rm", "build", "run-rm-20.10"])
  func docker(name: String) throws {
    let profile = try Self.docker(name)
    let rules = FilterRules(profile)
    #expect(rules.isPlain)
    let compiler = FilterCompiler(rules: rules)
    let ours = compiler.program()
    let theirs = try compiler.prologue() + FilterLibrary.program(profile)
    #expect(ours.count < theirs.count)
    let values: [UInt64] = [0, 1, 2, 8, 40, 41, 0xffff_ffff, 0x1_0000_0028, 0x7e02_0000, 0x2000_0000, .max]
    // Calls from 452 on are known here, but perhaps not to libseccomp.
    var numbers: [UInt32] = Array(0...451) + Array(470...600) + [.max, 0x3fff_ffff]
    numbers += (0...451).map { $0 | 0x4000_0000 }
    var differences: [String] = []
    for architecture in [Self.x86_64, Self.x86, Self.aarch64] {
      for number in numbers {
        for value in values {
          let arguments = Array(repeating: value, count: 6)
          let data = SeccompData(number: number, architecture: architecture, arguments: arguments)
          let (our, their) = (run(ours, on: data), run(theirs, on: data))
          if our != their { differences.append("\(architecture):\(number)(\(value))") }
        }
      }
    }
    #expect(differences == [])
  }

  @Test("What it says: read is allowed, mount is not, vsock is not, an unknown number is not there")
  func dockerInWords() throws {
    let profile = try Self.docker("run-rm")
    #expect(try Self.verdict(profile, 0) == Self.allow)
    #expect(try Self.verdict(profile, 165) == Self.errno(1))
    #expect(try Self.verdict(profile, 41, [2]) == Self.allow)
    #expect(try Self.verdict(profile, 41, [40]) == Self.errno(1))
    #expect(try Self.verdict(profile, 435) == Self.noSuchCall)
    #expect(try Self.verdict(profile, 600) == Self.noSuchCall)
    #expect(try Self.verdict(profile, 0x4000_0000) == Self.allow)
    #expect(try Self.verdict(profile, 3, on: Self.x86) == Self.allow)
    #expect(try Self.verdict(profile, 0, on: 0x1234) == Self.kill)
  }

  // MARK: Rules

  /// What a profile says of a call, read straight from its rules.
  static func reference(_ profile: Profile, _ name: String, _ arguments: [UInt64]) -> UInt32 {
    for rule in profile.syscalls where rule.names.contains(name) {
      func holds(_ argument: Profile.Argument) -> Bool {
        let value = arguments[Int(argument.index)]
        return switch argument.op {
        case .notEqual: value != argument.value
        case .less: value < argument.value
        case .lessOrEqual: value <= argument.value
        case .equal: value == argument.value
        case .greaterOrEqual: value >= argument.value
        case .greater: value > argument.value
        case .maskedEqual: value & argument.value == argument.valueTwo & argument.value
        }
      }
      let isRepeated = Set(rule.args.map(\.index)).count < rule.args.count
      let matches = rule.args.isEmpty || (isRepeated ? rule.args.contains(where: holds) : rule.args.allSatisfy(holds))
      if matches { return FilterRules.verdict(rule.action, rule.errnoRet) }
    }
    return FilterRules.verdict(profile.defaultAction, profile.defaultErrnoRet)
  }

  @Test("Comparisons of 64 bits: both halves count, at every boundary", arguments: Profile.Comparison.allCases)
  func comparisons(op: Profile.Comparison) throws {
    let values: [UInt64] = [
      0, 1, 4, 5, 6, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0004, 0x1_0000_0005, 0x1_0000_0006, 0x2_0000_0005, .max,
    ]
    for operand in values {
      for second: UInt64 in op == .maskedEqual ? [0, 1, 5, 0x1_0000_0000, .max] : [0] {
        let profile = Profile(
          defaultAction: .errno, architectures: ["SCMP_ARCH_X86_64"],
          syscalls: [
            .init(
              names: ["ioctl"], action: .allow, args: [.init(index: 1, value: operand, valueTwo: second, op: op)])
          ])
        var words: String?
        let filter = try SeccompFilter(profile, words: &words)
        for value in values {
          let arguments = [7, value, 7, 7, 7, 7]
          let data = SeccompData(number: 16, architecture: Self.x86_64, arguments: arguments)
          #expect(
            run(filter.program, on: data) == Self.reference(profile, "ioctl", arguments), "\(value) \(op) \(operand)")
        }
      }
    }
  }

  @Test("Several arguments must all hold; an argument that is compared twice makes alternatives")
  func severalArguments() throws {
    let both = Profile(
      defaultAction: .killProcess,
      syscalls: [
        .init(
          names: ["socket"], action: .errno, errnoRet: 97,
          args: [.init(index: 0, value: 16, op: .equal), .init(index: 2, value: 9, op: .equal)])
      ])
    #expect(try Self.verdict(both, 41, [16, 0, 9]) == Self.errno(97))
    #expect(try Self.verdict(both, 41, [16, 0, 8]) == 0x8000_0000)
    let either = Profile(
      defaultAction: .errno,
      syscalls: [
        .init(
          names: ["personality"], action: .allow,
          args: [.init(index: 0, value: 0, op: .equal), .init(index: 0, value: 8, op: .equal)])
      ])
    #expect(try Self.verdict(either, 135, [0]) == Self.allow)
    #expect(try Self.verdict(either, 135, [8]) == Self.allow)
    #expect(try Self.verdict(either, 135, [4]) == Self.errno(1))
  }

  @Test("A rule without condition makes those with one needless")
  func unconditional() throws {
    let profile = Profile(
      defaultAction: .errno,
      syscalls: [
        .init(names: ["read"], action: .allow, args: [.init(index: 0, value: 3, op: .equal)]),
        .init(names: ["read"], action: .allow),
      ])
    #expect(try Self.verdict(profile, 0, [9]) == Self.allow)
  }

  @Test("Many alternatives of one call: the way over them is longer than a jump of 8 bits")
  func longWays() throws {
    var profile = Profile(defaultAction: .errno, syscalls: [])
    for value in 0..<UInt64(120) {
      profile.syscalls.append(
        .init(names: ["ioctl"], action: .allow, args: [.init(index: 1, value: value * 3, op: .equal)]))
    }
    profile.syscalls.append(.init(names: ["write", "openat", "read"], action: .allow))
    #expect(try Self.verdict(profile, 16, [0, 357]) == Self.allow)
    #expect(try Self.verdict(profile, 16, [0, 358]) == Self.errno(1))
    #expect(try Self.verdict(profile, 0) == Self.allow)
    #expect(try Self.verdict(profile, 257) == Self.allow)
    #expect(try Self.verdict(profile, 2) == Self.errno(1))
  }

  @Test(
    "Actions and their values",
    arguments: [
      (Profile.Action.kill, nil, 0), (.killThread, nil, 0), (.killProcess, nil, 0x8000_0000), (.trap, nil, 0x0003_0000),
      (.errno, nil, 0x0005_0001), (.errno, 38, 0x0005_0026), (.errno, 0, 0x0005_0000), (.trace, nil, 0x7ff0_0001),
      (.trace, 7, 0x7ff0_0007), (.log, nil, 0x7ffc_0000), (.notify, nil, 0x7fc0_0000),
    ] as [(Profile.Action, UInt32?, UInt32)])
  func actions(action: Profile.Action, value: UInt32?, verdict: UInt32) throws {
    let profile = Profile(
      defaultAction: .allow, syscalls: [.init(names: ["getppid"], action: action, errnoRet: value)])
    #expect(try Self.verdict(profile, 110) == verdict)
    #expect(try Self.verdict(profile, 39) == Self.allow)
    // By default the calls are let through: nothing is hidden.
    #expect(try Self.verdict(profile, 600) == Self.allow)
  }

  @Test("i386: sockets also come through socketcall, with the call in its first argument")
  func multiplexed() throws {
    let profile = Profile(
      defaultAction: .errno, architectures: ["SCMP_ARCH_X86"],
      syscalls: [.init(names: ["socket", "accept", "semop"], action: .allow)])
    #expect(try Self.verdict(profile, 359, on: Self.x86) == Self.allow)
    #expect(try Self.verdict(profile, 102, [1], on: Self.x86) == Self.allow)
    #expect(try Self.verdict(profile, 102, [5], on: Self.x86) == Self.allow)
    #expect(try Self.verdict(profile, 102, [2], on: Self.x86) == Self.errno(1))
    #expect(try Self.verdict(profile, 117, [1], on: Self.x86) == Self.allow)
    #expect(try Self.verdict(profile, 117, [2], on: Self.x86) == Self.errno(1))
  }

  @Test("x32 is not let through where only x86-64 is named")
  func x32() throws {
    let profile = Profile(
      defaultAction: .allow, architectures: ["SCMP_ARCH_X86_64"],
      syscalls: [.init(names: ["mount"], action: .errno)])
    #expect(try Self.verdict(profile, 0x4000_00a5) == Self.kill)
    #expect(try Self.verdict(profile, 165) == Self.errno(1))
    #expect(try Self.verdict(profile, 3, on: Self.x86) == Self.kill)
  }

  @Test("Calls that nobody knows are passed over; calls younger than libseccomp are known")
  func unknownCalls() throws {
    let profile = Profile(
      defaultAction: .errno, syscalls: [.init(names: ["brew_tea", "file_setattr", "re\0ad"], action: .allow)])
    #expect(try Self.verdict(profile, 469) == Self.allow)
    #expect(try Self.verdict(profile, 0) == Self.errno(1))
    #expect(try Self.verdict(profile, 470) == Self.noSuchCall)
  }

  @Test("Different verdicts for one call are left to libseccomp")
  func mixed() throws {
    let profile = Profile(
      defaultAction: .allow,
      syscalls: [
        .init(names: ["kill"], action: .errno, errnoRet: 1, args: [.init(index: 1, value: 9, op: .equal)]),
        .init(names: ["kill"], action: .errno, errnoRet: 2, args: [.init(index: 1, value: 15, op: .equal)]),
      ])
    #expect(!FilterRules(profile).isPlain)
    #expect(try Self.verdict(profile, 62, [1, 9]) == Self.errno(1))
    #expect(try Self.verdict(profile, 62, [1, 15]) == Self.errno(2))
    #expect(try Self.verdict(profile, 62, [1, 2]) == Self.allow)
  }

  @Test(
    "Other architectures are left to libseccomp, numbers that are too great stay hidden, and the other endianness is nobody's"
  )
  func otherArchitectures() throws {
    let profile = Profile(
      defaultAction: .errno, architectures: ["SCMP_ARCH_S390X", "SCMP_ARCH_RISCV64"],
      syscalls: [.init(names: ["read", "write"], action: .allow)])
    #expect(!FilterRules(profile).isPlain)
    #expect(try Self.verdict(profile, 0) == Self.allow)
    #expect(try Self.verdict(profile, 200) == Self.noSuchCall)
    #expect(try Self.verdict(profile, 63, on: 0xc000_00f3) == Self.allow)
    #expect(try Self.verdict(profile, 65, on: 0xc000_00f3) == Self.noSuchCall)
  }

  @Test("What must not be asked for: notification of write, or by default")
  func refusedProfiles() {
    for profile in [
      Profile(defaultAction: .notify),
      Profile(defaultAction: .allow, syscalls: [.init(names: ["read", "write"], action: .notify)]),
    ] {
      var words: String?
      #expect(throws: Errno.EINVAL) { try SeccompFilter(profile, words: &words) }
      #expect(words?.contains("SCMP_ACT_NOTIFY cannot be used") == true)
    }
  }

  @Test("Flags of seccomp(2)")
  func flags() throws {
    func flags(_ names: [String], notify: Bool = false) throws -> Int {
      var words: String?
      let profile = Profile(
        defaultAction: .allow, flags: names,
        syscalls: notify ? [.init(names: ["getppid"], action: .notify)] : [])
      return try SeccompFilter(profile, words: &words).flags
    }
    #expect(try flags([]) == 4)
    #expect(try flags(["SECCOMP_FILTER_FLAG_LOG"]) == 2)
    #expect(try flags(["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]) == 5)
    #expect(try flags(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"], notify: true) == 40)
    #expect(try flags(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]) == 0)
    #expect(try flags(["SECCOMP_FILTER_FLAG_TSYNC"], notify: true) == 25)
  }

  // MARK: The kernel's answer

  @Test("The kernel takes the filter, and does as it says", .root)
  func loaded() throws {
    let profile = try Self.docker("run-rm")
    let answers = try apart { () -> [Int32] in
      let kernel = LinuxKernel()
      try kernel.perform(.prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1))
      let result = try kernel.perform(.seccomp(profile))
      var answers = [Int32(result)]
      answers.append(keyctl())
      answers.append(getppid() > 0 ? 0 : -1)
      answers.append(call(600))
      return answers
    }
    #expect(answers == [0, EPERM, 0, ENOSYS])
  }

  @Test("A rule with SCMP_ACT_NOTIFY gives a descriptor that hears of the call", .root)
  func listener() throws {
    let profile = Profile(defaultAction: .allow, syscalls: [.init(names: ["acct"], action: .notify)])
    let isOpen = try apart { () -> Bool in
      let kernel = LinuxKernel()
      try kernel.prepare(profile)
      let listener = try kernel.perform(.seccomp(profile))
      defer { close(Int32(listener)) }
      return listener > 2 && fcntl(Int32(listener), F_GETFD) == FD_CLOEXEC
    }
    #expect(isOpen)
  }

  @Test("Without a filter prepared for it, another profile is compiled anew", .root)
  func otherProfile() throws {
    let answer = try apart { () -> Int32 in
      let kernel = LinuxKernel()
      try kernel.prepare(Profile(defaultAction: .allow))
      try kernel.perform(
        .seccomp(Profile(defaultAction: .allow, syscalls: [.init(names: ["acct"], action: .errno, errnoRet: 42)])))
      return call(SYS_acct)
    }
    #expect(answer == 42)
  }
}

/// The errno of a call without arguments; 0 when it is not refused.
private func call(_ number: Int32) -> Int32 {
  do throws(Errno) {
    try system(number)
    return 0
  } catch { return error.code }
}
private func keyctl() -> Int32 { call(SYS_keyctl) }
