import JSONTree
import Runtime
import Seams

/// The host's processes, where a part of the core is another program than it thinks: conmon in the shim's place, or no
/// process of its own at all.
struct PartProcesses: Processes {
  let next: any Processes
  /// Begins a part; nil leaves it to the host.
  var spawn: @Sendable (_ name: String, _ arguments: [String]) -> Int?
  /// Whether a part ends when it is told to.
  var ends: @Sendable (_ pid: Int) -> Bool = { _ in true }

  func spawnPart(_ name: String, arguments: [String]) -> Int {
    spawn(name, arguments) ?? next.spawnPart(name, arguments: arguments)
  }
  func spawnPart(_ name: String, arguments: [String], parent: Int) -> Int {
    next.spawnPart(name, arguments: arguments, parent: parent)
  }
  func endPart(_ pid: Int) { if ends(pid) { next.endPart(pid) } }
  func wait(_ pid: Int) async -> Int { await next.wait(pid) }
  func wasOOMKilled(_ pid: Int) -> Bool { next.wasOOMKilled(pid) }
  func members(cgroup path: String) -> [Int] { next.members(cgroup: path) }
  func info(_ pid: Int) -> HostProcessInfo? { next.info(pid) }
  func kill(_ pid: Int, signal: Int, by part: Int) throws(Errno) { try next.kill(pid, signal: signal, by: part) }
  func resizeTerminal(of pid: Int, rows: Int, columns: Int) {
    next.resizeTerminal(of: pid, rows: rows, columns: columns)
  }
  func statistics(cgroup path: String) -> JSON? { next.statistics(cgroup: path) }
}
