/// Network namespaces that an engine makes before it makes containers, as podman and CRI-O do; dockerd takes the one that
/// the runtime has made.
public protocol NetworkNamespaces: Sendable {
  /// Makes the namespace of a container that is about to be created. Answers the number under which `NetworkHost` knows
  /// it in place of a pid; nil when it is on its networks already (a pod's).
  func make(for containerID: String) async throws -> Int?
  /// The container has ended, and has left its networks.
  func remove(for containerID: String) async
}
