import Runtime
import Seams

/// ip, ifconfig, route, ping, nc, nslookup, getent, netstat.
func addNetworkApplets(_ table: inout AppletTable) {
  table.add("ip", "[OPTIONS] address|route|link|neigh [ARGS]", runIp)
  table.add("ifconfig", "[-a] [INTERFACE] [ADDRESS]", runIfconfig)
  table.add("route", "[-n] [{add|del} ...]") { context in
    try await context.print(
      "Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n")
    for route in context.process.routes() {
      guard let prefix = IPv4Prefix(route.destination) else { continue }
      let isNumeric = context.arguments.contains("-n")
      let destination = prefix.length == 0 ? (isNumeric ? "0.0.0.0" : "default") : prefix.address.description
      let gateway = route.gateway.isEmpty ? (isNumeric ? "0.0.0.0" : "*") : route.gateway
      let mask = IPv4(bits: IPv4Prefix.mask(prefix.length)).description
      let flags = "U" + (route.gateway.isEmpty ? "" : "G")
      try await context.printLine(
        "\(destination.padded(16))\(gateway.padded(16))\(mask.padded(16))\(flags.padded(5)) 0      0        0 \(route.interface)"
      )
    }
    return 0
  }
  for name in ["ping", "ping4"] { table.add(name, "[OPTIONS] HOST", runPing) }
  for name in ["nc", "netcat"] { table.add(name, "[-iN] [-wN] [-l] [-p PORT] [-vz] [IPADDR PORT]", runNc) }
  table.add("nslookup", "[-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]", runNslookup)
  table.add("getent", "database [key ...]", runGetent)
  for name in ["netstat", "ss"] { table.add(name, "[-ral] [-tuwx] [-enWp]", runNetstat) }
  for name in ["arp", "traceroute"] {
    table.add(name, name == "arp" ? "[-vn]" : "[-n] HOST") { context in
      guard context.name == "traceroute" else { return 0 }
      guard let host = context.arguments.last(where: { !$0.hasPrefix("-") }) else {
        throw OptionProblem.missingOperand(nil)
      }
      let process = context.process
      guard let address = try await lookUp(host, context) else {
        return try await context.fail("bad address '\(host)'")
      }
      try await context.printLine("traceroute to \(host) (\(address)), 30 hops max, 46 byte packets")
      let gateway = process.routes().first { $0.destination == "default" }?.gateway ?? ""
      let isLocal = process.routes().contains {
        $0.gateway.isEmpty && IPv4Prefix($0.destination)?.contains(IPv4(address) ?? .any) == true
      }
      var hops =
        isLocal || gateway.isEmpty || gateway == address ? [address] : [gateway, SimNetwork.hostGateway, address]
      if hops.last == SimNetwork.hostGateway { hops.removeLast() }
      for (index, hop) in hops.enumerated() {
        var text = "\(String(index + 1).leftPadded(2))  \(hop) (\(hop))"
        for _ in 0..<3 {
          do {
            if let time = try await process.ping(hop) {
              text += "  \(Decimal2.text(Double(time) / 1e6, digits: 3)) ms"
            } else {
              text += "  *"
            }
          } catch let error as Errno { return try await context.fail("sendto: \(context.reason(error))") }
        }
        try await context.printLine(text)
      }
      return 0
    }
  }
}

/// The first address of a name; nil when nobody knows it (also when no server answers).
func lookUp(_ name: String, _ context: ProgramContext) async throws -> String? {
  try await context.flush()
  do { return try await context.process.resolve(name).first } catch let error as Errno where error != .EINTR {
    return nil
  }
}

private func flags(_ info: SimInterface, iproute: Bool) -> String {
  var flags = info.name == "lo" ? ["LOOPBACK"] : ["BROADCAST", "MULTICAST"]
  if !info.hasCarrier { flags.insert("NO-CARRIER", at: 0) }
  if info.isUp { flags.append("UP") }
  if info.isUp, info.hasCarrier { flags.append("LOWER_UP") }
  if info.peerIndex != nil, !iproute { flags.append("M-DOWN") }
  return flags.joined(separator: ",")
}

