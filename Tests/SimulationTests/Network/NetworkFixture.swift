import Runtime
import Seams
import Testing

@testable import Simulation

/// A host with bridges, and containers plugged into them.
struct NetworkFixture {
  let world = SimWorld(seed: 1)
  let network: SimNetwork

  init() throws {
    network = SimNetwork(world: world)
    try bridge("docker0", 17)
  }

  func bridge(_ name: String, _ number: Int, isInternal: Bool = false, icc: Bool = true) throws {
    try network.createBridge(
      BridgeRecord(
        name: name, networkID: "id-\(name)", subnet: "172.\(number).0.0/16", gateway: "172.\(number).0.1",
        isInternal: isInternal, icc: icc))
  }

  func endpoint(_ bridge: String, _ address: String, gateway: String, interface: String = "eth0") -> EndpointRecord {
    EndpointRecord(
      endpointID: "ep-\(address)", bridge: bridge, vethName: "veth\(address.split(separator: ".").suffix(3).joined())",
      interface: interface, address: address, prefixLength: 16, macAddress: "02:42:ac:11:00:02", gateway: gateway)
  }

  /// A container's namespace as runc and dockerd leave it.
  func container(_ bridge: String, _ address: String, gateway: String? = nil) throws -> Int {
    let namespace = network.makeNamespace()
    try network.netlink("RTM_SETLINK", ["ifname": "lo", "flags": "IFF_UP"], in: namespace)
    let octets = address.split(separator: ".")
    try network.attach(
      endpoint(bridge, address, gateway: gateway ?? "\(octets[0]).\(octets[1]).0.1"), to: namespace)
    return namespace
  }

  /// A server that tells every client who it thinks the client is.
  func serve(_ namespace: Int, port: Int, address: String = "0.0.0.0") throws {
    let listener = try network.listen(in: namespace, address: address, port: port, mayBindLow: true)
    world.spawn {
      while let (connection, peer) = try? await listener.accept() {
        await connection.output.write(Array("you are \(peer.prefix { $0 != ":" })".utf8))
        connection.output.closeWriting()
      }
    }
  }

  /// What a server says to `from`, or the name of the error, and how long that took in nanoseconds.
  func ask(from namespace: Int, _ address: String, _ port: Int) -> (answer: String, took: UInt64) {
    let (network, world) = (network, world)
    let start = world.now
    let answer = world.runBlocking {
      do {
        let connection = try await network.connect(from: namespace, to: address, port: port)
        let text = String(decoding: await connection.input.readAll(), as: UTF8.self)
        connection.output.closeWriting()
        return text
      } catch let error as Errno {
        return error.name
      } catch {
        return "\(error)"
      }
    }
    return (answer ?? "never", world.now - start)
  }

  func ping(from namespace: Int, _ address: String) -> String {
    let network = network
    return world.runBlocking {
      do {
        return try await network.ping(from: namespace, to: address).map { $0 > 0 ? "answer" : "zero" } ?? "no answer"
      } catch let error as Errno { return error.name } catch { return "\(error)" }
    } ?? "never"
  }

  func lookUp(from namespace: Int, _ name: String, server: String = "127.0.0.11") -> String {
    let network = network
    return world.runBlocking {
      do {
        let addresses = try await network.query(from: namespace, server: server, name: name)
        return addresses.isEmpty ? "NXDOMAIN" : addresses.joined(separator: " ")
      } catch let error as Errno { return error.name } catch { return "\(error)" }
    } ?? "never"
  }
}
