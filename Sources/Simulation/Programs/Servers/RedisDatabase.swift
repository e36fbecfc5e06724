import Encodings
import Seams

/// A value of Redis' protocol, RESP2.
indirect enum RESPValue: Sendable {
  case simple(String)
  case error(String)
  case integer(Int64)
  case bulk(String?)
  case array([RESPValue]?)
}

/// The bytes of RESP.
enum RESP {
  static func encode(_ value: RESPValue) -> [UInt8] {
    switch value {
    case .simple(let text): return Array("+\(text)\r\n".utf8)
    case .error(let text): return Array("-\(text)\r\n".utf8)
    case .integer(let number): return Array(":\(number)\r\n".utf8)
    case .bulk(nil): return Array("$-1\r\n".utf8)
    case .bulk(let text?): return Array("$\(text.utf8.count)\r\n\(text)\r\n".utf8)
    case .array(nil): return Array("*-1\r\n".utf8)
    case .array(let items?): return Array("*\(items.count)\r\n".utf8) + items.flatMap(encode)
    }
  }

  /// A command as clients send it.
  static func encode(command: [String]) -> [UInt8] { encode(.array(command.map { .bulk($0) })) }

  /// The next line without its end; nil when the connection ends.
  private static func line(_ connection: Duplex, _ pending: inout [UInt8]) async -> [UInt8]? {
    while true {
      if let end = pending.firstIndex(of: 10) {
        var line = Array(pending[..<end])
        pending.removeFirst(end + 1)
        if line.last == 13 { line.removeLast() }
        return line
      }
      guard pending.count < 1 << 20, let more = await connection.input.read(65_536) else { return nil }
      pending += more
    }
  }

  private static func bytes(_ count: Int, _ connection: Duplex, _ pending: inout [UInt8]) async -> [UInt8]? {
    while pending.count < count {
      guard let more = await connection.input.read(65_536) else { return nil }
      pending += more
    }
    let bytes = Array(pending[..<count])
    pending.removeFirst(count)
    return bytes
  }

  /// The next command: an array of texts, or a line of words (telnet, nc). Nil when the connection ends or what comes
  /// is no RESP.
  static func readCommand(_ connection: Duplex, _ pending: inout [UInt8]) async -> [String]? {
    guard let first = await line(connection, &pending) else { return nil }
    guard first.first == UInt8(ascii: "*") else {
      return String(decoding: first, as: UTF8.self).split { $0 == " " || $0 == "\t" }.map(String.init)
    }
    guard let count = Int(String(decoding: first.dropFirst(), as: UTF8.self)), (0...1_000_000).contains(count) else {
      return nil
    }
    var words: [String] = []
    for _ in 0..<count {
      guard let head = await line(connection, &pending), head.first == UInt8(ascii: "$"),
        let length = Int(String(decoding: head.dropFirst(), as: UTF8.self)), (0...(1 << 26)).contains(length),
        let body = await bytes(length + 2, connection, &pending)
      else { return nil }
      words.append(String(decoding: body.dropLast(2), as: UTF8.self))
    }
    return words
  }

  /// The next reply.
  static func readReply(_ connection: Duplex, _ pending: inout [UInt8], depth: Int = 0) async -> RESPValue? {
    guard depth < 16, let head = await line(connection, &pending), let kind = head.first else { return nil }
    let text = String(decoding: head.dropFirst(), as: UTF8.self)
    switch kind {
    case UInt8(ascii: "+"): return .simple(text)
    case UInt8(ascii: "-"): return .error(text)
    case UInt8(ascii: ":"): return .integer(Int64(text) ?? 0)
    case UInt8(ascii: "$"):
      guard let length = Int(text), length >= 0 else { return .bulk(nil) }
      guard length < 1 << 26, let body = await bytes(length + 2, connection, &pending) else { return nil }
      return .bulk(String(decoding: body.dropLast(2), as: UTF8.self))
    case UInt8(ascii: "*"):
      guard let count = Int(text), count >= 0 else { return .array(nil) }
      var items: [RESPValue] = []
      for _ in 0..<min(count, 1_000_000) {
        guard let item = await readReply(connection, &pending, depth: depth + 1) else { return nil }
        items.append(item)
      }
      return .array(items)
    default: return nil
    }
  }
}

/// The keys and values of one Redis server.
struct RedisDatabase: Sendable {
  enum Value: Sendable {
    case string(String)
    case list([String])
    case set(Set<String>)
    case hash([String: String])
    case sorted([String: Double])

