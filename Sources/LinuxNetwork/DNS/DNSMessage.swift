import Glibc

/// A question of the Domain Name System (RFC 1035), as it came.
struct DNSQuestion {
  enum Kind { static let (a, ptr, aaaa, any): (UInt16, UInt16, UInt16, UInt16) = (1, 12, 28, 255) }
  enum Code {
    static let (noError, formatError, serverFailure, notImplemented): (UInt8, UInt8, UInt8, UInt8) = (0, 1, 2, 4)
  }

  let message: [UInt8]
  /// In lower case, without the dot at the end; nil when a label holds what no name of ours does.
  let name: String?
  let type: UInt16
  /// IN is 1.
  let domain: UInt16
  /// Where the question section ends.
  let end: Int
  /// How many bytes a UDP answer may have (RFC 6891); 512 without EDNS.
  let capacity: Int
  let hasEDNS: Bool

  var id: [UInt8] { Array(message[0..<2]) }
  var opcode: UInt8 { message[2] >> 3 & 15 }

  /// Nil for what is no request with one question.
  init?(_ message: [UInt8]) {
    guard message.count >= 17, message[2] & 0x80 == 0, message[4] == 0, message[5] == 1 else { return nil }
    self.message = message
    var offset = 12
    var labels: [String] = []
    var isPlain = true
    while offset < message.count, message[offset] != 0 {
      let length = Int(message[offset])
      // Nothing is there yet that a name could point to.
      guard length < 64, offset + 1 + length < message.count, offset + length < 12 + 254 else { return nil }
      let label = message[(offset + 1)...(offset + length)]
      if label.contains(where: { $0 == 46 || $0 > 126 || $0 < 33 }) { isPlain = false }
      labels.append(String(decoding: label, as: UTF8.self))
      offset += 1 + length
    }
    guard offset + 5 <= message.count else { return nil }
    name = isPlain ? labels.joined(separator: ".").lowercased() : nil
    type = UInt16(message[offset + 1]) << 8 | UInt16(message[offset + 2])
    domain = UInt16(message[offset + 3]) << 8 | UInt16(message[offset + 4])
    end = offset + 5
    // The OPT record is the only thing behind the question that matters: root name, type 41, size in the class.
    var size: Int?
    if message[6] == 0, message[7] == 0, message[8] == 0, message[9] == 0, message[11] > 0, end + 11 <= message.count,
      message[end] == 0, message[end + 1] == 0, message[end + 2] == 41
    {
      size = max(512, Int(message[end + 3]) << 8 | Int(message[end + 4]))
    }
    (capacity, hasEDNS) = (size ?? 512, size != nil)
  }

  // MARK: Answers

  /// Seconds that an answer may be kept, as dockerd says.
  static let timeToLive: UInt32 = 600

  /// An answer with addresses or names, none of them for a name that is known and has nothing of this type.
  func answer(_ records: [[UInt8]] = [], code: UInt8 = Code.noError, capacity: Int = .max) -> [UInt8] {
    var answer = Array(message[0..<end])
    // A response, recursion available; opcode and "recursion desired" as asked.
    answer[2] = 0x80 | message[2] & 0x79
    answer[3] = 0x80 | code
    for index in 6..<12 { answer[index] = 0 }
    let options: [UInt8] = hasEDNS ? [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0] : []
    var count = 0
    for record in records.prefix(65535) {
      // A pointer to the question's name, type, class IN, time to live, length, data.
      var entry: [UInt8] = [0xc0, 0x0c, UInt8(type >> 8), UInt8(type & 255), 0, 1]
      entry += withUnsafeBytes(of: Self.timeToLive.bigEndian) { Array($0) }
      entry += [UInt8(record.count >> 8), UInt8(record.count & 255)] + record
      if answer.count + entry.count + options.count > min(capacity, 65535) {
        answer[2] |= 2  // truncated: to be asked again over TCP
        break
      }
      answer += entry
      count += 1
    }
    (answer[6], answer[7]) = (UInt8(count >> 8), UInt8(count & 255))
    if !options.isEmpty { answer[11] = 1 }
    return answer + options
  }

  /// A name as a record has it; nil for what is none.
  static func encode(name: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    for label in name.split(separator: ".") {
      guard (1...63).contains(label.utf8.count) else { return nil }
      bytes.append(UInt8(label.utf8.count))
      bytes += label.utf8
    }
    return bytes.count < 255 ? bytes + [0] : nil
  }

  /// What a container's networks answer; nil when the question is for others.
  func answer(from resolve: (String) -> [String]?, capacity: Int) -> [UInt8]? {
    guard opcode == 0, domain == 1, let name, !name.isEmpty, let found = resolve(name) else { return nil }
    switch type {
    case Kind.a:
      // The order is left to chance, so that the addresses of one name share what comes.
      return answer(found.compactMap { IPv4($0)?.bytes }.shuffled(), capacity: capacity)
    case Kind.ptr: return answer(found.compactMap(Self.encode), capacity: capacity)
    // The name is known, and has nothing of that kind.
    default: return answer(capacity: capacity)
    }
  }
}
