import Seams

/// Our nftables table: what it consists of, and the transactions that change it. Everything that comes and goes is an
/// element of a set or a map, so a packet meets the same dozen rules however many networks and ports there are.
struct Ruleset: Sendable {
  /// The table's name, in the family `ip`.
  let table: String

  /// The whole table anew, in place of one that is there: rules, then what is known. One transaction: no packet sees
  /// it half done.
  func whole(bridges: [BridgeRecord], bindings: [PortBinding], guardsForwarding: Bool) -> String {
    var text = """
      add table ip \(table)
      delete table ip \(table)
      table ip \(table) {
        comment "Drydock's networks: made anew by its engine"
        set bridges { type ifname; }
        set internal { type ifname; }
        set talking { type ifname . ifname; }
        set own { type ifname . ipv4_addr; flags interval; }
        set masqueraded { type ipv4_addr; flags interval; }
        map ports { type inet_proto . inet_service : ipv4_addr . inet_service; }
        map addressed_ports { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }

        chain loopback {
          type filter hook prerouting priority raw; policy accept;
          iifname @bridges ip daddr 127.0.0.0/8 drop
          iifname @bridges ip saddr 127.0.0.0/8 drop
        }
        chain published {
          dnat ip to meta l4proto . ip daddr . th dport map @addressed_ports
          dnat ip to meta l4proto . th dport map @ports
        }
        chain prerouting {
          type nat hook prerouting priority dstnat; policy accept;
          ip daddr 127.0.0.0/8 return
          iifname @internal return
          fib daddr type local meta l4proto { tcp, udp, sctp } jump published
        }
        chain output {
          type nat hook output priority -100; policy accept;
          fib daddr type local meta l4proto { tcp, udp, sctp } jump published
        }
        chain postrouting {
          type nat hook postrouting priority srcnat; policy accept;
          oifname @bridges ip saddr 127.0.0.0/8 masquerade
          oifname . ip saddr @own ct status dnat masquerade
          oifname . ip saddr @own return
          ip saddr @masqueraded masquerade
        }
        chain forward {
          type filter hook forward priority filter; policy accept;
          iifname . oifname @talking accept
          iifname @internal drop
          oifname @internal drop
          oifname @bridges ct state established,related accept
          oifname @bridges ct status dnat accept
          oifname @bridges drop
        }

      """
    text += "}\n"
    if guardsForwarding { text += forwardingGuard }
    for bridge in bridges { text += add(bridge) }
    for binding in bindings { text += add(binding) }
    return text
  }

  /// A chain for a host that was no router before us: it forwards nothing but what is ours.
  var forwardingGuard: String {
    """
    table ip \(table) {
      chain guard {
        type filter hook forward priority filter; policy drop;
        iifname @bridges accept
        oifname @bridges accept
      }
    }

    """
  }

  func add(_ bridge: BridgeRecord) -> String { change("add", bridge) }
  func remove(_ bridge: BridgeRecord) -> String { change("delete", bridge) }

  private func change(_ verb: String, _ bridge: BridgeRecord) -> String {
    var text = element(verb, "bridges", "\"\(bridge.name)\"")
    text += element(verb, "own", "\"\(bridge.name)\" . \(bridge.subnet)")
    if bridge.icc { text += element(verb, "talking", "\"\(bridge.name)\" . \"\(bridge.name)\"") }
    if bridge.isInternal {
      text += element(verb, "internal", "\"\(bridge.name)\"")
    } else if bridge.masquerade ?? true {
      text += element(verb, "masqueraded", bridge.subnet)
    }
    return text
  }

  func add(_ binding: PortBinding) -> String {
    change("add", binding, " : \(binding.containerIP) . \(binding.containerPort)")
  }
  func remove(_ binding: PortBinding) -> String { change("delete", binding, "") }

  private func change(_ verb: String, _ binding: PortBinding, _ target: String) -> String {
    binding.isOnEveryAddress
      ? element(verb, "ports", "\(binding.proto) . \(binding.hostPort)" + target)
      : element(verb, "addressed_ports", "\(binding.proto) . \(binding.hostIP) . \(binding.hostPort)" + target)
  }

  private func element(_ verb: String, _ set: String, _ element: String) -> String {
    "\(verb) element ip \(table) \(set) { \(element) }\n"
  }
}

extension PortBinding {
  var isOnEveryAddress: Bool { hostIP.isEmpty || hostIP == "0.0.0.0" }
}