    var type: String {
      switch self {
      case .string: "string"
      case .list: "list"
      case .set: "set"
      case .hash: "hash"
      case .sorted: "zset"
      }
    }
    var size: Int64 {
      switch self {
      case .string(let text): Int64(text.utf8.count)
      case .list(let items): items.reduce(0) { $0 + Int64($1.utf8.count) + 16 }
      case .set(let items): items.reduce(0) { $0 + Int64($1.utf8.count) + 32 }
      case .hash(let pairs): pairs.reduce(0) { $0 + Int64($1.key.utf8.count + $1.value.utf8.count) + 48 }
      case .sorted(let pairs): pairs.reduce(0) { $0 + Int64($1.key.utf8.count) + 56 }
      }
    }
  }
  struct Entry: Sendable {
    var value: Value
    /// Milliseconds since 1970.
    var expires: UInt64?
  }
  private(set) var entries: [String: Entry] = [:]
  /// Bytes that the keys and values take.
  private(set) var size: Int64 = 0

  init() {}
  var count: Int { entries.count }
  var expiring: Int { entries.values.count { $0.expires != nil } }

  private mutating func put(_ key: String, _ value: Value, expires: UInt64? = nil) {
    remove(key)
    entries[key] = Entry(value: value, expires: expires)
    size += Int64(key.utf8.count) + 64 + value.size
  }

  @discardableResult
  private mutating func remove(_ key: String) -> Bool {
    guard let old = entries.removeValue(forKey: key) else { return false }
    size -= Int64(key.utf8.count) + 64 + old.value.size
    return true
  }

  private static let wrongType = RESPValue.error("WRONGTYPE Operation against a key holding the wrong kind of value")

