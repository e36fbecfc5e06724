import Engine
import Handoff
import JSONTree
import Runtime
import Seams
import Synchronization

/// Namespaces that are kept by a bind mount of theirs, and not by a process: what `ip netns add` does, podman for each
/// container, CRI-O's pinns for each pod (namespaces(7)).
final class PinnedNamespaces: Sendable {
  /// What was pinned.
  struct Pins: Sendable {
    /// The file of each kind.
    var paths: [NamespaceKind: String] = [:]
    /// The number under which `NetworkHost` knows the network namespace in place of a pid: below zero.
    var handle = 0
  }
  private struct State {
    var pins: [String: Pins] = [:]
    var networks: [Int: Int] = [:]
    var last = 0
  }
  private let kernel: SimKernel
  /// Records the system calls.
  private let tap: Tap
  private let state = Mutex(State())

  init(kernel: SimKernel, tap: Tap) { (self.kernel, self.tap) = (kernel, tap) }

  /// Makes namespaces of their own and pins each to its file; `owner` (a container, a pod) is whose they are.
  ///
  /// - Parameters:
  ///   - program: the name and command line of the process that does it, and ends.
  func make(for owner: String, _ files: [(kind: NamespaceKind, path: String)], program: [String]) throws -> Pins {
    let pid = kernel.spawnPart(program.first ?? "unshare", arguments: program)
    defer { kernel.endPart(pid) }
    var pins = Pins()
    do throws(Errno) {
      let kinds = files.map(\.kind)
      try ask(.unshare(kinds), pid)
      if kinds.contains(.network) {
        try ask(.netlink(operation: "RTM_SETLINK", attributes: ["IFLA_IFNAME": "lo", "flags": "IFF_UP"]), pid)
      }
      for (kind, path) in files {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        try SimHostFiles(kernel).makeDirectory("/" + folder, mode: 0o755)
        try ask(.createFile(path: KernelPath(path), mode: 0), pid)
        try ask(
          .mount(
            source: "/proc/\(pid)/ns/\(kind.procName)", target: KernelPath(path), type: "", flags: ["MS_BIND"],
            data: ""), pid)
        pins.paths[kind] = path
      }
    } catch {
      remove(pins)
      throw EngineError(.unknown, "failed to pin namespaces: \(error.message)")
    }
    let network = pins.paths[.network] == nil ? nil : kernel.networkNamespace(of: pid)
    return state.withLock { state in
      state.last -= 1
      pins.handle = state.last
      state.networks[pins.handle] = network
      state.pins[owner] = pins
      return pins
    }
  }

  subscript(owner: String) -> Pins? { state.withLock { $0.pins[owner] } }

  /// The network namespace of a process, or behind a handle.
  func network(_ pid: Int) -> Int? {
    pid < 0 ? state.withLock { $0.networks[pid] } : kernel.networkNamespace(of: pid)
  }

  /// Takes the files of an owner away, and with them its namespaces, if no process is in them.
  func remove(for owner: String) {
    let pins = state.withLock { state -> Pins? in
      guard let pins = state.pins.removeValue(forKey: owner) else { return nil }
      state.networks[pins.handle] = nil
      return pins
    }
    if let pins { remove(pins) }
  }

  private func remove(_ pins: Pins) {
    for path in pins.paths.values.sorted() {
      _ = try? ask(.unmount(target: KernelPath(path), flags: ["MNT_DETACH"]), 1)
      _ = try? ask(.unlink(path: KernelPath(path)), 1)
    }
  }

  private func ask(_ call: KernelCall, _ pid: Int) throws(Errno) {
    let context = TraceContext.current
    do {
      let result = try kernel.perform(call, as: pid)
      tap.note(call.name, call, .success(JSON.int(Int64(result))), in: context)
    } catch {
      tap.note(call.name, call, .failure(code: Int(error.code), message: error.message), in: context)
      throw error
    }
  }
}

extension World {
  /// A random UUID (RFC 9562, version 4).
  func uuid() -> String {
    var digits = Array(hexID(32))
    digits[12] = "4"
    digits[16] = ["8", "9", "a", "b"][Int(randomBytes(1)[0] & 3)]
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
  }
}
