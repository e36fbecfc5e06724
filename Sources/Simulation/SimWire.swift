import Handoff
import Seams

/// Trace mode's model of what lies between two parts: a socket or an exec with its latency, and what a broken part
/// does to those who call it.
///
/// The figures are medians measured between the genuine parts (captures of Docker 29): what matters is their order
/// of magnitude, since it decides which of two concurrent handoffs comes first.
public struct SimWire: Wire {
  private let world: any World
  private let faults: Faults

  public init(world: any World, faults: Faults) { (self.world, self.faults) = (world, faults) }

  /// One way, in nanoseconds.
  static func latency(_ via: Via) -> UInt64 {
    switch via {
    case .http: 180_000
    case .https: 0  // The registry world has its own distances.
    case .grpc: 220_000
    case .ttrpc: 90_000
    case .exec: 6_000_000
    case .syscall, .inproc: 0
    }
  }

  public func departing(from: Party, to: Party, via: Via, op: String) async throws {
    if let fault = faults.kind(SimWire.part(to)) {
      switch fault {
      case .down: throw SimWire.down(from: from, to: to, via: via, op: op)
      case .slow: try await world.sleep(2 * Duration64.second)
      case .refusing: throw SimWire.refusal(from: from, to: to, via: via, op: op)
      }
    }
    let latency = SimWire.latency(via)
    if latency > 0 { try await world.sleep(latency) }
  }

  public func arriving(from: Party, to: Party, via: Via, op: String) async {
    let latency = SimWire.latency(via)
    if latency > 0, via != .exec { try? await world.sleep(latency) }
  }

  public func departsAtOnce(from: Party, to: Party, via: Via, op: String) -> Bool {
    guard !faults.areAny else { return false }
    let latency = SimWire.latency(via)
    return latency == 0 || world.elapse(latency)
  }

  public func arrivesAtOnce(from: Party, to: Party, via: Via, op: String) -> Bool {
    let latency = SimWire.latency(via)
    return latency == 0 || via == .exec || world.elapse(latency)
  }

  /// crun, railcar and drydock-runc stand in runC's place, so `break runc` breaks them too.
  private static func part(_ party: Party) -> String {
    switch party {
    case .crun, .railcar, .drydockRunc: "runc"
    default: party.rawValue
    }
  }

  /// What the caller sees when nothing is there.
  static func down(from: Party, to: Party, via: Via, op: String) -> EngineError {
    switch via {
    case .http where to == .crio:
      EngineError(.unavailable, "dial tcp 127.0.0.1:10010: connect: connection refused")
    case .http:
      EngineError(
        .unavailable,
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
    case .grpc:
      EngineError(
        .unavailable,
        "connection error: desc = \"transport: Error while dialing: dial unix "
          + (to == .crio ? "/var/run/crio/crio.sock" : "/run/containerd/containerd.sock")
          + ": connect: connection refused\": unavailable")
    case .ttrpc: EngineError(.unavailable, "ttrpc: closed: unavailable")
    case .exec:
      EngineError(.notFound, missing(to))
    case .https where to == .registry:
      EngineError(.unavailable, "dial tcp: lookup registry-1.docker.io: no such host")
    case .https:
      EngineError(.unavailable, "dial tcp: lookup \(to).us-east-1.amazonaws.com: no such host")
    case .syscall, .inproc: EngineError(.unavailable, "\(to) is down")
    }
  }

  /// What whoever executes a program says when it is not there.
  private static func missing(_ program: Party) -> String {
    switch program {
    case .shim:
      "failed to start shim: start failed: exec: \"containerd-shim-runc-v2\": executable file not found in $PATH"
    case .conmon: "fork/exec /usr/bin/conmon: no such file or directory"
    case .podman: "sh: podman: not found"
    case .pinns: "failed to pin namespaces: fork/exec /usr/bin/pinns: no such file or directory"
    case .cni: "plugin type=\"bridge\" failed (add): failed to find plugin \"bridge\" in path [/opt/cni/bin]"
    case .netavark: "could not find \"netavark\" in one of [/usr/libexec/podman /usr/lib/podman]"
    default: "unable to retrieve OCI runtime error: exec: \"\(program)\": executable file not found in $PATH: unknown"
    }
  }

  /// What the caller sees when the part answers with an error.
  static func refusal(from: Party, to: Party, via: Via, op: String) -> EngineError {
    switch via {
    case .https: EngineError(.unavailable, "received unexpected HTTP status: 503 Service Unavailable")
    case .exec where [.runc, .crun, .railcar, .drydockRunc].contains(to):
      EngineError(.unknown, "OCI runtime error: \(to) refuses: operation not permitted")
    case .exec: EngineError(.unknown, "\(to): operation not permitted")
    default: EngineError(.permissionDenied, "\(to) refuses \(op)")
    }
  }
}