private let runIp: AppletBody = { context in
  let process = context.process
  var words = context.arguments
  var onlyFour = false
  var isBrief = false
  var showsStatistics = false
  while let first = words.first, first.hasPrefix("-") {
    words.removeFirst()
    if first == "-4" { onlyFour = true }
    if first == "-br" || first == "-brief" { isBrief = true }
    if first == "-s" { showsStatistics = true }
    if first == "-V" {
      try await context.printLine(context.isGNU ? "ip utility, iproute2-6.15.0, libbpf 1.5.0" : "ip: BusyBox v1.37.0")
      return 0
    }
  }
  let object = words.first ?? ""
  let command = words.count > 1 ? words[1] : "show"
  let rest = Array(words.dropFirst(2))
  func isShow(_ word: String) -> Bool { ["show", "list", "s", "ls", "lst", "l", "sh"].contains(word) }
  func value(_ name: String) -> String? {
    guard let index = rest.firstIndex(of: name), index + 1 < rest.count else { return nil }
    return rest[index + 1]
  }
  func request(_ operation: String, _ attributes: [String: String]) async throws -> Int32 {
    do {
      try process.netlink(operation, attributes)
      return 0
    } catch let error as Errno {
      if error == .ENODEV {
        return try await context.fail(
          busybox: "can't find device '\(attributes["ifname"] ?? "")'",
          gnu: "Cannot find device \"\(attributes["ifname"] ?? "")\"")
      }
      try await context.complain(
        context.isGNU
          ? "RTNETLINK answers: \(context.reason(error))\n" : "ip: RTNETLINK answers: \(context.reason(error))\n")
      return 2
    }
  }
  if !object.isEmpty, "address".hasPrefix(object) || object == "addr" || "link".hasPrefix(object) {
    let isLink = object.hasPrefix("l")
    if isShow(command) {
      let wanted = value("dev") ?? rest.first { !["up", "dev"].contains($0) }
      let all = process.interfaces()
      if let wanted, !all.contains(where: { $0.name == wanted }) {
        return try await context.fail(
          busybox: "can't find device '\(wanted)'", gnu: "Device \"\(wanted)\" does not exist.")
      }
      for info in all where wanted == nil || info.name == wanted {
        let name = info.name + (info.peerIndex.map { "@if\($0)" } ?? "")
        let state = info.name == "lo" ? (info.isUp ? "UNKNOWN" : "DOWN") : info.isUp && info.hasCarrier ? "UP" : "DOWN"
        if isBrief {
          let tail =
            isLink
            ? "\(info.macAddress) <\(flags(info, iproute: true))> "
            : info.address.isEmpty ? "" : "\(info.address)/\(info.prefixLength) "
          try await context.printLine("\(name.padded(16)) \(state.padded(14)) \(tail)")
          continue
        }
        let queue = info.name == "lo" && !info.isUp ? "noop" : "noqueue"
        let master = info.master.isEmpty ? "" : " master \(info.master)"
        let tail =
          context.isGNU
          ? "state \(state) group default \(info.name == "lo" ? "qlen 1000" : "")"
          : "state \(state) \(info.name == "lo" ? "qlen 1000" : "")"
        try await context.printLine(
          "\(info.index): \(name): <\(flags(info, iproute: context.isGNU))> mtu \(info.mtu) qdisc \(queue)\(master) \(tail)"
        )
        if !onlyFour || isLink {
          let kind = info.name == "lo" ? "loopback" : "ether"
          let broadcast = info.name == "lo" ? "00:00:00:00:00:00" : "ff:ff:ff:ff:ff:ff"
          try await context.printLine(
            "    link/\(kind) \(info.macAddress) brd \(broadcast)\(context.isGNU && info.peerIndex != nil ? " link-netnsid 0" : "")"
          )
        }
        if showsStatistics {
          let s = info.statistics
          try await context.printLine("    RX: bytes  packets  errors  dropped overrun mcast   ")
          try await context.printLine(
            "    \(String(s.rxBytes).padded(10)) \(String(s.rxPackets).padded(8)) 0       0       0       0      ")
          try await context.printLine("    TX: bytes  packets  errors  dropped carrier collsns ")
          try await context.printLine(
            "    \(String(s.txBytes).padded(10)) \(String(s.txPackets).padded(8)) 0       0       0       0      ")
        }
        if !isLink, let address = IPv4(info.address) {
          let prefix = IPv4Prefix(address: address, length: info.prefixLength)
          let broadcast = info.name == "lo" ? "" : " brd \(prefix.broadcast)"
          try await context.printLine(
            "    inet \(info.address)/\(info.prefixLength)\(broadcast) scope \(info.name == "lo" ? "host" : "global") \(info.name)"
          )
          try await context.printLine("       valid_lft forever preferred_lft forever")
        }
      }
      return 0
    }
    if isLink {
      let name = value("dev") ?? rest.first { $0 != "dev" } ?? ""
      switch command {
      case "set":
        var attributes = ["ifname": name]
        if rest.contains("up") { attributes["flags"] = "up" }
        if rest.contains("down") { attributes["flags"] = "down" }
        if let mtu = value("mtu") { attributes["mtu"] = mtu }
        if let mac = value("address") { attributes["address"] = mac }
        if let new = value("name") { attributes["new_name"] = new }
        return try await request("RTM_SETLINK", attributes)
      case "add": return try await request("RTM_NEWLINK", ["ifname": name, "kind": value("type") ?? ""])
      case "del", "delete": return try await request("RTM_DELLINK", ["ifname": name])
      default: break
      }
    } else if command == "add" || command == "del" || command == "delete" {
      return try await request(
        command == "add" ? "RTM_NEWADDR" : "RTM_DELADDR", ["ifname": value("dev") ?? "", "address": rest.first ?? ""])
    }
  } else if !object.isEmpty, "route".hasPrefix(object) {
    if isShow(command) || command == "get" {
      let all = process.routes()
      if command == "get" {
        guard let address = rest.first.flatMap({ IPv4($0) }) else { return try await context.fail("invalid argument") }
        let best = all.filter { IPv4Prefix($0.destination)?.contains(address) == true }
          .max { (IPv4Prefix($0.destination)?.length ?? 0) < (IPv4Prefix($1.destination)?.length ?? 0) }
        guard let best else {
          try await context.complain("RTNETLINK answers: \(context.reason(Errno.ENETUNREACH))\n")
          return 2
        }
        let source = process.interfaces().first { $0.name == best.interface }?.address ?? ""
        try await context.printLine(
          "\(address) \(best.gateway.isEmpty ? "" : "via \(best.gateway) ")dev \(best.interface) src \(source) ")
        return 0
      }
      for route in all {
        let proto = context.isGNU && route.gateway.isEmpty ? "proto kernel " : ""
        var text = route.destination
        if !route.gateway.isEmpty { text += " via \(route.gateway)" }
        text += " dev \(route.interface) " + proto
        if route.gateway.isEmpty {
          text += "scope link \(context.isGNU ? "" : " ")" + (route.source.isEmpty ? "" : "src \(route.source) ")
        }
        try await context.printLine(text)
      }
      return 0
    }
    if ["add", "del", "delete", "replace", "append"].contains(command) {
      var attributes = ["dst": rest.first ?? "default", "ifname": value("dev") ?? ""]
      if let gateway = value("via") { attributes["gateway"] = gateway }
      if let source = value("src") { attributes["src"] = source }
      return try await request(command.hasPrefix("del") ? "RTM_DELROUTE" : "RTM_NEWROUTE", attributes)
    }
  } else if !object.isEmpty, "neighbour".hasPrefix(object) || object == "neigh" {
    return 0
  } else if object == "netns" {
    return 0
  }
  if object.isEmpty {
    if context.isGNU {
      try await context.complain("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n")
      return 255
    }
    throw OptionProblem.missingOperand(nil)
  }
  return try await context.fail(
    busybox: "invalid argument '\(command == "show" ? object : command)' to 'ip'",
    gnu: "Object \"\(object)\" is unknown, try \"ip help\".")
}

