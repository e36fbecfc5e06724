import CNetwork
import Glibc
import Threads

/// The thread of the embedded DNS server: epoll(7) over the containers' sockets, their connections, and the questions
/// that have been sent on. Everything in here belongs to that thread.
final class DNSLoop {
  /// A question that has been sent on, or waits for its turn with the next server.
  final class Forward {
    let question: DNSQuestion
    let service: Int
    /// Over UDP: who has asked. Over TCP: the connection's token.
    let asker: [UInt8]
    let connection: UInt64?
    let servers: [NameServer]
    /// The next of `servers` to be asked.
    var next = 0
    /// What a server has said that is no answer (SERVFAIL, REFUSED), if nobody has one.
    var refusal: [UInt8]?
    var identifier: [UInt8] = [0, 0]
    var output: [UInt8] = []
    var input: [UInt8] = []

    init(
      _ question: DNSQuestion, service: Int, asker: [UInt8], connection: UInt64?, servers: [NameServer]
    ) {
      (self.question, self.service, self.asker) = (question, service, asker)
      (self.connection, self.servers) = (connection, servers)
    }
    var isStream: Bool { connection != nil }
  }
  /// A container's connection over TCP.
  final class Connection {
    let service: Int
    var input: [UInt8] = []
    var output: [UInt8] = []
    init(service: Int) { self.service = service }
  }
  private enum Role {
    case bell
    case datagrams(Int)
    case listener(Int)
    case connection(Connection)
    case forward(Forward)
  }
  private struct Entry {
    var socket: Int32
    var role: Role
    /// Milliseconds of the monotonic clock; 0 for none.
    var deadline: Int64 = 0
  }

  /// How long one server may take, in milliseconds, and a connection may be idle.
  private static let patience: Int64 = 4000, idleness: Int64 = 10_000
  /// How many questions may be under way, and connections open for one container.
  private static let maxForwards = 1024, maxConnections = 128
  private static let input: UInt32 = 1, output: UInt32 = 4

  private let bell: Doorbell
  private let ways: WaysOut
  private var hostServers: HostNameServers
  private let epoll: Int32
  private var entries: [UInt64: Entry] = [:]
  private var services: [Int: (service: DNSService, tokens: [UInt64])] = [:]
  private var lastToken: UInt64 = 0
  private var forwards = 0
  private var connections: [Int: Int] = [:]
  private var buffer = [UInt8](repeating: 0, count: 65536)

  init(bell: Doorbell, ways: WaysOut, hostServers: HostNameServers) {
    (self.bell, self.ways, self.hostServers) = (bell, ways, hostServers)
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
  }

  deinit {
    for (_, entry) in entries { if case .bell = entry.role { continue } else { close(entry.socket) } }
    close(epoll)
  }

  func run(_ orders: () -> [DNSServer.Order]) {
    _ = add(bell.descriptor, .bell, Self.input)
    var tokens = [UInt64](repeating: 0, count: 64)
    var events = [UInt32](repeating: 0, count: 64)
    while true {
      for order in orders() {
        switch order {
        case .serve(let service): begin(service)
        case .stop(let pid): end(pid)
        case .end: return
        }
      }
      let count = cnetwork_epoll_wait(epoll, &tokens, &events, untilDeadline())
      for index in 0..<max(0, count) { handle(tokens[index], events[index]) }
      expire()
    }
  }

  // MARK: Entries

  private func add(_ socket: Int32, _ role: Role, _ events: UInt32, patience: Int64 = 0) -> UInt64 {
    lastToken += 1
    entries[lastToken] = Entry(socket: socket, role: role, deadline: patience == 0 ? 0 : Self.now() + patience)
    _ = cnetwork_epoll_control(epoll, 1, socket, events, lastToken)
    return lastToken
  }

  private func watch(_ token: UInt64, _ events: UInt32) {
    if let entry = entries[token] { _ = cnetwork_epoll_control(epoll, 3, entry.socket, events, token) }
  }

