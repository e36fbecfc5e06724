import LinuxKernel
import Runtime

/// The freezer of a container's cgroup (cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst).
struct Freezer {
  let paths: CgroupPaths
  init(_ paths: CgroupPaths) { self.paths = paths }

  private var isUnified: Bool { paths.layout.version == .unified }

  /// The file that says and changes the state; nil where the host has no freezer.
  var file: String? {
    if isUnified { return paths.unified.map { $0 + "/cgroup.freeze" } }
    return paths.path(of: "freezer").map { $0 + "/freezer.state" }
  }

  /// FROZEN or on the way there. False where there is no cgroup.
  var isFrozen: Bool {
    guard let file, let text = HostFile.text(file) else { return false }
    return isUnified ? text.hasPrefix("1") : text.hasPrefix("FR")
  }

  /// Sees that every process stands still, after the state was written.
  ///
  /// v1 stays at FREEZING as long as processes are on their way in, and has to be asked again, after a thaw now and
  /// then; v2 comes there by itself. What cannot be frozen is thawed: half of it must not stand still.
  func confirm() throws(Failure) {
    guard let file else { throw Failure("freezer not supported") }
    do throws(Failure) {
      if isUnified { try confirmUnified() } else { try confirmHierarchy(file) }
    } catch {
      try? HostFile.writeExisting(file, isUnified ? "0" : "THAWED")
      throw error
    }
  }

  private func confirmUnified() throws(Failure) {
    guard let path = paths.unified else { throw Failure("freezer not supported") }
    for _ in 0..<1000 {
      guard let events = HostFile.text(path + "/cgroup.events") else {
        throw Failure("open \(path)/cgroup.events: \(Errno.last)")
      }
      if events.split(separator: "\n").contains("frozen 1") { return }
      LinuxKernel.sleep(nanoseconds: 2_000_000)
    }
    throw Failure("unable to freeze")
  }

  private func confirmHierarchy(_ file: String) throws(Failure) {
    for attempt in 0..<1000 {
      guard let state = HostFile.text(file) else { throw Failure("open \(file): \(Errno.last)") }
      if state.hasPrefix("FROZEN") { return }
      guard state.hasPrefix("FREEZING") || state.hasPrefix("THAWED") else {
        throw Failure("unexpected state \(state.prefix { $0 != "\n" }) while freezing")
      }
      if attempt % 50 == 49 {
        try? HostFile.writeExisting(file, "THAWED")
        LinuxKernel.sleep(nanoseconds: 10_000_000)
      }
      do { try HostFile.writeExisting(file, "FROZEN") } catch { throw Failure("write \(file): \(error)") }
      if attempt % 25 == 24 { LinuxKernel.sleep(nanoseconds: 10_000) }
    }
    throw Failure("unable to freeze")
  }
}
