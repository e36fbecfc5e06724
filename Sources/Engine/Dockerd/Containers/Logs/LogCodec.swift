import JSONTree

/// How a driver writes an entry into its file.
protocol LogCodec: Sendable {
  func encode(_ entry: LogEntry) -> [UInt8]
  /// The entries of a file; what is damaged ends it.
  func decode(_ bytes: [UInt8]) -> [LogEntry]
}

/// json-file: `{"log":"hi\n","stream":"stdout","time":"…"}`, a line each.
struct JSONFileCodec: LogCodec {
  func encode(_ entry: LogEntry) -> [UInt8] {
    var writer = JSONWriter(reserving: entry.line.count + 96)
    writer.raw("{\"log\":")
    writer.write(string: String(decoding: entry.line, as: UTF8.self))
    writer.raw(",\"stream\":")
    writer.write(string: entry.stream)
    if !entry.attributes.isEmpty {
      writer.raw(",\"attrs\":")
      writer.write(JSON(entry.attributes))
    }
    writer.raw(",\"time\":")
    writer.write(string: DockerTime.rfc3339(entry.time))
    writer.raw("}\n")
    return writer.bytes
  }

  func decode(_ bytes: [UInt8]) -> [LogEntry] {
    var entries: [LogEntry] = []
    for line in bytes.split(separator: 0x0a) {
      guard let json = try? JSON(parsing: line), let text = json["log"]?.string else { continue }
      var entry = LogEntry(
        stream: json["stream"]?.string ?? "stdout",
        time: json["time"]?.string.flatMap(RFC3339Time.parse) ?? 0, line: Array(text.utf8))
      for member in json["attrs"]?.object?.members ?? [] { entry.attributes[member.key] = member.value.string }
      entries.append(entry)
    }
    return entries
  }
}

/// local: a protobuf `LogEntry` (moby's logdriver/entry.proto) with its length before and behind it, big endian.
///
/// The attributes of an entry are not kept, as in moby.
struct LocalCodec: LogCodec {
  func encode(_ entry: LogEntry) -> [UInt8] {
    var message: [UInt8] = []
    // 1: source, 2: time_nano, 3: line, 4: partial.
    Self.field(1, Array(entry.stream.utf8), into: &message)
    message.append(2 << 3)
    Self.varint(entry.time, into: &message)
    Self.field(3, entry.isPartial ? entry.line : Array(entry.line.dropLast()), into: &message)
    if entry.isPartial { message += [4 << 3, 1] }
    let length = UInt32(truncatingIfNeeded: message.count)
    let frame = [UInt8(length >> 24), UInt8(length >> 16 & 0xff), UInt8(length >> 8 & 0xff), UInt8(length & 0xff)]
    return frame + message + frame
  }

  private static func varint(_ value: UInt64, into bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func field(_ number: UInt8, _ content: [UInt8], into bytes: inout [UInt8]) {
    bytes.append(number << 3 | 2)
    varint(UInt64(content.count), into: &bytes)
    bytes += content
  }

  func decode(_ bytes: [UInt8]) -> [LogEntry] {
    var entries: [LogEntry] = []
    var offset = 0
    while offset + 8 <= bytes.count {
      let length = bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - offset - 8, let entry = Self.entry(bytes[(offset + 4)..<(offset + 4 + length)])
      else { break }
      entries.append(entry)
      offset += length + 8
    }
    return entries
  }

  private static func entry(_ message: ArraySlice<UInt8>) -> LogEntry? {
    var entry = LogEntry(stream: "", time: 0, line: [])
    var isPartial = false
    var index = message.startIndex
    func varint() -> UInt64? {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while index < message.endIndex, shift < 64 {
        let byte = message[index]
        index += 1
        value |= UInt64(byte & 0x7f) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
      return nil
    }
    while index < message.endIndex {
      let tag = message[index]
      index += 1
      guard let value = varint() else { return nil }
      if tag & 7 == 2 {
        guard value <= UInt64(message.endIndex - index) else { return nil }
        let content = message[index..<(index + Int(value))]
        index += Int(value)
        if tag >> 3 == 1 { entry.stream = String(decoding: content, as: UTF8.self) }
        if tag >> 3 == 3 { entry.line = Array(content) }
      } else if tag >> 3 == 2 {
        entry.time = value
      } else if tag >> 3 == 4 {
        isPartial = value != 0
      }
    }
    if !isPartial { entry.line.append(0x0a) }
    return entry
  }
}