  /// Runs a command; whether it changed anything.
  mutating func execute(_ name: String, _ words: [String], now: UInt64) -> (reply: RESPValue, hasChanged: Bool) {
    let arguments = Array(words.dropFirst())
    func wrongCount() -> (RESPValue, Bool) {
      (.error("ERR wrong number of arguments for '\(name.lowercased())' command"), false)
    }
    let least = [
      "GET": 1, "SET": 2, "DEL": 1, "INCR": 1, "DECR": 1, "INCRBY": 2, "DECRBY": 2, "EXPIRE": 2, "TTL": 1, "PTTL": 1,
      "KEYS": 1, "EXISTS": 1,
      "TYPE": 1, "APPEND": 2, "STRLEN": 1, "GETSET": 2, "SETNX": 2, "SETEX": 3, "MSET": 2, "MGET": 1, "LPUSH": 2,
      "RPUSH": 2, "LPOP": 1,
      "RPOP": 1, "LRANGE": 3, "LLEN": 1, "SADD": 2, "SREM": 2, "SMEMBERS": 1, "SCARD": 1, "SISMEMBER": 2, "HSET": 3,
      "HGET": 2, "HGETALL": 1,
      "HDEL": 2, "HKEYS": 1, "HLEN": 1, "ZADD": 3, "ZRANGE": 3, "ZSCORE": 2, "ZCARD": 1, "PERSIST": 1, "RENAME": 2,
      "ECHO": 1, "SELECT": 1,
      "INCRBYFLOAT": 2, "UNLINK": 1, "SCAN": 1, "PEXPIRE": 2,
    ]
    if let count = least[name], arguments.count < count { return wrongCount() }
    for key in arguments.prefix(name == "MGET" || name == "DEL" || name == "EXISTS" ? .max : 1) {
      if let expires = entries[key]?.expires, expires <= now { remove(key) }
    }
    switch name {
    case "PING": return (arguments.isEmpty ? .simple("PONG") : .bulk(arguments[0]), false)
    case "ECHO": return (.bulk(arguments[0]), false)
    case "SELECT": return (arguments[0] == "0" ? .simple("OK") : .error("ERR DB index is out of range"), false)
    case "DBSIZE": return (.integer(Int64(count)), false)
    case "FLUSHALL", "FLUSHDB":
      let wasEmpty = entries.isEmpty
      entries = [:]
      size = 0
      return (.simple("OK"), !wasEmpty)
    case "TIME": return (.array([.bulk(String(now / 1000)), .bulk(String(now % 1000 * 1000))]), false)
    case "GET":
      guard let entry = entries[arguments[0]] else { return (.bulk(nil), false) }
      guard case .string(let text) = entry.value else { return (Self.wrongType, false) }
      return (.bulk(text), false)
    case "MGET":
      return (
        .array(
          arguments.map { key in
            if case .string(let text)? = entries[key]?.value { return .bulk(text) }
            return .bulk(nil)
          }), false
      )
    case "MSET":
      guard arguments.count % 2 == 0 else { return wrongCount() }
      for index in stride(from: 0, to: arguments.count, by: 2) { put(arguments[index], .string(arguments[index + 1])) }
      return (.simple("OK"), true)
    case "SET", "SETNX", "SETEX", "GETSET": return set(name, arguments, now)
    case "DEL", "UNLINK":
      let count = arguments.count { remove($0) }
      return (.integer(Int64(count)), count > 0)
    case "EXISTS": return (.integer(Int64(arguments.count { entries[$0] != nil })), false)
    case "TYPE": return (.simple(entries[arguments[0]]?.value.type ?? "none"), false)
    case "KEYS":
      let pattern = GlobPattern(arguments[0])
      let keys = entries.filter { $0.value.expires.map { $0 > now } ?? true }.keys.filter { pattern.matches($0) }
        .sorted()
      return (.array(keys.map { .bulk($0) }), false)
    case "SCAN": return (.array([.bulk("0"), .array(entries.keys.sorted().map { .bulk($0) })]), false)
    case "RENAME":
      guard let entry = entries[arguments[0]] else { return (.error("ERR no such key"), false) }
      remove(arguments[0])
      put(arguments[1], entry.value, expires: entry.expires)
      return (.simple("OK"), true)
    case "INCR", "DECR", "INCRBY", "DECRBY":
      guard let by = arguments.count > 1 ? Int64(arguments[1]) : 1 else {
        return (.error("ERR value is not an integer or out of range"), false)
      }
      var old: Int64 = 0
      if let entry = entries[arguments[0]] {
        guard case .string(let text) = entry.value else { return (Self.wrongType, false) }
        guard let number = Int64(text) else { return (.error("ERR value is not an integer or out of range"), false) }
        old = number
      }
      let (new, overflow) =
        name.hasPrefix("DECR") ? old.subtractingReportingOverflow(by) : old.addingReportingOverflow(by)
      if overflow { return (.error("ERR increment or decrement would overflow"), false) }
      put(arguments[0], .string(String(new)), expires: entries[arguments[0]]?.expires)
      return (.integer(new), true)
    case "APPEND", "STRLEN":
      var text = ""
      if let entry = entries[arguments[0]] {
        guard case .string(let old) = entry.value else { return (Self.wrongType, false) }
        text = old
      }
      if name == "STRLEN" { return (.integer(Int64(text.utf8.count)), false) }
      put(arguments[0], .string(text + arguments[1]), expires: entries[arguments[0]]?.expires)
      return (.integer(Int64((text + arguments[1]).utf8.count)), true)
    case "EXPIRE", "PEXPIRE":
      guard let time = Int64(arguments[1]) else {
        return (.error("ERR value is not an integer or out of range"), false)
      }
      guard entries[arguments[0]] != nil else { return (.integer(0), false) }
      if time <= 0 {
        remove(arguments[0])
      } else {
        entries[arguments[0]]?.expires = now &+ UInt64(min(time, 1 << 50)) * (name == "EXPIRE" ? 1000 : 1)
      }
      return (.integer(1), true)
    case "TTL", "PTTL":
      guard let entry = entries[arguments[0]] else { return (.integer(-2), false) }
      guard let expires = entry.expires else { return (.integer(-1), false) }
      let left = Int64(expires - min(expires, now))
      return (.integer(name == "TTL" ? (left + 500) / 1000 : left), false)
    case "PERSIST":
      guard entries[arguments[0]]?.expires != nil else { return (.integer(0), false) }
      entries[arguments[0]]?.expires = nil
      return (.integer(1), true)
    default: return collections(name, words, arguments)
    }
  }

  private mutating func set(_ name: String, _ arguments: [String], _ now: UInt64) -> (RESPValue, Bool) {
    let key = arguments[0]
    if name == "SETNX" {
      guard entries[key] == nil else { return (.integer(0), false) }
      put(key, .string(arguments[1]))
      return (.integer(1), true)
    }
    if name == "SETEX" {
      guard let seconds = UInt64(arguments[1]), seconds > 0, seconds < 1 << 40 else {
        return (.error("ERR invalid expire time in 'setex' command"), false)
      }
      put(key, .string(arguments[2]), expires: now &+ seconds * 1000)
      return (.simple("OK"), true)
    }
    var old: RESPValue = .bulk(nil)
    if case .string(let text)? = entries[key]?.value { old = .bulk(text) }
    if name == "GETSET" {
      put(key, .string(arguments[1]))
      return (old, true)
    }
    var expires: UInt64?
    var returnsOld = false
    var index = 2
    while index < arguments.count {
      switch arguments[index].uppercased() {
      case "EX", "PX":
        guard index + 1 < arguments.count, let time = UInt64(arguments[index + 1]), time > 0, time < 1 << 50 else {
          return (
            .error(index + 1 < arguments.count ? "ERR invalid expire time in 'set' command" : "ERR syntax error"), false
          )
        }
        expires = now &+ time * (arguments[index].uppercased() == "EX" ? 1000 : 1)
        index += 1
      case "NX": if entries[key] != nil { return (.bulk(nil), false) }
      case "XX": if entries[key] == nil { return (.bulk(nil), false) }
      case "KEEPTTL": expires = entries[key]?.expires
      case "GET": returnsOld = true
      default: return (.error("ERR syntax error"), false)
      }
      index += 1
    }
    put(key, .string(arguments[1]), expires: expires)
    return (returnsOld ? old : .simple("OK"), true)
  }

