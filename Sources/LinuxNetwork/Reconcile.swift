import Glibc
import Runtime
import Seams

/// The engine's start: the host's network as it should be.
extension Machinery {
  /// Makes the rules anew, in one transaction with all that is known, then bridges that are missing, holds published
  /// ports, and answers the names of interfaces that belong to nobody.
  mutating func reconcile(_ known: KnownNetworks) throws -> [String] {
    for bridge in known.bridges { try Self.check(interface: bridge.name) }
    let guards = SystemSetting.read("net/ipv4/ip_forward") == "1" && hasForwardingGuard
    do throws(NFTFailure) {
      try nft.run(rules.whole(bridges: known.bridges, bindings: known.bindings, guardsForwarding: guards))
    } catch { throw EngineError(.unknown, "failed to set up the host's network rules: \(error)") }
    hasRules = true
    for bridge in known.bridges {
      bridges[bridge.name] = bridge
      _ = try makeBridgeLink(bridge)
    }
    for binding in known.bindings { ports.restore(binding) }
    for endpoint in known.endpoints where !endpoint.record.gateway.isEmpty { ways.insert(endpoint.pid) }
    letThrough(known.bridges)
    let names = Set(known.bridges.map(\.name))
    holdBack(where: { !names.contains($0) })
    return try strays(names.union(known.endpoints.map(\.record.vethName)))
  }

  private var hasForwardingGuard: Bool { (try? nft.run("list chain ip \(options.name) guard")) != nil }

  /// Interfaces that we have made and that nobody knows.
  private func strays(_ known: Set<String>) throws -> [String] {
    do throws(NetlinkFailure) {
      let links = try route.links()
      return links.filter { $0.alias.hasPrefix(tag) && !known.contains($0.name) }.map(\.name)
    } catch { throw EngineError(.unknown, "failed to list interfaces: \(error)") }
  }
}
