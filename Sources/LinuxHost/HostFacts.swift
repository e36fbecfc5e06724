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
  /// Processors that are online.
  public var cpus: Int
  /// Bytes.
  public var memory: Int64
  /// 2 where `/sys/fs/cgroup` is the unified hierarchy, else 1.
  public var cgroupVersion: Int
  public var hasSeccomp: Bool
  public var hasAppArmor: Bool
  public var hasTimeNamespaces: Bool

  /// Asks the kernel and reads a few small files.
  public static func current() -> HostFacts {
    var names = utsname()
    uname(&names)
    let files = LinuxFiles()
    func text(_ path: String) -> String { (try? files.read(path)).map { String(decoding: $0, as: UTF8.self) } ?? "" }
    let pages = Int64(sysconf(Int32(_SC_PHYS_PAGES)))
    return HostFacts(
      kernelVersion: string(&names.release), machine: string(&names.machine), hostname: string(&names.nodename),
      operatingSystem: prettyName(text("/etc/os-release")) ?? "Linux",
      cpus: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), memory: pages * Int64(sysconf(Int32(_SC_PAGESIZE))),
      cgroupVersion: files.stat("/sys/fs/cgroup/cgroup.controllers") == nil ? 1 : 2,
      hasSeccomp: files.stat("/proc/sys/kernel/seccomp/actions_avail") != nil,
      hasAppArmor: text("/sys/module/apparmor/parameters/enabled").hasPrefix("Y"),
      hasTimeNamespaces: files.stat("/proc/self/ns/time") != nil)
  }

  private static func prettyName(_ release: String) -> String? {
    for line in release.split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
      return String(line.dropFirst(12).filter { $0 != "\"" })
    }
    return nil
  }

  /// A field of `utsname`, which Swift sees as a tuple.
  private static func string<T>(_ field: inout T) -> String {
    withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
