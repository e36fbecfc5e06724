import Runtime
import Seams
import Testing

@testable import Simulation

@Suite("The simulated network")
struct SimNetworkTests {
  @Test("A new namespace has only lo, and that is down")
  func newNamespace() throws {
    let fixture = try NetworkFixture()
    let namespace = fixture.network.makeNamespace()
    #expect(fixture.network.interfaces(in: namespace).map(\.name) == ["lo"])
    #expect(fixture.network.interfaces(in: namespace).first?.isUp == false)
    #expect(fixture.ask(from: namespace, "127.0.0.1", 80).answer == "ENETUNREACH")
    try fixture.network.netlink("RTM_SETLINK", ["ifname": "lo", "flags": "IFF_UP"], in: namespace)
    #expect(fixture.ask(from: namespace, "127.0.0.1", 80).answer == "ECONNREFUSED")
    try fixture.serve(namespace, port: 80)
    #expect(fixture.ask(from: namespace, "127.0.0.1", 80).answer == "you are 127.0.0.1")
    #expect(fixture.ask(from: 0, "127.0.0.1", 80).answer == "ECONNREFUSED")
    #expect(fixture.ask(from: namespace, "172.17.0.1", 80).answer == "ENETUNREACH")
  }

  @Test("Attaching gives an address, a connected route and the default route")
  func attaching() throws {
    let fixture = try NetworkFixture()
    let namespace = try fixture.container("docker0", "172.17.0.2")
    let interfaces = fixture.network.interfaces(in: namespace)
    #expect(interfaces.map(\.name) == ["lo", "eth0"])
    #expect(interfaces[1].address == "172.17.0.2" && interfaces[1].prefixLength == 16 && interfaces[1].isUp)
    let hostEnd = fixture.network.interfaces(in: 0).first { $0.index == interfaces[1].peerIndex }
    #expect(hostEnd?.master == "docker0" && hostEnd?.peerIndex == interfaces[1].index)
    #expect(
      fixture.network.routes(in: namespace) == [
        SimRoute(destination: "default", gateway: "172.17.0.1", interface: "eth0"),
        SimRoute(destination: "172.17.0.0/16", gateway: "", interface: "eth0", source: "172.17.0.2"),
      ])
  }

  @Test("Containers of one bridge talk; of two bridges they do not; the host reaches both")
  func isolation() throws {
    let fixture = try NetworkFixture()
    try fixture.bridge("br-other", 18)
    let a = try fixture.container("docker0", "172.17.0.2")
    let b = try fixture.container("docker0", "172.17.0.3")
    let c = try fixture.container("br-other", "172.18.0.2")
    try fixture.serve(a, port: 80)
    #expect(fixture.ask(from: b, "172.17.0.2", 80).answer == "you are 172.17.0.3")
    #expect(fixture.ask(from: b, "172.17.0.2", 81).answer == "ECONNREFUSED")
    #expect(fixture.ask(from: 0, "172.17.0.2", 80).answer == "you are 172.17.0.1")
    let crossed = fixture.ask(from: c, "172.17.0.2", 80)
    #expect(crossed.answer == "ETIMEDOUT" && crossed.took > 100 * Duration64.second)
    #expect(fixture.ping(from: b, "172.17.0.2") == "answer")
    #expect(fixture.ping(from: c, "172.17.0.2") == "no answer")
  }

  @Test("Nobody at an address of the link: EHOSTUNREACH after three seconds of ARP")
  func noNeighbour() throws {
    let fixture = try NetworkFixture()
    let a = try fixture.container("docker0", "172.17.0.2")
    let answer = fixture.ask(from: a, "172.17.0.99", 80)
    #expect(answer.answer == "EHOSTUNREACH")
    #expect(answer.took >= 3 * Duration64.second && answer.took < 4 * Duration64.second)
  }

  @Test("An internal network has no way out; without icc its members do not meet")
  func internalAndICC() throws {
    let fixture = try NetworkFixture()
    try fixture.bridge("br-int", 19, isInternal: true)
    try fixture.bridge("br-quiet", 20, icc: false)
    let a = try fixture.container("br-int", "172.19.0.2", gateway: "")
    let b = try fixture.container("br-int", "172.19.0.3", gateway: "")
    try fixture.serve(b, port: 80)
    #expect(fixture.ask(from: a, "172.19.0.3", 80).answer == "you are 172.19.0.2")
    #expect(fixture.ask(from: a, "93.184.215.14", 80).answer == "ENETUNREACH")
    try fixture.network.netlink("RTM_NEWROUTE", ["dst": "default", "gateway": "172.19.0.1"], in: a)
    #expect(fixture.ask(from: a, "93.184.215.14", 80).answer == "ETIMEDOUT")
    let c = try fixture.container("br-quiet", "172.20.0.2")
    let d = try fixture.container("br-quiet", "172.20.0.3")
    try fixture.serve(d, port: 80)
    #expect(fixture.ask(from: c, "172.20.0.3", 80).answer == "ETIMEDOUT")
  }

  @Test("A published port is reached from the host, its address, and containers of other networks")
  func publishing() throws {
    let fixture = try NetworkFixture()
    try fixture.bridge("br-other", 18)
    let web = try fixture.container("docker0", "172.17.0.2")
    let other = try fixture.container("br-other", "172.18.0.2")
    try fixture.serve(web, port: 80)
    let binding = PortBinding(
      proto: "tcp", hostIP: "0.0.0.0", hostPort: 8080, containerIP: "172.17.0.2", containerPort: 80)
    #expect(try fixture.network.publish(binding) == binding)
    #expect(fixture.ask(from: 0, "127.0.0.1", 8080).answer == "you are 172.17.0.1")
    #expect(fixture.ask(from: 0, "10.0.2.15", 8080).answer == "you are 172.17.0.1")
    #expect(fixture.ask(from: other, "10.0.2.15", 8080).answer == "you are 172.17.0.1")
    #expect(fixture.ask(from: other, "172.18.0.1", 8080).answer == "you are 172.17.0.1")
    // Hairpin: the container itself, over the host.
    #expect(fixture.ask(from: web, "172.17.0.1", 8080).answer == "you are 172.17.0.1")
    #expect(
      fixture.network.nftRules().contains(
        "add rule ip nat DOCKER iifname != \"docker0\" tcp dport 8080 counter dnat to 172.17.0.2:80"))
    fixture.network.unpublish(binding)
    #expect(fixture.ask(from: 0, "127.0.0.1", 8080).answer == "ECONNREFUSED")
    #expect(!fixture.network.nftRules().contains { $0.contains("8080") })
  }

  @Test("Ports: taken ones are refused in dockerd's words, ephemeral ones count from 32768")
  func allocation() throws {
    let fixture = try NetworkFixture()
    func binding(_ ip: String, _ port: Int) -> PortBinding {
      PortBinding(proto: "tcp", hostIP: ip, hostPort: port, containerIP: "172.17.0.2", containerPort: 80)
    }
    func refusal(_ binding: PortBinding) -> String? {
      do {
        _ = try fixture.network.publish(binding)
        return nil
      } catch { return "\(error)" }
    }
    #expect(refusal(binding("0.0.0.0", 8080)) == nil)
    #expect(refusal(binding("0.0.0.0", 8080)) == "Bind for 0.0.0.0:8080 failed: port is already allocated")
    #expect(refusal(binding("127.0.0.1", 8080)) == "Bind for 127.0.0.1:8080 failed: port is already allocated")
    #expect(refusal(binding("::", 8080)) == nil)
    #expect(refusal(binding("127.0.0.1", 9000)) == nil)
    #expect(refusal(binding("10.0.2.15", 9000)) == nil)
    #expect(
      refusal(binding("1.2.3.4", 80)) == "failed to bind host port 1.2.3.4:80/tcp: cannot assign requested address")
    _ = try fixture.network.listen(in: 0, address: "0.0.0.0", port: 22, mayBindLow: true)
    #expect(refusal(binding("0.0.0.0", 22)) == "failed to bind host port 0.0.0.0:22/tcp: address already in use")
    #expect(throws: Errno.EADDRINUSE) {
      try fixture.network.listen(in: 0, address: "", port: 8080, mayBindLow: true)
    }
    let first = try fixture.network.publish(binding("0.0.0.0", 0))
    let second = try fixture.network.publish(binding("0.0.0.0", 0))
    #expect([first.hostPort, second.hostPort] == [32768, 32769])
    fixture.network.unpublish(first)
    #expect(try fixture.network.publish(binding("0.0.0.0", 0)).hostPort == 32770)
  }

  @Test("Listening: low ports, taken ports, foreign addresses, ephemeral ports")
  func listening() throws {
    let fixture = try NetworkFixture()
    let network = fixture.network
    let a = try fixture.container("docker0", "172.17.0.2")
    #expect(throws: Errno.EACCES) { try network.listen(in: a, address: "", port: 80, mayBindLow: false) }
    #expect(throws: Errno.EADDRNOTAVAIL) { try network.listen(in: a, address: "10.0.2.15", port: 80, mayBindLow: true) }
    let listener = try network.listen(in: a, address: "127.0.0.1", port: 8080, mayBindLow: false)
    #expect(throws: Errno.EADDRINUSE) { try network.listen(in: a, address: "0.0.0.0", port: 8080, mayBindLow: false) }
    // What listens on the loopback is not there for others.
    #expect(fixture.ask(from: 0, "172.17.0.2", 8080).answer == "ECONNREFUSED")
    listener.close()
    #expect(try network.listen(in: a, address: "0.0.0.0", port: 8080, mayBindLow: false).port == 8080)
    #expect(try network.listen(in: a, address: "", port: 0, mayBindLow: false).port >= 32768)
  }

  @Test("The internet: resolvable names answer over HTTP, others are NXDOMAIN, silence times out")
  func internet() throws {
    let fixture = try NetworkFixture()
    let a = try fixture.container("docker0", "172.17.0.2")
    #expect(fixture.lookUp(from: a, "example.com", server: "8.8.8.8") == "93.184.215.14")
    #expect(fixture.lookUp(from: a, "nobody.invalid", server: "8.8.8.8") == "NXDOMAIN")
    #expect(fixture.lookUp(from: a, "example.com", server: "8.8.9.9") == "EAGAIN")
    #expect(
      fixture.lookUp(from: a, "123456789012.dkr.ecr.us-east-1.amazonaws.com", server: "1.1.1.1") == "75.101.190.14")
    #expect(fixture.ask(from: a, "203.0.113.7", 80).answer == "ETIMEDOUT")
    #expect(fixture.ask(from: a, "93.184.215.14", 22).answer == "ECONNREFUSED")
    #expect(fixture.ping(from: a, "93.184.215.14") == "answer")
    let network = fixture.network
    let page = fixture.world.runBlocking { () -> String in
      guard let connection = try? await network.connect(from: a, to: "93.184.215.14", port: 80) else { return "" }
      await connection.output.write(Array("GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n".utf8))
      return String(decoding: await connection.input.readAll(), as: UTF8.self)
    }
    #expect(page?.hasPrefix("HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:0") == true)
    #expect(page?.contains("<h1>Example Domain</h1>") == true)
  }

  @Test("The embedded resolver knows the network's names and sends other questions on")
  func embeddedDNS() throws {
    let fixture = try NetworkFixture()
    try fixture.bridge("br-int", 19, isInternal: true)
    let a = try fixture.container("docker0", "172.17.0.2")
    #expect(fixture.lookUp(from: a, "web") == "ECONNREFUSED")
    fixture.network.serveDNS(in: a) { $0 == "web" ? ["172.17.0.9"] : nil }
    #expect(fixture.lookUp(from: a, "web") == "172.17.0.9")
    #expect(fixture.lookUp(from: a, "example.com") == "93.184.215.14")
    #expect(fixture.lookUp(from: a, "db") == "NXDOMAIN")
    let b = try fixture.container("br-int", "172.19.0.2", gateway: "")
    fixture.network.serveDNS(in: b) { $0 == "web" ? ["172.19.0.9"] : nil }
    #expect(fixture.lookUp(from: b, "web") == "172.19.0.9")
    #expect(fixture.lookUp(from: b, "example.com") == "EAGAIN")
    fixture.network.stopDNS(in: a)
    #expect(fixture.lookUp(from: a, "web") == "ECONNREFUSED")
  }

  @Test("getaddrinfo: numbers, /etc/hosts, the name servers with their search list")
  func resolving() throws {
    let fixture = try NetworkFixture()
    let a = try fixture.container("docker0", "172.17.0.2")
    let network = fixture.network
    func resolve(_ name: String, _ conf: String) -> [String] {
      fixture.world.runBlocking {
        (try? await network.resolve(
          name, hosts: "127.0.0.1\tlocalhost\n172.17.0.2\tabc web # me\n", resolvConf: conf, in: a)) ?? ["error"]
      } ?? []
    }
    let conf = "search example.com\nnameserver 8.8.8.8\n"
    #expect(resolve("10.1.2.3", conf) == ["10.1.2.3"])
    #expect(resolve("WEB", conf) == ["172.17.0.2"])
    #expect(resolve("localhost", conf) == ["127.0.0.1"])
    #expect(resolve("www", conf) == ["93.184.215.14"])
    #expect(resolve("nobody.invalid", conf) == [])
    #expect(resolve("www", "nameserver 127.0.0.11\n") == ["error"])
  }

  @Test("Counters grow on both ends, by the bytes sent")
  func statistics() throws {
    let fixture = try NetworkFixture()
    let a = try fixture.container("docker0", "172.17.0.2")
    let b = try fixture.container("docker0", "172.17.0.3")
    try fixture.serve(a, port: 80)
    #expect(fixture.ask(from: b, "172.17.0.2", 80).answer == "you are 172.17.0.3")
    fixture.world.run(until: { false })
    let client = try #require(fixture.network.interfaces(in: b).last?.statistics)
    let server = try #require(fixture.network.interfaces(in: a).last?.statistics)
    #expect(client.rxBytes == server.txBytes && client.txBytes == server.rxBytes)
    #expect(client.rxBytes > UInt64("you are 172.17.0.3".utf8.count) && client.txPackets >= 3)
    #expect(fixture.network.interfaces(in: 0).first { $0.name == "eth0" }?.statistics.txBytes == 0)
  }

  @Test("Removal leaves nothing behind")
  func removal() throws {
    let fixture = try NetworkFixture()
    let before = (fixture.network.interfaces(in: 0), fixture.network.routes(in: 0), fixture.network.nftRules())
    try fixture.bridge("br-new", 18)
    let a = try fixture.container("br-new", "172.18.0.2")
    try fixture.serve(a, port: 80)
    let second = fixture.endpoint("docker0", "172.17.0.2", gateway: "", interface: "eth1")
    try fixture.network.attach(second, to: a)
    let binding = try fixture.network.publish(
      PortBinding(proto: "tcp", hostIP: "", hostPort: 0, containerIP: "172.18.0.2", containerPort: 80))
    fixture.network.detach(second)
    #expect(fixture.network.interfaces(in: a).map(\.name) == ["lo", "eth0"])
    fixture.network.unpublish(binding)
    fixture.network.removeNamespace(a)
    fixture.network.detach(fixture.endpoint("br-new", "172.18.0.2", gateway: "172.18.0.1"))
    try fixture.network.deleteBridge("br-new")
    #expect(fixture.network.interfaces(in: a).isEmpty)
    #expect(fixture.network.interfaces(in: 0) == before.0)
    #expect(fixture.network.routes(in: 0) == before.1)
    #expect(fixture.network.nftRules() == before.2)
    #expect(fixture.network.publishedPorts.isEmpty)
    #expect(throws: Errno.ENODEV) { try fixture.network.deleteBridge("br-new") }
  }

  @Test("netlink refuses what is not there or not possible")
  func refusals() throws {
    let fixture = try NetworkFixture()
    let a = try fixture.container("docker0", "172.17.0.2")
    func refusal(_ operation: String, _ attributes: [String: String]) -> String {
      do throws(Errno) {
        try fixture.network.netlink(operation, attributes, in: a)
        return "ok"
      } catch { return error.name }
    }
    #expect(refusal("RTM_SETLINK", ["ifname": "eth7", "flags": "IFF_UP"]) == "ENODEV")
    #expect(refusal("RTM_NEWROUTE", ["dst": "10.0.0.0/8", "gateway": "192.168.1.1", "oif": ""]) == "ENETUNREACH")
    #expect(refusal("RTM_NEWROUTE", ["dst": "default", "gateway": "172.17.0.1"]) == "EEXIST")
    #expect(refusal("RTM_NEWADDR", ["ifname": "eth0", "address": "nonsense"]) == "EINVAL")
    #expect(refusal("RTM_DELROUTE", ["dst": "10.0.0.0/8"]) == "ESRCH")
    #expect(refusal("RTM_NEWLINK", ["ifname": "dummy0", "kind": "dummy"]) == "ok")
    #expect(refusal("RTM_GETSTATS", [:]) == "EOPNOTSUPP")
    #expect(refusal("RTM_SETLINK", ["ifname": "eth0", "flags": "down"]) == "ok")
    #expect(fixture.ask(from: a, "172.17.0.1", 80).answer == "ENETUNREACH")
    #expect(throws: Errno.EEXIST) {
      try fixture.network.attach(fixture.endpoint("docker0", "172.17.0.2", gateway: ""), to: a)
    }
  }
}
