import Glibc
import Seams

/// What `docker info` says of the machine.
public struct HostFacts: Sendable, Hashable {
  /// uname(2): `6.12.0-1-amd64`, `x86_64`.
  public var kernelVersion: String
  public var machine: String
  public var hostname: String
  /// PRETTY_NAME of os-release(5).
  public var operatingSystem: String
  /// VERSION_ID of it; empty when it has none.
  public var osVersion: String
  /// Processors that are online.
  public var cpus: Int
  /// Bytes.
  public var memory: Int64
  /// 2 where `/sys/fs/cgroup` is the unified hierarchy, else 1.
  public var cgroupVersion: Int
  public var hasSeccomp: Bool
  public var hasAppArmor: Bool
  public var hasTimeNamespaces: Bool
  /// What containers can be limited by, as this process finds it.
  public var limits: Limits
  /// The kernel forwards IPv4 packets between interfaces.
  public var forwardsIPv4: Bool

  /// Kinds of limits that the cgroups of this machine have.
  public struct Limits: Sendable, Hashable {
    public var memory: Bool
    public var swap: Bool
    /// Whether the kernel can be kept from killing for want of memory (cgroup v1 only).
    public var oomKillDisable: Bool
    public var cpuShares: Bool
    public var cpuQuota: Bool
    public var cpuset: Bool
    public var pids: Bool
  }

  /// Asks the kernel and reads a few small files.
  public static func current() -> HostFacts {
    var names = utsname()
    uname(&names)
    let files = LinuxFiles()
    func text(_ path: String) -> String { (try? files.read(path)).map { String(decoding: $0, as: UTF8.self) } ?? "" }
    let pages = Int64(sysconf(Int32(_SC_PHYS_PAGES)))
    let release = text("/etc/os-release")
    let isUnified = files.stat("/sys/fs/cgroup/cgroup.controllers") != nil
    return HostFacts(
      kernelVersion: string(&names.release), machine: string(&names.machine), hostname: string(&names.nodename),
      operatingSystem: field("PRETTY_NAME", of: release) ?? "Linux", osVersion: field("VERSION_ID", of: release) ?? "",
      cpus: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), memory: pages * Int64(sysconf(Int32(_SC_PAGESIZE))),
      cgroupVersion: isUnified ? 2 : 1,
      hasSeccomp: files.stat("/proc/sys/kernel/seccomp/actions_avail") != nil,
      hasAppArmor: text("/sys/module/apparmor/parameters/enabled").hasPrefix("Y"),
      hasTimeNamespaces: files.stat("/proc/self/ns/time") != nil,
      limits: isUnified
        ? unified(text("/sys/fs/cgroup/cgroup.controllers"), own: text("/proc/self/cgroup")) {
          files.stat($0) != nil
        } : separate(mounts: text("/proc/self/mountinfo")) { files.stat($0) != nil },
      forwardsIPv4: text("/proc/sys/net/ipv4/ip_forward").hasPrefix("1"))
  }

  /// cgroup v2: by the controllers that there are; swap by a file that only cgroups below the root have.
  private static func unified(_ controllers: String, own: String, exists: (String) -> Bool) -> Limits {
    let names = Set(controllers.split { $0 == " " || $0 == "\n" }.map(String.init))
    let path = own.split(separator: "\n").first { $0.hasPrefix("0::") }?.dropFirst(3) ?? "/"
    // A process in the root has no such file of its own: what the first cgroup below has, others have too.
    let places = path == "/" ? ["/init.scope", "/system.slice", "/user.slice"] : [String(path)]
    return Limits(
      memory: names.contains("memory"),
      swap: names.contains("memory") && places.contains { exists("/sys/fs/cgroup\($0)/memory.swap.max") },
      oomKillDisable: false, cpuShares: names.contains("cpu"), cpuQuota: names.contains("cpu"),
      cpuset: names.contains("cpuset"), pids: names.contains("pids"))
  }

  /// cgroup v1: each hierarchy where it is mounted, by the files that it has (proc(5), mountinfo).
  private static func separate(mounts: String, exists: (String) -> Bool) -> Limits {
    var places: [String: String] = [:]
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), fields.count > dash + 3, fields.count > 4,
        fields[dash + 1] == "cgroup"
      else { continue }
      for option in fields[dash + 3].split(separator: ",") { places[String(option)] = String(fields[4]) }
    }
    func has(_ controller: String, _ file: String) -> Bool {
      places[controller].map { exists("\($0)/\(file)") } ?? false
    }
    return Limits(
      memory: places["memory"] != nil, swap: has("memory", "memory.memsw.limit_in_bytes"),
      oomKillDisable: has("memory", "memory.oom_control"), cpuShares: has("cpu", "cpu.shares"),
      cpuQuota: has("cpu", "cpu.cfs_quota_us"), cpuset: places["cpuset"] != nil, pids: places["pids"] != nil)
  }

  /// Of os-release(5).
  private static func field(_ name: String, of release: String) -> String? {
    for line in release.split(separator: "\n") where line.hasPrefix(name + "=") {
      return String(line.dropFirst(name.utf8.count + 1).filter { $0 != "\"" && $0 != "'" })
    }
    return nil
  }

  /// A field of `utsname`, which Swift sees as a tuple.
  private static func string<T>(_ field: inout T) -> String {
    withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