  private mutating func collections(_ name: String, _ words: [String], _ arguments: [String]) -> (RESPValue, Bool) {
    let key = arguments.first ?? ""
    let value = entries[key]?.value
    let expires = entries[key]?.expires
    func store(_ new: Value, isEmpty: Bool, _ database: inout RedisDatabase) {
      if isEmpty { database.remove(key) } else { database.put(key, new, expires: expires) }
    }
    switch name {
    case "LPUSH", "RPUSH", "LPOP", "RPOP", "LRANGE", "LLEN":
      var list: [String] = []
      if let value {
        guard case .list(let items) = value else { return (Self.wrongType, false) }
        list = items
      }
      switch name {
      case "LPUSH", "RPUSH":
        for item in arguments.dropFirst() { if name == "LPUSH" { list.insert(item, at: 0) } else { list.append(item) } }
        store(.list(list), isEmpty: false, &self)
        return (.integer(Int64(list.count)), true)
      case "LPOP", "RPOP":
        guard !list.isEmpty else { return (.bulk(nil), false) }
        let item = name == "LPOP" ? list.removeFirst() : list.removeLast()
        store(.list(list), isEmpty: list.isEmpty, &self)
        return (.bulk(item), true)
      case "LLEN": return (.integer(Int64(list.count)), false)
      default: return (slice(list.map { .bulk($0) }, arguments), false)
      }
    case "SADD", "SREM", "SMEMBERS", "SCARD", "SISMEMBER":
      var set: Set<String> = []
      if let value {
        guard case .set(let items) = value else { return (Self.wrongType, false) }
        set = items
      }
      switch name {
      case "SADD":
        let count = arguments.dropFirst().count { set.insert($0).inserted }
        store(.set(set), isEmpty: false, &self)
        return (.integer(Int64(count)), count > 0)
      case "SREM":
        let count = arguments.dropFirst().count { set.remove($0) != nil }
        store(.set(set), isEmpty: set.isEmpty, &self)
        return (.integer(Int64(count)), count > 0)
      case "SMEMBERS": return (.array(set.sorted().map { .bulk($0) }), false)
      case "SCARD": return (.integer(Int64(set.count)), false)
      default: return (.integer(set.contains(arguments[1]) ? 1 : 0), false)
      }
    case "HSET", "HMSET", "HGET", "HGETALL", "HDEL", "HKEYS", "HLEN":
      var hash: [String: String] = [:]
      if let value {
        guard case .hash(let pairs) = value else { return (Self.wrongType, false) }
        hash = pairs
      }
      switch name {
      case "HSET", "HMSET":
        guard arguments.count % 2 == 1, arguments.count > 2 else {
          return (.error("ERR wrong number of arguments for '\(name.lowercased())' command"), false)
        }
        var added: Int64 = 0
        for index in stride(from: 1, to: arguments.count, by: 2) {
          if hash.updateValue(arguments[index + 1], forKey: arguments[index]) == nil { added += 1 }
        }
        store(.hash(hash), isEmpty: false, &self)
        return (name == "HSET" ? .integer(added) : .simple("OK"), true)
      case "HGET": return (.bulk(hash[arguments[1]]), false)
      case "HGETALL":
        return (.array(hash.sorted { $0.key < $1.key }.flatMap { [.bulk($0.key), .bulk($0.value)] }), false)
      case "HKEYS": return (.array(hash.keys.sorted().map { .bulk($0) }), false)
      case "HLEN": return (.integer(Int64(hash.count)), false)
      default:
        let count = arguments.dropFirst().count { hash.removeValue(forKey: $0) != nil }
        store(.hash(hash), isEmpty: hash.isEmpty, &self)
        return (.integer(Int64(count)), count > 0)
      }
    case "ZADD", "ZRANGE", "ZSCORE", "ZCARD":
      var scores: [String: Double] = [:]
      if let value {
        guard case .sorted(let pairs) = value else { return (Self.wrongType, false) }
        scores = pairs
      }
      switch name {
      case "ZADD":
        guard arguments.count % 2 == 1 else { return (.error("ERR syntax error"), false) }
        var added: Int64 = 0
        for index in stride(from: 1, to: arguments.count, by: 2) {
          guard let score = Double(arguments[index]) else { return (.error("ERR value is not a valid float"), false) }
          if scores.updateValue(score, forKey: arguments[index + 1]) == nil { added += 1 }
        }
        store(.sorted(scores), isEmpty: false, &self)
        return (.integer(added), true)
      case "ZSCORE": return (.bulk(scores[arguments[1]].map { AwkValue.format($0) }), false)
      case "ZCARD": return (.integer(Int64(scores.count)), false)
      default:
        let withScores = arguments.count > 3 && arguments[3].uppercased() == "WITHSCORES"
        let ordered = scores.sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        guard case .array(let keys?) = slice(ordered.map { .bulk($0.key) }, arguments) else {
          return (slice([], arguments), false)
        }
        guard withScores else { return (.array(keys), false) }
        return (
          .array(
            keys.flatMap { item -> [RESPValue] in
              guard case .bulk(let text?) = item else { return [] }
              return [item, .bulk(AwkValue.format(scores[text] ?? 0))]
            }), false
        )
      }
    default:
      let shown = words.dropFirst().prefix(20).map { "'\($0)' " }.joined()
      return (.error("ERR unknown command '\(words[0])', with args beginning with: \(shown)"), false)
    }
  }

