/// Files of `/proc/net` and `/sys/class/net`.
enum NetworkFile: Sendable, Hashable {
  case dev
  case route
  case ifInet6
  case sockets
  /// A file of an interface: `address`, `mtu`, `operstate`, `statistics/rx_bytes`, ….
  case interface(String, String)

  /// Its text, from what the network stack says.
  func text(_ interfaces: [SimInterface], _ routes: [SimRoute]) -> String? {
    switch self {
    case .dev:
      var text = "Inter-|   Receive                                                |  Transmit\n"
      text += " face |bytes    packets errs drop fifo frame compressed multicast|"
      text += "bytes    packets errs drop fifo colls carrier compressed\n"
      for each in interfaces {
        let s = each.statistics
        text += pad(each.name, 6) + ": " + pad(s.rxBytes, 7) + " " + pad(s.rxPackets, 7)
        text += "    0    0    0     0          0         0 "
        text += pad(s.txBytes, 8) + " " + pad(s.txPackets, 7) + "    0    0    0     0       0          0\n"
      }
      return text
    case .route:
      var text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      for route in routes {
        let parts = route.destination.split(separator: "/")
        let isDefault = route.destination == "default"
        let length = isDefault ? 0 : parts.count == 2 ? Int(parts[1]) ?? 32 : 32
        let mask = length == 0 ? 0 : UInt32.max << UInt32(32 - min(32, length))
        let flags = route.gateway.isEmpty ? "0001" : "0003"
        text += "\(route.interface)\t\(hex(isDefault ? "0.0.0.0" : String(parts[0])))\t"
        text +=
          "\(hex(route.gateway.isEmpty ? "0.0.0.0" : route.gateway))\t\(flags)\t0\t0\t0\t\(hex(mask.byteSwapped))\t0\t0\t0\n"
      }
      return text
    case .ifInet6: return ""
    case .sockets:
      return "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    case .interface(let name, let file):
      guard let each = interfaces.first(where: { $0.name == name }) else { return nil }
      switch file {
      case "address": return each.macAddress + "\n"
      case "mtu": return "\(each.mtu)\n"
      case "ifindex": return "\(each.index)\n"
      case "iflink": return "\(each.peerIndex ?? each.index)\n"
      case "operstate": return (name == "lo" ? "unknown" : each.isUp && each.hasCarrier ? "up" : "down") + "\n"
      case "carrier": return each.isUp && each.hasCarrier ? "1\n" : "0\n"
      case "flags": return each.isUp ? "0x1003\n" : "0x1002\n"
      case "type": return name == "lo" ? "772\n" : "1\n"
      case "tx_queue_len": return "1000\n"
      case "statistics/rx_bytes": return "\(each.statistics.rxBytes)\n"
      case "statistics/tx_bytes": return "\(each.statistics.txBytes)\n"
      case "statistics/rx_packets": return "\(each.statistics.rxPackets)\n"
      case "statistics/tx_packets": return "\(each.statistics.txPackets)\n"
      default: return "0\n"
      }
    }
  }

  /// An address as /proc/net/route has it: little endian, in hexadecimal.
  private func hex(_ address: String) -> String {
    var value: UInt32 = 0
    for (index, part) in address.split(separator: ".").prefix(4).enumerated() {
      value |= (UInt32(part) ?? 0) << UInt32(index * 8)
    }
    return hex(value)
  }
  private func hex(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }
}