private let runIfconfig: AppletBody = { context in
  let process = context.process
  var words = context.arguments
  let showsAll = words.first == "-a"
  if showsAll { words.removeFirst() }
  if words.count > 1 {
    var attributes = ["ifname": words[0]]
    let operation: String
    switch words[1] {
    case "up", "down":
      operation = "RTM_SETLINK"
      attributes["flags"] = words[1]
    default:
      operation = "RTM_NEWADDR"
      attributes["address"] = words[1].contains("/") ? words[1] : words[1] + "/24"
    }
    do { try process.netlink(operation, attributes) } catch let error as Errno {
      return try await context.fail("SIOCSIFFLAGS: \(context.reason(error))")
    }
    return 0
  }
  let all = process.interfaces().sorted { $0.name < $1.name }
  if let name = words.first, !all.contains(where: { $0.name == name }) {
    return try await context.fail("\(name): error fetching interface information: Device not found")
  }
  for info in all where words.first.map({ $0 == info.name }) ?? (showsAll || info.isUp) {
    let isLoopback = info.name == "lo"
    try await context.printLine(
      "\(info.name.padded(9)) Link encap:\(isLoopback ? "Local Loopback  " : "Ethernet  HWaddr \(info.macAddress.uppercased())  ")"
    )
    if let address = IPv4(info.address) {
      let prefix = IPv4Prefix(address: address, length: info.prefixLength)
      let mask = IPv4(bits: IPv4Prefix.mask(info.prefixLength))
      try await context.printLine(
        "          inet addr:\(address)  \(isLoopback ? "" : "Bcast:\(prefix.broadcast)  ")Mask:\(mask)")
    }
    let words =
      (info.isUp ? "UP " : "") + (isLoopback ? "LOOPBACK RUNNING" : "BROADCAST \(info.isUp ? "RUNNING " : "")MULTICAST")
    try await context.printLine("          \(words)  MTU:\(info.mtu)  Metric:1")
    let s = info.statistics
    try await context.printLine("          RX packets:\(s.rxPackets) errors:0 dropped:0 overruns:0 frame:0")
    try await context.printLine("          TX packets:\(s.txPackets) errors:0 dropped:0 overruns:0 carrier:0")
    try await context.printLine("          collisions:0 txqueuelen:\(isLoopback ? 1000 : 0) ")
    func size(_ bytes: UInt64) -> String {
      let bytes = Double(bytes)
      let (value, unit) =
        bytes < 1024 ? (bytes, "B") : bytes < 1_048_576 ? (bytes / 1024, "KiB") : (bytes / 1_048_576, "MiB")
      return "\(Decimal2.text(value, digits: 1)) \(unit)"
    }
    try await context.printLine(
      "          RX bytes:\(s.rxBytes) (\(size(s.rxBytes)))  TX bytes:\(s.txBytes) (\(size(s.txBytes)))\n")
  }
  return 0
}

