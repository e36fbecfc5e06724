import Handoff
import JSONTree

/// An operation of the shim's ttrpc service.
public protocol ShimOperation: Operation {}

/// A running shim, as containerd reaches it: `containerd.task.v3.Task` over ttrpc.
public protocol ShimAPI: Sendable {
  func call<O: ShimOperation>(_ operation: O) async throws -> O.Answer
}

/// The containerd → shim seam: the shim's executable, which starts a shim or cleans up after a dead one.
public protocol ShimLauncher: Sendable {
  /// `containerd-shim-runc-v2 … start`: a shim for a bundle; the answer is its address.
  func start(_ invocation: ShimInvocation) async throws -> any ShimAPI
  /// `containerd-shim-runc-v2 … delete`: cleans up what a shim left.
  func delete(_ invocation: ShimInvocation) async throws -> ShimDeleteResult
}

/// How the shim's executable is called.
public struct ShimInvocation: Sendable, Hashable, Codable, JSONWritable {
  /// The executable: `containerd-shim-runc-v2`.
  public var binary: String
  public var namespace: String
  public var id: String
  public var bundle: String
  /// containerd's socket.
  public var address: String
  /// Where the shim delivers its events: a closure in one process, ttrpc between two.
  public var publish: EventPublisher?
  /// What the bundle's `config.json` says, where both live in one process: it need not be read again.
  public var config: JSON?

  public init(
    binary: String, namespace: String, id: String, bundle: String, address: String, publish: EventPublisher? = nil,
    config: JSON? = nil
  ) {
    (self.binary, self.namespace, self.id, self.bundle, self.address) = (binary, namespace, id, bundle, address)
    (self.publish, self.config) = (publish, config)
  }

  /// The command line, `verb` being `start` or `delete`.
  public func argv(_ verb: String) -> [String] {
    var argv = [
      binary, "-namespace", namespace, "-address", address, "-publish-binary", "/usr/bin/containerd", "-id", id,
    ]
    if verb == "delete" { argv += ["-bundle", bundle] }
    return argv + [verb]
  }

  private enum CodingKeys: String, CodingKey { case binary, namespace, id, bundle, address }
  public static func == (a: Self, b: Self) -> Bool {
    a.id == b.id && a.bundle == b.bundle && a.namespace == b.namespace
  }
  public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// Delivers the shim's events (`/tasks/exit`, `/tasks/oom`, …) to containerd.
public struct EventPublisher: Sendable {
  public let publish: @Sendable (_ topic: String, _ event: JSON) -> Void
  public init(_ publish: @escaping @Sendable (_ topic: String, _ event: JSON) -> Void) { self.publish = publish }
}

/// What `delete` prints: how the container ended.
public struct ShimDeleteResult: Codable, Hashable, JSONWritable {
  public var pid: Int
  public var exitStatus: Int
  public var exitedAt: UInt64
  public init(pid: Int, exitStatus: Int, exitedAt: UInt64) {
    (self.pid, self.exitStatus, self.exitedAt) = (pid, exitStatus, exitedAt)
  }
}

/// Records the exec of shims, and every call to the shims that were started.
public struct TracedShimLauncher: ShimLauncher {
  private let next: any ShimLauncher
  private let exec: Tap
  private let ttrpc: Tap

  /// `exec` and `ttrpc` are the same two parties over the two protocols of this seam.
  public init(_ next: any ShimLauncher, exec: Tap, ttrpc: Tap) {
    (self.next, self.exec, self.ttrpc) = (next, exec, ttrpc)
  }

  public func start(_ invocation: ShimInvocation) async throws -> any ShimAPI {
    let shim: any ShimAPI = try await exec.carry(
      "containerd-shim start", JSON.object(["argv": JSON(invocation.argv("start"))]),
      outcome: { _ in
        .success(
          JSON.object(["address": .string("unix:///run/containerd/s/\(invocation.id.prefix(16))"), "protocol": "ttrpc"])
        )
      }
    ) { try await next.start(invocation) }
    return TracedShim(next: shim, tap: ttrpc)
  }

  public func delete(_ invocation: ShimInvocation) async throws -> ShimDeleteResult {
    try await exec.carry(
      "containerd-shim delete", JSON.object(["argv": JSON(invocation.argv("delete"))]), outcome: { .success($0) }
    ) { try await next.delete(invocation) }
  }
}

private struct TracedShim: ShimAPI {
  let next: any ShimAPI
  let tap: Tap
  func call<O: ShimOperation>(_ operation: O) async throws -> O.Answer {
    try await tap.carry(operation) { try await next.call(operation) }
  }
}