  private func drop(_ token: UInt64) {
    guard let entry = entries.removeValue(forKey: token) else { return }
    close(entry.socket)
    switch entry.role {
    case .forward: forwards -= 1
    case .connection(let connection): connections[connection.service, default: 1] -= 1
    default: break
    }
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  /// Few have a deadline at any moment: those that wait for something.
  private func untilDeadline() -> Int32 {
    guard forwards > 0 || connections.values.contains(where: { $0 > 0 }) else { return -1 }
    let first = entries.values.lazy.map(\.deadline).filter { $0 > 0 }.min()
    return first.map { Int32(clamping: max(0, $0 - Self.now())) } ?? -1
  }

  private func expire() {
    guard forwards > 0 || connections.values.contains(where: { $0 > 0 }) else { return }
    let now = Self.now()
    for (token, entry) in entries where entry.deadline > 0 && entry.deadline <= now {
      drop(token)
      if case .forward(let forward) = entry.role { send(forward) }
    }
  }

  private func handle(_ token: UInt64, _ events: UInt32) {
    guard let entry = entries[token] else { return }
    switch entry.role {
    case .bell: bell.silence()
    case .datagrams(let pid): receive(entry.socket, pid)
    case .listener(let pid): accept(entry.socket, pid)
    case .connection(let connection): serve(connection, token, entry.socket, events)
    case .forward(let forward): progress(forward, token, entry.socket, events)
    }
  }

  // MARK: Containers

  private func begin(_ service: DNSService) {
    end(service.pid)
    let tokens = [
      add(service.sockets.udp, .datagrams(service.pid), Self.input),
      add(service.sockets.tcp, .listener(service.pid), Self.input),
    ]
    services[service.pid] = (service, tokens)
  }

  private func end(_ pid: Int) {
    guard let ended = services.removeValue(forKey: pid) else { return }
    for token in ended.tokens { drop(token) }
    for (token, entry) in entries {
      switch entry.role {
      case .connection(let connection) where connection.service == pid: drop(token)
      case .forward(let forward) where forward.service == pid: drop(token)
      default: break
      }
    }
    connections[pid] = nil
  }

  /// Questions by UDP: as many as are there, so that a flood from one container does not hold up the others for long.
  private func receive(_ socket: Int32, _ pid: Int) {
    for _ in 0..<32 {
      var asker = [UInt8](repeating: 0, count: 28)
      var size = socklen_t(asker.count)
      let count = buffer.withUnsafeMutableBytes { buffer in
        asker.withUnsafeMutableBytes { address in
          recvfrom(
            socket, buffer.baseAddress, buffer.count, 0, address.baseAddress?.assumingMemoryBound(to: sockaddr.self),
            &size)
        }
      }
      guard count >= 0 else { return }
      asker.removeLast(asker.count - Int(size))
      let message = Array(buffer[0..<count])
      guard let question = DNSQuestion(message) else {
        if let refusal = Self.refusal(message) { reply(refusal, to: asker, on: socket) }
        continue
      }
      guard let answer = decide(question, pid, asker: asker, connection: nil) else { continue }
      reply(answer, to: asker, on: socket)
    }
  }

  private func reply(_ answer: [UInt8], to asker: [UInt8], on socket: Int32) {
    asker.withUnsafeBytes { address in
      _ = answer.withUnsafeBytes {
        sendto(
          socket, $0.baseAddress, $0.count, 0, address.baseAddress?.assumingMemoryBound(to: sockaddr.self),
          socklen_t(address.count))
      }
    }
  }

  /// FORMERR for what looks like a request and is none.
  private static func refusal(_ message: [UInt8]) -> [UInt8]? {
    guard message.count >= 12, message[2] & 0x80 == 0 else { return nil }
    return [message[0], message[1], 0x80 | message[2] & 0x79, 0x80 | DNSQuestion.Code.formatError]
      + [UInt8](repeating: 0, count: 8)
  }

  /// The answer; nil when the question has been sent on.
  private func decide(_ question: DNSQuestion, _ pid: Int, asker: [UInt8], connection: UInt64?) -> [UInt8]? {
    guard let service = services[pid]?.service else { return nil }
    let capacity = connection == nil ? question.capacity : .max
    if let answer = question.answer(from: service.resolve, capacity: capacity) { return answer }
    guard question.opcode == 0 else { return question.answer(code: DNSQuestion.Code.notImplemented) }
    let servers = service.servers ?? hostServers.current()
    guard ways.contains(pid), !servers.isEmpty, forwards < Self.maxForwards else {
      return question.answer(code: DNSQuestion.Code.serverFailure)
    }
    send(Forward(question, service: pid, asker: asker, connection: connection, servers: servers))
    return nil
  }

  // MARK: Connections of containers

  private func accept(_ listener: Int32, _ pid: Int) {
    for _ in 0..<32 {
      let socket = Glibc.accept(listener, nil, nil)
      guard socket >= 0 else { return }
      guard connections[pid, default: 0] < Self.maxConnections else {
        close(socket)
        continue
      }
      _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
      _ = fcntl(socket, F_SETFL, O_NONBLOCK)
      connections[pid, default: 0] += 1
      _ = add(socket, .connection(Connection(service: pid)), Self.input, patience: Self.idleness)
    }
  }

  private func serve(_ connection: Connection, _ token: UInt64, _ socket: Int32, _ events: UInt32) {
    if events & Self.output != 0 { flush(connection, token, socket) }
    guard events & ~Self.output != 0, entries[token] != nil else { return }
    let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
    guard count > 0 else {
      if count == 0 || errno != EAGAIN { drop(token) }
      return
    }
    entries[token]?.deadline = Self.now() + Self.idleness
    connection.input += buffer[0..<count]
    while let message = Self.takeMessage(&connection.input) {
      guard let question = DNSQuestion(message) else {
        drop(token)
        return
      }
      if let answer = decide(question, connection.service, asker: [], connection: token) { write(answer, token) }
      guard entries[token] != nil else { return }
    }
  }

  /// A message with its length in front (RFC 1035, 4.2.2); nil when it has not come whole.
  private static func takeMessage(_ input: inout [UInt8]) -> [UInt8]? {
    guard input.count >= 2 else { return nil }
    let length = Int(input[0]) << 8 | Int(input[1])
    guard input.count >= 2 + length else { return nil }
    defer { input.removeFirst(2 + length) }
    return Array(input[2..<(2 + length)])
  }

  private func write(_ answer: [UInt8], _ token: UInt64) {
    guard let entry = entries[token], case .connection(let connection) = entry.role else { return }
    // Who asks and does not read has had enough.
    guard connection.output.count < 1 << 20 else { return drop(token) }
    connection.output += [UInt8(answer.count >> 8), UInt8(answer.count & 255)] + answer
    flush(connection, token, entry.socket)
  }

  private func flush(_ connection: Connection, _ token: UInt64, _ socket: Int32) {
    let sent = connection.output.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    if sent < 0, errno != EAGAIN { return drop(token) }
    connection.output.removeFirst(max(0, sent))
    watch(token, connection.output.isEmpty ? Self.input : Self.input | Self.output)
  }

  // MARK: Questions sent on

  /// Asks the next server; when there is none left, answers with what there is.
  private func send(_ forward: Forward) {
    while forward.next < forward.servers.count {
      let server = forward.servers[forward.next]
      forward.next += 1
      guard let socket = server.connect(stream: forward.isStream) else { continue }
      // An identifier of our own, and a port of the kernel's choice: who has not seen the question cannot answer it.
      forward.identifier = [.random(in: 0...255), .random(in: 0...255)]
      var message = forward.question.message
      message.replaceSubrange(0..<2, with: forward.identifier)
      forwards += 1
      forward.input = []
      if forward.isStream {
        forward.output = [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
        _ = add(socket, .forward(forward), Self.output, patience: Self.patience)
        return
      }
      let token = add(socket, .forward(forward), Self.input, patience: Self.patience)
      if message.withUnsafeBytes({ Glibc.send(socket, $0.baseAddress, $0.count, 0) }) == message.count { return }
      drop(token)
    }
    finish(forward, forward.refusal ?? forward.question.answer(code: DNSQuestion.Code.serverFailure))
  }

  private func progress(_ forward: Forward, _ token: UInt64, _ socket: Int32, _ events: UInt32) {
    if forward.isStream, !forward.output.isEmpty {
      let sent = forward.output.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if sent < 0, errno == EAGAIN { return }
      guard sent >= 0 else { return giveUp(forward, token) }
      forward.output.removeFirst(sent)
      if forward.output.isEmpty { watch(token, Self.input) }
      return
    }
    let count = buffer.withUnsafeMutableBytes { recv(socket, $0.baseAddress, $0.count, 0) }
    if count < 0, errno == EAGAIN { return }
    // Nothing listens there, or the server has hung up.
    guard count > 0 || count == 0 && !forward.isStream else { return giveUp(forward, token) }
    if !forward.isStream { return take(Array(buffer[0..<count]), forward, token) }
    forward.input += buffer[0..<count]
    if let message = Self.takeMessage(&forward.input) { take(message, forward, token) }
  }

  private func giveUp(_ forward: Forward, _ token: UInt64) {
    drop(token)
    send(forward)
  }

  private func take(_ message: [UInt8], _ forward: Forward, _ token: UInt64) {
    let asked = forward.question.message[12..<forward.question.end]
    // The answer to another question, or none.
    guard message.count >= 12, message[2] & 0x80 != 0, Array(message[0..<2]) == forward.identifier else { return }
    let hasQuestion = message.count >= forward.question.end && Self.isSame(message[12..<forward.question.end], asked)
    // A refusal may come without the question.
    guard hasQuestion || message[3] & 15 != 0 && message[5] == 0 else { return }
    drop(token)
    var answer = message
    answer.replaceSubrange(0..<2, with: forward.question.id)
    // SERVFAIL (2) and REFUSED (5): another server may know.
    if [2, 5].contains(message[3] & 15) {
      forward.refusal = answer
      send(forward)
    } else {
      finish(forward, answer)
    }
  }

  /// Servers may change the case of letters.
  private static func isSame(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Bool {
    func folded(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte | 32 : byte }
    return a.elementsEqual(b) { folded($0) == folded($1) }
  }

  private func finish(_ forward: Forward, _ answer: [UInt8]) {
    if let connection = forward.connection {
      write(answer, connection)
    } else if let service = services[forward.service]?.service {
      reply(answer, to: forward.asker, on: service.sockets.udp)
    }
  }
}
