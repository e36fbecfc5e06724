import Seams

/// libnetwork's default IP address manager: pools for networks, addresses for endpoints.
struct IPAM: Sendable {
  /// The addresses of one network.
  struct Pool: Sendable {
    let subnet: IPv4Subnet
    /// Where addresses that nobody asked for by name are taken from.
    let range: IPv4Subnet
    private var taken: Set<UInt32> = []
    /// No address of the range below this one is free.
    private var lowest: UInt32

    init(subnet: IPv4Subnet, range: IPv4Subnet?) {
      self.subnet = subnet.masked
      self.range = (range ?? subnet).masked
      lowest = self.range.first.value
      // The network's own address and the broadcast address; point-to-point links (RFC 3021) have none.
      if subnet.bits < 31 { taken = [self.subnet.first.value, self.subnet.last.value] }
    }

    /// Takes `wanted`, or the lowest free address of the range.
    mutating func take(_ wanted: IPv4Address?) throws -> IPv4Address {
      if let wanted {
        guard subnet.contains(wanted) else {
          throw EngineError(.invalidArgument, "requested address is out of range")
        }
        guard taken.insert(wanted.value).inserted else {
          throw EngineError(.permissionDenied, "Address already in use")
        }
        return wanted
      }
      var candidate = UInt64(lowest)
      let end = UInt64(range.last.value)
      while candidate <= end {
        if taken.insert(UInt32(candidate)).inserted {
          lowest = UInt32(candidate)
          return IPv4Address(UInt32(candidate))
        }
        candidate += 1
      }
      throw EngineError(.unavailable, "no available addresses on this pool")
    }

    /// Gives an address back.
    mutating func release(_ address: IPv4Address) {
      taken.remove(address.value)
      if range.contains(address), address.value < lowest { lowest = address.value }
    }

    /// How many addresses are taken, with those that no endpoint can have.
    var inUse: Int { taken.count }
    /// How many addresses of the range are free.
    var available: Int { max(0, range.count - taken.count { range.contains(IPv4Address($0)) }) }
  }

  /// The blocks that networks get which ask for none, and the prefix of each network's share
  /// (libnetwork/ipamutils, "local scope default networks").
  static let defaults: [(base: IPv4Subnet, bits: Int)] = [
    ("172.17.0.0/16", 16), ("172.18.0.0/16", 16), ("172.19.0.0/16", 16), ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16), ("172.28.0.0/14", 16), ("192.168.0.0/16", 20),
  ].compactMap { text, bits in IPv4Subnet(text).map { ($0, bits) } }

  private var pools: [String: Pool] = [:]

  /// Makes the pool of network `id`: of the subnet asked for, or the first free one of the defaults.
  mutating func makePool(_ id: String, subnet: IPv4Subnet?, range: IPv4Subnet?) throws -> IPv4Subnet {
    if let subnet {
      let isTaken = pools.values.contains {
        range == nil ? $0.subnet.overlaps(subnet) : $0.subnet == subnet.masked && $0.range == range?.masked
      }
      guard !isTaken else {
        throw EngineError(
          .permissionDenied, "invalid pool request: Pool overlaps with other one on this address space")
      }
      pools[id] = Pool(subnet: subnet, range: range)
      return subnet.masked
    }
    for (base, bits) in Self.defaults {
      for index in 0..<(1 << (bits - base.bits)) {
        let candidate = IPv4Subnet(IPv4Address(base.first.value + UInt32(index) << UInt32(32 - bits)), bits)
        if !pools.values.contains(where: { $0.subnet.overlaps(candidate) }) {
          pools[id] = Pool(subnet: candidate, range: nil)
          return candidate
        }
      }
    }
    throw EngineError(.invalidArgument, "all predefined address pools have been fully subnetted")
  }

  mutating func removePool(_ id: String) { pools[id] = nil }

  mutating func take(_ id: String, _ wanted: IPv4Address? = nil) throws -> IPv4Address {
    guard let address = try pools[id]?.take(wanted) else {
      throw EngineError(.invalidArgument, "address space does not contain specified address pool")
    }
    return address
  }

  mutating func release(_ id: String, _ address: IPv4Address) { pools[id]?.release(address) }

  subscript(_ id: String) -> Pool? { pools[id] }
}