private let runPing: AppletBody = { context in
  let options = try Options(context.arguments, "c:s:i:W:w:qAI:t:4n")
  try options.require(1)
  let process = context.process
  let host = options.operands[0]
  for letter in "csWw" {
    if let text = options.value(letter), Int(text) == nil { return try await context.fail("invalid number '\(text)'") }
  }
  let size = min(max(options.value("s").flatMap { Int($0) } ?? 56, 0), 65_507)
  guard let address = try await lookUp(host, context) else {
    return try await context.fail(
      busybox: "bad address '\(host)'", gnu: "\(host): Name or service not known", context.isGNU ? 2 : 1)
  }
  let count = options.value("c").flatMap { Int($0) } ?? .max
  let interval = options.value("i").flatMap { Seconds.parse($0) } ?? Duration64.second
  let deadline = options.value("w").flatMap { UInt64($0) }.map {
    process.unixTime &+ min($0, 1 << 30) * Duration64.second
  }
  let patience = min(options.value("W").flatMap { UInt64($0) } ?? 10, 1 << 30) * Duration64.second
  process.onSignal(2, .handle)
  var times: [UInt64] = []
  var sent = 0
  let ttl =
    process.interfaces().contains { $0.address == address } || IPv4(address)?.isLoopback == true
      || address.hasPrefix("172.") || address.hasPrefix("10.") || address.hasPrefix("192.168.") ? 64 : 54
  try await context.print(
    context.isGNU
      ? "PING \(host) (\(address)) \(size)(\(size + 28)) bytes of data.\n"
      : "PING \(host) (\(address)): \(size) data bytes\n")
  loop: while sent < count {
    let start = process.unixTime
    if let deadline, start >= deadline { break }
    try await context.flush()
    do {
      let answer = try await process.ping(address)
      sent += 1
      if let time = answer {
        times.append(time)
        if !options.has("q") {
          let text = Decimal2.text(Double(time) / 1e6, digits: 3)
          try await context.printLine(
            context.isGNU
              ? "\(size + 8) bytes from \(address): icmp_seq=\(sent) ttl=\(ttl) time=\(text) ms"
              : "\(size + 8) bytes from \(address): seq=\(sent - 1) ttl=\(ttl) time=\(text) ms")
        }
      } else if sent == count {
        try await process.sleep(patience)
      }
    } catch let error as Errno {
      switch error {
      case .EINTR: break loop
      case .EHOSTUNREACH:
        sent += 1
        if context.isGNU {
          let own = process.interfaces().first { $0.name != "lo" && !$0.address.isEmpty }?.address ?? address
          try await context.printLine("From \(own) icmp_seq=\(sent) Destination Host Unreachable")
        }
      case .EPERM, .EACCES:
        return try await context.fail(
          busybox: "permission denied (are you root?)",
          gnu: "socktype: SOCK_RAW\nping: socket: Operation not permitted", context.isGNU ? 2 : 1)
      default:
        return try await context.fail(
          busybox: "sendto: \(context.reason(error))", gnu: "connect: \(context.reason(error))", context.isGNU ? 2 : 1)
      }
    }
    if process.takeSignal() != nil { break }
    if sent < count {
      let elapsed = process.unixTime - start
      do { try await process.sleep(interval - min(interval, elapsed)) } catch let error as Errno where error == .EINTR {
        break
      }
    }
  }
  let loss = sent == 0 ? 0 : (sent - times.count) * 100 / sent
  try await context.print(
    "\n--- \(host) ping statistics ---\n\(sent) packets transmitted, \(times.count) \(context.isGNU ? "received" : "packets received"), \(loss)% packet loss"
      + (context.isGNU ? ", time \(max(0, sent - 1) * 1000)ms\n" : "\n"))
  if let least = times.min(), let most = times.max() {
    let mean = times.reduce(0, +) / UInt64(times.count)
    func ms(_ time: UInt64) -> String { Decimal2.text(Double(time) / 1e6, digits: 3) }
    try await context.printLine(
      context.isGNU
        ? "rtt min/avg/max/mdev = \(ms(least))/\(ms(mean))/\(ms(most))/\(ms((most - least) / 2)) ms"
        : "round-trip min/avg/max = \(ms(least))/\(ms(mean))/\(ms(most)) ms")
  }
  return times.isEmpty ? 1 : 0
}

