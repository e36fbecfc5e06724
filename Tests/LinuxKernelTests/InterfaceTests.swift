import CLinux
import Glibc
import Runtime
import Testing

@testable import LinuxKernel

@Suite("Interfaces that are given to a container", .root)
struct InterfaceTests {
  /// A process in a network namespace of its own, which sleeps; the number of its end.
  static func sleeper() throws -> Int {
    var ends: (Int32, Int32) = (0, 0)
    _ = try withUnsafeMutablePointer(to: &ends) { try system(SYS_pipe2, Int(bitPattern: $0), Linux.cloexec) }
    defer {
      close(ends.0)
      close(ends.1)
    }
    // CLONE_NEWNET
    let child = try checked(clinux_clone3(0x4000_0000, SIGCHLD, -1, nil))
    if child == 0 { clinux_serve_folder(ends.1) }
    return child
  }

  /// One end of a veth pair, with two addresses.
  static func addInterface(_ name: String) throws {
    let socket = try NetlinkSocket()
    var add = NetlinkMessage(.newLink, flags: 4 | 0x600 /* NLM_F_CREATE | NLM_F_EXCL */)
    add.appendLink(index: 0)
    add.append(attribute: 3, name)
    add.append(attribute: 4 /* IFLA_MTU */, UInt32(1400))
    // IFLA_LINKINFO, and IFLA_INFO_KIND in it.
    add.append(attribute: 18, payload: [8, 0, 1, 0] + Array("veth".utf8))
    try socket.ask(&add)
    let index = try socket.index(of: name)
    for (family, prefix, address) in [
      (UInt8(2), UInt8(24), [10, 9, 8, 7]), (10, 64, [0xfd] + Array(repeating: 0, count: 14) + [5]),
    ] {
      let bytes = address.map { UInt8($0) }
      try socket.add(
        InterfaceAddress(family: family, prefix: prefix, scope: 0, attributes: [(1, bytes), (2, bytes)]), to: index)
    }
  }

  @Test("An interface moves under a new name, keeps its addresses, and is up")
  func moves() throws {
    struct Seen: Sendable {
      var addresses: Set<InterfaceAddress> = []
      var here: Errno?
      var isUp = false
      var again: Errno?
    }
    let seen = try apart(0x4000_0000) { () -> Seen in
      let kernel = LinuxKernel()
      try Self.addInterface("dd0")
      let child = try Self.sleeper()
      defer {
        kill(pid_t(child), SIGKILL)
        waitpid(pid_t(child), nil, 0)
      }
      try kernel.perform(.moveInterface("dd0", name: "eth0", pid: child))
      var seen = Seen()
      seen.here = refusal { _ = try NetlinkSocket().index(of: "dd0") }
      seen.again = refusal { try kernel.perform(.moveInterface("dd0", name: "eth0", pid: child)) }
      try kernel.perform(.setns(.network, path: "/proc/\(child)/ns/net"))
      let socket = try NetlinkSocket()
      seen.addresses = Set(try socket.addresses(of: socket.index(of: "eth0")))
      var ask = NetlinkMessage(.getLink, flags: 0)
      ask.appendLink(index: try socket.index(of: "eth0"))
      var flags: UInt32 = 0
      try socket.ask(&ask) { flags = $0.loadUnaligned(fromByteOffset: 24, as: UInt32.self) }
      seen.isUp = flags & 1 == 1
      return seen
    }
    #expect(seen.addresses.map(\.prefix).sorted() == [24, 64])
    #expect(
      seen.addresses.first { $0.family == 2 }?.attributes.contains { $0.payload == [10, 9, 8, 7] } == true)
    #expect(seen.here == .ENODEV)
    #expect(seen.isUp)
    #expect(seen.again == .ENODEV)
  }

  @Test("Names that are too long for an interface")
  func names() {
    for name in ["", "a-name-that-is-much-too-long"] {
      #expect(refusal { try LinuxKernel().perform(.moveInterface(name, name: "eth0", pid: 1)) } == .EINVAL)
      #expect(refusal { try LinuxKernel().perform(.moveInterface("eth0", name: name, pid: 1)) } == .EINVAL)
    }
  }
}
