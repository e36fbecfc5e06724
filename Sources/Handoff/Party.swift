/// Who takes part in a handoff: the name under which a trace knows it.
public struct Party: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public init(_ name: String) { rawValue = name }
  public var description: String { rawValue }

  public static let client = Party("client")
  public static let dockerd = Party("dockerd")
  public static let containerd = Party("containerd")
  public static let shim = Party("shim")
  public static let runc = Party("runc")
  public static let crun = Party("crun")
  public static let railcar = Party("railcar")
  public static let drydockRunc = Party("drydock-runc")
  public static let kernel = Party("kernel")
  public static let registry = Party("registry")
  // The parties of other stacks.
  public static let crictl = Party("crictl")
  public static let crio = Party("crio")
  public static let conmon = Party("conmon")
  public static let podman = Party("podman")
  public static let ctr = Party("ctr")
  public static let agent = Party("agent")
  public static let libcontainer = Party("libcontainer")
}

/// How a handoff really travels (DESIGN.md §3).
public enum Via: String, Sendable, Hashable {
  case http, https, grpc, ttrpc, exec, syscall, inproc
}