private let runNc: AppletBody = { context in
  // -l may have its port behind it.
  let options = try Options(context.arguments, "lp:w:i:vzknue:q:N46s:")
  let process = context.process
  let seconds = options.value("w").flatMap { UInt64($0) }.map { min($0, 1 << 30) }
  if options.has("u") { return try await context.fail("UDP is not simulated") }
  if options.has("e") { return try await context.fail("-e is not simulated") }
  if options.has("l") {
    let text = options.value("p") ?? options.operands.last ?? ""
    guard let port = Int(text), (0...65_535).contains(port) else {
      if text.isEmpty { throw OptionProblem.missingOperand(nil) }
      return try await context.fail("bad port '\(text)'")
    }
    let listener: any SimListener
    do {
      listener = try process.listen(
        options.value("s") ?? (options.operands.count > 1 ? options.operands[0] : "0.0.0.0"), port)
    } catch let error as Errno {
      return try await context.fail("bind: \(context.reason(error))")
    }
    if options.has("v") { try await context.complain("listening on [::]:\(listener.port) ...\n") }
    var isFirst = true
    repeat {
      let (connection, peer) = try await listener.accept()
      if options.has("v") {
        try await context.complain(
          "connect to [::ffff:\(peer.prefix { $0 != ":" })]:\(listener.port) from [::ffff:\(peer.prefix { $0 != ":" })]:\(peer.split(separator: ":").last ?? "") ([::ffff:\(peer)])\n"
        )
      }
      if !options.has("k") { listener.close() }
      try await relay(connection, context, readsInput: isFirst)
      isFirst = false
    } while options.has("k")
    return 0
  }
  guard options.operands.count >= 2, let port = Int(options.operands[1]), (1...65_535).contains(port) else {
    if options.operands.count >= 2 { return try await context.fail("bad port '\(options.operands[1])'") }
    throw OptionProblem.missingOperand(nil)
  }
  let host = options.operands[0]
  guard let address = try await lookUp(host, context) else {
    return try await context.fail(
      busybox: "bad address '\(host)'", gnu: "getaddrinfo for host \"\(host)\" port \(port): Name or service not known")
  }
  let result = MutexBox<Duplex?>(nil)
  let failure = MutexBox<Errno?>(nil)
  if let seconds, seconds > 0 {
    // The connection or the clock, whichever is first; then the other is of no interest.
    let isDone = Flag()
    process.thread {
      do { result.set(try await process.connect(address, port)) } catch let error as Errno { failure.set(error) }
      isDone.set()
    }
    let end = process.unixTime + seconds * Duration64.second
    while !isDone.isSet, process.unixTime < end {
      try await process.sleep(min(10_000_000, seconds * Duration64.second))
    }
    if !isDone.isSet { failure.set(.ETIMEDOUT) }
  } else {
    do { result.set(try await process.connect(address, port)) } catch let error as Errno { failure.set(error) }
  }
  if let error = failure.get() {
    if options.has("v") || context.isGNU {
      try await context.complain(
        context.isGNU
          ? "nc: connect to \(host) (\(address)) port \(port) (tcp) failed: \(context.reason(error))\n"
          : "nc: \(host) (\(address):\(port)): \(context.reason(error))\n")
    }
    return 1
  }
  guard let connection = result.get() else { return 1 }
  if options.has("v") {
    try await context.complain(
      context.isGNU
        ? "Connection to \(host) (\(address)) \(port) port [tcp/*] succeeded!\n" : "\(host) (\(address):\(port)) open\n"
    )
  }
  if options.has("z") {
    connection.output.closeWriting()
    connection.input.closeReading()
    return 0
  }
  try await relay(connection, context, readsInput: true)
  return 0
}

