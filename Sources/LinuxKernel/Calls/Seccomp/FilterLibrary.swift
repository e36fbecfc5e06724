import CLinux
import CSeccomp
import Glibc
import OCISpec
import Runtime

/// A profile as libseccomp compiles it: for whatever `FilterCompiler` leaves to it.
enum FilterLibrary {
  static func program(_ profile: RuntimeSpec.Seccomp) throws(Errno) -> [FilterInstruction] {
    let byDefault = FilterRules.verdict(profile.defaultAction, profile.defaultErrnoRet)
    guard let filter = seccomp_init(byDefault) else { throw .ENOMEM }
    defer { seccomp_release(filter) }
    for architecture in FilterArchitecture.all(of: profile) where architecture != .native {
      let result = seccomp_arch_add(filter, architecture.token)
      // EDOM: of the other endianness, so no process of this machine has it.
      if result != -EDOM { try check(result) }
    }
    // A binary tree: what it costs is paid once, a linear search at each call. (2.5.4 mistakes an empty one.)
    if profile.syscalls.reduce(0, { $0 + $1.names.count }) > 32 {
      try check(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2))
    }
    for rule in profile.syscalls {
      let verdict = FilterRules.verdict(rule.action, rule.errnoRet)
      // libseccomp refuses a rule that says what the default says.
      if verdict == byDefault { continue }
      for name in rule.names { try add(rule, name, verdict, to: filter) }
    }
    return try exported(filter)
  }

  private static func add(
    _ rule: RuntimeSpec.Seccomp.Rule, _ name: String, _ verdict: UInt32, to filter: scmp_filter_ctx
  ) throws(Errno) {
    if name.utf8.contains(0) { return }
    let number = seccomp_syscall_resolve_name(name)
    if number == -1 { return }
    if rule.args.isEmpty { return try check(seccomp_rule_add_array(filter, verdict, number, 0, nil)) }
    for alternative in FilterRules.alternatives(rule.args) {
      let comparisons = alternative.map { argument in
        scmp_arg_cmp(
          arg: argument.index, op: FilterLibrary.comparison(argument.op), datum_a: argument.value,
          datum_b: argument.valueTwo)
      }
      try check(seccomp_rule_add_array(filter, verdict, number, UInt32(comparisons.count), comparisons))
    }
  }

  private static func comparison(_ op: RuntimeSpec.Seccomp.Comparison) -> scmp_compare {
    switch op {
    case .notEqual: SCMP_CMP_NE
    case .less: SCMP_CMP_LT
    case .lessOrEqual: SCMP_CMP_LE
    case .equal: SCMP_CMP_EQ
    case .greaterOrEqual: SCMP_CMP_GE
    case .greater: SCMP_CMP_GT
    case .maskedEqual: SCMP_CMP_MASKED_EQ
    }
  }

  private static func exported(_ filter: scmp_filter_ctx) throws(Errno) -> [FilterInstruction] {
    let file = Descriptor(
      Int32(try system(with: "seccomp") { clinux_call(Int(SYS_memfd_create), $0, 1 /* MFD_CLOEXEC */, 0, 0, 0, 0) }))
    try check(seccomp_export_bpf(filter, file.raw))
    let size = lseek(file.raw, 0, SEEK_END)
    let stride = MemoryLayout<FilterInstruction>.stride
    guard size > 0, size % stride == 0 else { throw .EIO }
    let raw = file.raw
    let program = [FilterInstruction](unsafeUninitializedCapacity: size / stride) { buffer, count in
      let read = pread(raw, UnsafeMutableRawPointer(buffer.baseAddress), size, 0)
      count = max(0, read) / stride
    }
    guard program.count * stride == size else { throw .EIO }
    return program
  }

  private static func check(_ result: Int32) throws(Errno) {
    if result < 0 { throw Errno(number: -result) }
  }
}
