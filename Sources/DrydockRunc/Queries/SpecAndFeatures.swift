import CLinux
import Glibc
import OCISpec
import Runtime

/// `spec` and `features`.
extension DrydockRunc {
  static func spec(_ invocation: Invocation) throws(Failure) -> Int32 {
    let path = try invocation.bundle() + "/config.json"
    let json = ExampleSpec.json(
      rootless: invocation.arguments.has("rootless"), unified: Host().cgroups.version == .unified, uid: geteuid(),
      gid: getegid())
    // O_EXCL: nothing that is there is overwritten, links included.
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard file >= 0 else {
      let error = Errno.last
      throw Failure(
        error == .EEXIST ? "File config.json exists. Remove it first" : "open config.json: \(error)")
    }
    defer { close(file) }
    do { try HostFile.write(json.pretty(indent: "\t").utf8, to: file) } catch {
      throw Failure("write config.json: \(error)")
    }
    return 0
  }

  static func features(_ invocation: Invocation) throws(Failure) -> Int32 {
    var features = RuntimeSpec.Features(capabilities: CapabilityNames.all)
    features.annotations = [
      "org.opencontainers.runc.checkpoint.enabled": "false", "drydock.runc.version": RuntimeVersion.number,
    ]
    if let version = RuntimeVersion.libseccomp {
      features.annotations["io.github.seccomp.libseccomp.version"] = version
    }
    (features.systemd, features.systemdUser, features.intelRdt) = (false, false, false)
    features.seccompSupportedFlags = RuntimeSpec.Seccomp.knownFlags.filter(isSupported)
    print(features.json.pretty() + "\n")
    return 0
  }

  /// Whether the kernel knows a flag of seccomp(2): it looks at the flags before it looks for the program, which is not
  /// there.
  private static func isSupported(_ flag: String) -> Bool {
    let value: Int
    switch flag {
    case "SECCOMP_FILTER_FLAG_TSYNC": value = 1
    case "SECCOMP_FILTER_FLAG_LOG": value = 2
    case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": value = 4
    // Only together with a new listener.
    case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": value = 32 | 8
    default: return false
    }
    let setModeFilter = 1
    return clinux_call(Int(SYS_seccomp), setModeFilter, value, 0, 0, 0, 0) == -Int(Glibc.EFAULT)
  }
}
