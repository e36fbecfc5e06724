import CSeccomp
import Glibc

/// Has the kernel kill this process, without a last word, where it would make this system call for the first time:
/// the store must be whole just before each.
func die(at name: String) throws {
  let number = seccomp_syscall_resolve_name(name)
  // SCMP_ACT_ALLOW, SCMP_ACT_KILL_PROCESS
  guard number >= 0, let filter = seccomp_init(0x7fff_0000) else { throw Misuse(description: "no call \(name)") }
  defer { seccomp_release(filter) }
  guard seccomp_rule_add_array(filter, 0x8000_0000, number, 0, nil) == 0, seccomp_load(filter) == 0 else {
    throw Misuse(description: "seccomp: \(name)")
  }
}
