import Seams
import Testing

@testable import Engine

@Suite struct IPAMTests {
  @Test func addressesAreReadAndWritten() {
    #expect(IPv4Address("10.0.0.255")?.description == "10.0.0.255")
    for text in ["", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.-1", "a.b.c.d", "10.0.0.1.2", "10.0.0.1 "] {
      #expect(IPv4Address(text) == nil, "\(text)")
    }
  }

  @Test func blocksAreReadAndCompared() throws {
    let block = try #require(IPv4Subnet("172.18.3.4/16"))
    #expect(block.masked.description == "172.18.0.0/16")
    #expect(block.last.description == "172.18.255.255")
    #expect(block.contains(IPv4Address(0xac12_0001)))
    #expect(block.overlaps(try #require(IPv4Subnet("172.16.0.0/12"))))
    #expect(!block.overlaps(try #require(IPv4Subnet("172.19.0.0/16"))))
    #expect(IPv4Subnet("0.0.0.0/0")?.count == 1 << 32)
    for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "x/8"] { #expect(IPv4Subnet(text) == nil) }
  }

  @Test func networksThatAskForNothingGetTheNextFreePool() throws {
    var ipam = IPAM()
    var pools: [String] = []
    for number in 0..<17 { pools.append(try ipam.makePool("n\(number)", subnet: nil, range: nil).description) }
    #expect(pools.first == "172.17.0.0/16")
    #expect(pools[3] == "172.20.0.0/16")
    #expect(pools[14] == "172.31.0.0/16")
    #expect(pools[15...] == ["192.168.0.0/20", "192.168.16.0/20"])
    ipam.removePool("n1")
    #expect(try ipam.makePool("again", subnet: nil, range: nil).description == "172.18.0.0/16")
    for number in 17..<31 { _ = try ipam.makePool("n\(number)", subnet: nil, range: nil) }
    #expect(throws: EngineError(.invalidArgument, "all predefined address pools have been fully subnetted")) {
      try ipam.makePool("one too many", subnet: nil, range: nil)
    }
  }

  @Test func anAutomaticPoolGoesRoundWhatIsTaken() throws {
    var ipam = IPAM()
    _ = try ipam.makePool("wide", subnet: IPv4Subnet("172.16.0.0/15"), range: nil)
    #expect(try ipam.makePool("next", subnet: nil, range: nil).description == "172.18.0.0/16")
  }

  @Test func overlappingSubnetsAreRefused() throws {
    var ipam = IPAM()
    _ = try ipam.makePool("a", subnet: IPv4Subnet("10.1.0.0/16"), range: nil)
    #expect(
      throws: EngineError(
        .permissionDenied, "invalid pool request: Pool overlaps with other one on this address space")
    ) { try ipam.makePool("b", subnet: IPv4Subnet("10.1.2.0/24"), range: nil) }
  }

  @Test func theLowestFreeAddressIsTaken() throws {
    var pool = IPAM.Pool(subnet: try #require(IPv4Subnet("10.0.0.0/29")), range: nil)
    let all = try (1...6).map { _ in try pool.take(nil).description }
    #expect(all == ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"])
    #expect(throws: EngineError(.unavailable, "no available addresses on this pool")) { try pool.take(nil) }
    #expect(pool.inUse == 8)
    #expect(pool.available == 0)
    pool.release(try #require(IPv4Address("10.0.0.5")))
    pool.release(try #require(IPv4Address("10.0.0.3")))
    #expect(try pool.take(nil).description == "10.0.0.3")
    #expect(try pool.take(nil).description == "10.0.0.5")
  }

  @Test func anAddressCanBeAskedForOnce() throws {
    var pool = IPAM.Pool(subnet: try #require(IPv4Subnet("10.0.0.0/24")), range: IPv4Subnet("10.0.0.128/25"))
    let wanted = try #require(IPv4Address("10.0.0.9"))
    #expect(try pool.take(wanted) == wanted)
    #expect(throws: EngineError(.permissionDenied, "Address already in use")) { try pool.take(wanted) }
    #expect(throws: EngineError(.permissionDenied, "Address already in use")) {
      try pool.take(IPv4Address("10.0.0.255"))
    }
    #expect(throws: EngineError(.invalidArgument, "requested address is out of range")) {
      try pool.take(IPv4Address("10.0.1.1"))
    }
    // What nobody asks for by name comes from the range.
    #expect(try pool.take(nil).description == "10.0.0.128")
    #expect(pool.available == 126)
  }

  @Test func aPointToPointLinkHasTwoAddresses() throws {
    var pool = IPAM.Pool(subnet: try #require(IPv4Subnet("10.0.0.0/31")), range: nil)
    #expect(try pool.take(nil).description == "10.0.0.0")
    #expect(try pool.take(nil).description == "10.0.0.1")
  }
}