  private func slice(_ items: [RESPValue], _ arguments: [String]) -> RESPValue {
    guard var start = Int(arguments[1]), var end = Int(arguments[2]) else {
      return .error("ERR value is not an integer or out of range")
    }
    if start < 0 { start = max(0, items.count &+ start) }
    if end < 0 { end = items.count &+ end }
    end = min(end, items.count - 1)
    guard start <= end, start >= 0, end >= 0 else { return .array([]) }
    return .array(Array(items[start...end]))
  }

  // MARK: The dump

  /// The content of dump.rdb. Not Redis' own encoding but one line a key, after Redis' magic.
  func dump() -> [UInt8] {
    var text = "REDIS0012 drydock\n"
    func quote(_ items: [String]) -> String { items.map { Base64.encode(Array($0.utf8)) + "." }.joined(separator: " ") }
    for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
      let items: [String]
      switch entry.value {
      case .string(let value): items = [value]
      case .list(let list): items = list
      case .set(let set): items = set.sorted()
      case .hash(let hash): items = hash.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
      case .sorted(let scores): items = scores.sorted { $0.key < $1.key }.flatMap { [$0.key, String($0.value)] }
      }
      text += "\(entry.value.type) \(entry.expires ?? 0) \(quote([key])) \(quote(items))\n"
    }
    return Array(text.utf8)
  }

  /// What a dump holds; nil when it is none. Keys that have expired meanwhile are left out.
  init?(dump: [UInt8], now: UInt64) {
    self.init()
    let lines = String(decoding: dump, as: UTF8.self).split(separator: "\n")
    guard lines.first?.hasPrefix("REDIS") == true else { return nil }
    for line in lines.dropFirst() {
      let fields = line.split(separator: " ")
      guard fields.count >= 3, let expires = UInt64(fields[1]) else { continue }
      let texts = fields[2...].compactMap { field in
        Base64.decode(Array(field.utf8.dropLast())).map { String(decoding: $0, as: UTF8.self) }
      }
      guard let key = texts.first else { continue }
      if expires != 0, expires <= now {
        expired += 1
        continue
      }
      let items = Array(texts.dropFirst())
      func pairs() -> [(String, String)] {
        stride(from: 0, to: items.count - 1, by: 2).map { (items[$0], items[$0 + 1]) }
      }
      let value: Value
      switch fields[0] {
      case "list": value = .list(items)
      case "set": value = .set(Set(items))
      case "hash": value = .hash(Dictionary(pairs(), uniquingKeysWith: { $1 }))
      case "zset": value = .sorted(Dictionary(pairs().map { ($0.0, Double($0.1) ?? 0) }, uniquingKeysWith: { $1 }))
      default: value = .string(items.first ?? "")
      }
      put(key, value, expires: expires == 0 ? nil : expires)
    }
  }
  /// Keys of a dump that were left out.
  private(set) var expired = 0
  var database: RedisDatabase { self }
}
