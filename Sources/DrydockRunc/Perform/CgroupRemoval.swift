import Glibc
import LinuxKernel
import Runtime

/// Takes cgroups away, and whoever is still in them.
enum CgroupRemoval {
  /// How long the last processes of a cgroup may take to end, in nanoseconds: who is in the kernel (a slow disk, a
  /// core dump) ends later than it is killed.
  private static let patience: UInt64 = 10_000_000_000
  /// cgroups below cgroups that are followed.
  private static let depth = 64

  static func isCgroup(_ path: String) -> Bool { path.hasPrefix("/sys/fs/cgroup/") }

  /// rmdir(2) of a cgroup, with those below it. While it is busy its processes are killed. ENOENT when there is none.
  static func remove(_ path: String) throws(Errno) {
    if rmdir(path) == 0 { return }
    var error = Errno.last
    guard error == .EBUSY else { throw error }
    let deadline = LinuxKernel.monotonicTime() &+ patience
    var pause: UInt64 = 100_000
    while error == .EBUSY {
      kill(in: path)
      for child in folders(in: path) { removeTree("\(path)/\(child)", depth) }
      if rmdir(path) == 0 { return }
      error = Errno.last
      if error != .EBUSY || LinuxKernel.monotonicTime() > deadline { throw error }
      LinuxKernel.sleep(nanoseconds: pause)
      pause = min(pause * 2, 20_000_000)
    }
    throw error
  }

  private static func removeTree(_ path: String, _ depth: Int) {
    if rmdir(path) == 0 || depth == 0 { return }
    kill(in: path)
    for child in folders(in: path) { removeTree("\(path)/\(child)", depth - 1) }
    _ = rmdir(path)
  }

  /// SIGKILL to every member of a cgroup and of those below it; who is frozen is thawed, or it would not die.
  static func kill(in path: String) {
    if (try? HostFile.writeExisting(path + "/cgroup.kill", "1")) == nil {
      let own = Int(getpid())
      for pid in members(of: path) where pid != own { _ = Glibc.kill(pid_t(pid), SIGKILL) }
      if HostFile.text(path + "/freezer.state")?.hasPrefix("FR") == true {
        try? HostFile.writeExisting(path + "/freezer.state", "THAWED")
      }
    }
    for child in folders(in: path) { kill(in: "\(path)/\(child)") }
  }

  /// The processes of a cgroup, as this process's PID namespace numbers them; without those that it cannot see.
  static func members(of path: String) -> [Int] {
    let bytes = LinuxKernel.contents(of: path + "/cgroup.procs") ?? []
    return bytes.split(separator: UInt8(ascii: "\n")).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
      .filter { $0 > 0 }
  }

  /// The processes of a cgroup and of those below it.
  static func allMembers(of path: String, depth: Int = CgroupRemoval.depth) -> [Int] {
    var pids = members(of: path)
    guard depth > 0 else { return pids }
    for child in folders(in: path) { pids += allMembers(of: "\(path)/\(child)", depth: depth - 1) }
    return pids
  }

  /// The cgroups right below one.
  private static func folders(in path: String) -> [String] {
    var info = stat()
    // Two links and one for each folder below: most have none, and need not be read.
    guard stat(path, &info) == 0, info.st_nlink > 2 else { return [] }
    return (HostFile.names(in: path) ?? []).filter { HostFile.kind("\(path)/\($0)") == .directory }
  }
}
