/// The documents of the OCI runtime specification 1.3: `config.json`, the state, the features of a runtime.
///
/// The names are the specification's, and so are the rules; where it leaves something open, runc's practice counts.
public enum RuntimeSpec {
  /// The version of the specification that is written here.
  public static let version = "1.3.0"
}

extension RuntimeSpec {
  /// The kinds of namespaces (config-linux.md, "Namespaces").
  public enum NamespaceKind: String, Sendable, Hashable, CaseIterable, Codable {
    case user, pid, network, mount, ipc, uts, cgroup, time
  }

  /// A range of ids of a user namespace and what they are outside (config-linux.md, "User namespace mappings").
  public struct IDMapping: Sendable, Hashable, CustomStringConvertible {
    public var containerID: UInt32
    public var hostID: UInt32
    public var size: UInt32
    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      (self.containerID, self.hostID, self.size) = (containerID, hostID, size)
    }
    /// As a line of `/proc/PID/uid_map`.
    public var description: String { "\(containerID) \(hostID) \(size)" }
  }
}