/// Standard input to the connection, the connection to standard output, until the other side ends.
private func relay(_ connection: Duplex, _ context: ProgramContext, readsInput: Bool) async throws {
  let process = context.process
  let input = context.input
  if readsInput {
    process.thread {
      while let bytes = try await process.read(input, 65_536), !bytes.isEmpty {
        guard await connection.output.write(bytes) else { return }
      }
      connection.output.closeWriting()
    }
  }
  while let bytes = await connection.input.read(65_536) {
    try await context.write(bytes)
    try await context.flush()
  }
  connection.output.closeWriting()
  connection.input.closeReading()
}

private let runNslookup: AppletBody = { context in
  let words = context.arguments.filter { !$0.hasPrefix("-") }
  guard let name = words.first else { throw OptionProblem.missingOperand(nil) }
  let process = context.process
  let text = (try? process.readFile("/etc/resolv.conf")).map { String(decoding: $0, as: UTF8.self) } ?? ""
  let settings = ResolverSettings(text)
  var server = words.count > 1 ? words[1] : settings.servers[0]
  if IPv4(server) == nil {
    guard let address = try await lookUp(server, context) else {
      return try await context.fail("bad address '\(server)'")
    }
    server = address
  }
  do {
    // A short name is looked for with the search list; a name server knows the container names as they are.
    var found: (name: String, addresses: [String])?
    for candidate in words.count > 1 ? [name] : settings.candidates(name) {
      let addresses = try await process.query(server: server, name: candidate)
      if !addresses.isEmpty {
        found = (candidate, addresses)
        break
      }
    }
    try await context.print("Server:\t\t\(server)\nAddress:\t\(server)\(context.isGNU ? "#53" : ":53")\n\n")
    guard let found else {
      let line = "** server can't find \(name): NXDOMAIN\n"
      try await context.print(context.isGNU ? line : line + "\n" + line)
      if !context.isGNU { try await context.print("\n") }
      return 1
    }
    try await context.print("Non-authoritative answer:\n")
    for address in found.addresses { try await context.print("Name:\t\(found.name)\nAddress: \(address)\n") }
    try await context.print(context.isGNU ? "\n" : "\nNon-authoritative answer:\n\n")
    return 0
  } catch let error as Errno where error != .EINTR {
    if error == .ECONNREFUSED || error == .ENETUNREACH {
      try await context.fail("write to '\(server)': \(context.reason(error))", 0)
    }
    try await context.print(";; connection timed out; no servers could be reached\n\n")
    return 1
  }
}

private let runGetent: AppletBody = { context in
  guard let database = context.arguments.first else { throw OptionProblem.missingOperand(nil) }
  let keys = Array(context.arguments.dropFirst())
  var status: Int32 = 0
  switch database {
  case "hosts", "ahosts", "ahostsv4":
    if keys.isEmpty {
      let text = (try? context.process.readFile("/etc/hosts")).map { String(decoding: $0, as: UTF8.self) } ?? ""
      for line in text.split(separator: "\n") where !line.hasPrefix("#") {
        let fields = line.split { $0 == " " || $0 == "\t" }.map(String.init)
        if fields.count > 1 {
          try await context.printLine("\(fields[0].padded(15)) \(fields.dropFirst().joined(separator: " "))")
        }
      }
    }
    for key in keys {
      guard let address = try await lookUp(key, context) else {
        status = 2
        continue
      }
      if database == "hosts" {
        try await context.printLine("\(address.padded(15)) \(key)")
      } else {
        for (kind, name) in [("STREAM", key), ("DGRAM", ""), ("RAW", "")] {
          try await context.printLine("\(address.padded(15)) \(kind.padded(6)) \(name)")
        }
      }
    }
  case "passwd", "group":
    let text = (try? context.process.readFile("/etc/\(database)")).map { String(decoding: $0, as: UTF8.self) } ?? ""
    let lines = text.split(separator: "\n")
    if keys.isEmpty { for line in lines { try await context.printLine(String(line)) } }
    for key in keys {
      let hit = lines.first { line in
        let fields = line.split(separator: ":", omittingEmptySubsequences: false)
        return fields.count > 2 && (fields[0] == key || fields[2] == key)
      }
      if let hit { try await context.printLine(String(hit)) } else { status = 2 }
    }
  default: return try await context.fail("Unknown database: \(database)")
  }
  return status
}

/// The sockets of /proc/net/tcp.
private let runNetstat: AppletBody = { context in
  let letters = Set(context.arguments.filter { $0.hasPrefix("-") }.joined())
  if letters.contains("r") {
    return try await AppletTable.all["route"]?.body(context) ?? 1
  }
  let isSS = context.name == "ss"
  if isSS {
    try await context.print("State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\n")
  } else {
    let kind =
      letters.contains("l") ? "only servers" : letters.contains("a") ? "servers and established" : "w/o servers"
    try await context.print("Active Internet connections (\(kind))\n")
    try await context.print("Proto Recv-Q Send-Q Local Address           Foreign Address         State       \n")
  }
  let text = (try? context.process.readFile("/proc/net/tcp")).map { String(decoding: $0, as: UTF8.self) } ?? ""
  func address(_ field: Substring) -> String? {
    let parts = field.split(separator: ":")
    guard parts.count == 2, let bits = UInt32(parts[0], radix: 16), let port = Int(parts[1], radix: 16) else {
      return nil
    }
    return "\(IPv4(bits: bits.byteSwapped)):\(port == 0 ? "*" : String(port))"
  }
  for line in text.split(separator: "\n").dropFirst() {
    let fields = line.split(separator: " ")
    guard fields.count > 3, let local = address(fields[1]), let remote = address(fields[2]) else { continue }
    let isListening = fields[3] == "0A"
    guard letters.contains("a") || isListening == letters.contains("l") else { continue }
    let state = isListening ? "LISTEN" : "ESTABLISHED"
    try await context.printLine(
      isSS
        ? "\((isListening ? "LISTEN" : "ESTAB").padded(6)) 0      \(isListening ? "511" : "0  ")          \(local)       \(remote)"
        : "tcp        0      0 \(local.padded(23)) \(remote.padded(23)) \(state.padded(11))")
  }
  return 0
}
