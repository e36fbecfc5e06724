#if canImport(Glibc)
  import Glibc
#endif

/// `drydock doctor`: what this machine can do. Trace mode needs nothing of it; real mode will.
public enum Doctor {
  /// One finding: what was looked at, what was found, whether it serves, and what to do when it does not.
  struct Finding: Equatable {
    var name: String
    var value: String
    var isGood: Bool
    var advice = ""
  }

  public static func run() -> Int32 {
    var text = ""
    for finding in findings() {
      text += (finding.isGood ? "ok   " : "no   ") + finding.name.padding(to: 16) + finding.value + "\n"
      if !finding.isGood, !finding.advice.isEmpty { text += String(repeating: " ", count: 21) + finding.advice + "\n" }
    }
    text += "Trace mode works everywhere. What says no here is missed only by real containers.\n"
    return Terminal.write(1, text) ? 0 : 1
  }

  static func findings() -> [Finding] {
    let users = UserFiles()
    func read(_ path: String) -> String? { (try? users.read(path)).map { String(decoding: $0, as: UTF8.self).trimmed } }
    var findings: [Finding] = []
    var name = utsname()
    uname(&name)
    let release = withUnsafeBytes(of: &name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let version = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
    findings.append(
      Finding(
        name: "kernel", value: "Linux \(release)", isGood: version.lexicographicallyPrecedes([5, 11]) == false,
        advice: "Linux 5.11 or newer has all that containers without root need"))
    findings.append(
      Finding(
        name: "user", value: getuid() == 0 ? "root" : "uid \(getuid()), without root", isGood: true))
    let kinds = ["user", "pid", "net", "mnt", "ipc", "uts", "cgroup", "time"]
    let missing = kinds.filter { users.kind("/proc/self/ns/\($0)") == nil }
    findings.append(
      Finding(
        name: "namespaces", value: missing.isEmpty ? "all eight kinds" : "without \(missing.joined(separator: ", "))",
        isGood: missing.isEmpty, advice: "the kernel was built without them (CONFIG_NAMESPACES and its parts)"))
    let limit = read("/proc/sys/user/max_user_namespaces").flatMap { Int($0) } ?? 0
    let isClosed = read("/proc/sys/kernel/unprivileged_userns_clone") == "0"
    findings.append(
      Finding(
        name: "user namespaces", value: limit > 0 && !isClosed ? "for everybody" : "only for root",
        isGood: (limit > 0 && !isClosed) || getuid() == 0,
        advice: "sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000"))
    let fileSystems = read("/proc/filesystems") ?? ""
    findings.append(
      Finding(
        name: "overlayfs", value: fileSystems.contains("\toverlay") ? "in the kernel" : "not loaded",
        isGood: fileSystems.contains("\toverlay"), advice: "modprobe overlay"))
    let unified = read("/sys/fs/cgroup/cgroup.controllers")
    let mounts = read("/proc/self/mounts") ?? ""
    let hasV1 = mounts.contains(" cgroup rw")
    findings.append(
      Finding(
        name: "cgroups",
        value: unified.map { "v2: \($0)" }
          ?? (hasV1 ? "v1" + (mounts.contains(" cgroup2 ") ? ", and v2 beside it" : "") : "not mounted"),
        isGood: unified != nil || hasV1, advice: "mount -t cgroup2 none /sys/fs/cgroup"))
    let hasSeccomp = (read("/proc/sys/kernel/seccomp/actions_avail") ?? "").contains("errno")
    findings.append(
      Finding(
        name: "seccomp", value: hasSeccomp ? "filters" : "none", isGood: hasSeccomp,
        advice: "the kernel was built without CONFIG_SECCOMP_FILTER"))
    return findings
  }
}

extension String {
  /// With blanks up to `width` characters.
  fileprivate func padding(to width: Int) -> String {
    count >= width ? self : self + String(repeating: " ", count: width - count)
  }
}
