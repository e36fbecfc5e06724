extension StringProtocol {
  /// The parts between bytes that are `separator` (ASCII). As `split(separator:)`, but without looking for characters:
  /// system calls split at every turn.
  func parts(at separator: Unicode.Scalar, omittingEmpty: Bool = true, most: Int = .max) -> [Substring] {
    let byte = UInt8(truncatingIfNeeded: separator.value)
    let text = Substring(self)
    let utf8 = text.utf8
    let bytes = utf8.span
    var parts: [Substring] = []
    var (begin, start) = (0, utf8.startIndex)
    func add(upTo end: Int) {
      let limit = utf8.index(start, offsetBy: end - begin)
      if begin < end || !omittingEmpty { parts.append(text[start..<limit]) }
      if end < bytes.count { (begin, start) = (end + 1, utf8.index(after: limit)) }
    }
    for index in bytes.indices where bytes[index] == byte {
      if parts.count == most { break }
      add(upTo: index)
    }
    add(upTo: bytes.count)
    return parts
  }

  /// Whether one of its bytes is `byte` (ASCII).
  func has(_ byte: Unicode.Scalar) -> Bool {
    let byte = UInt8(truncatingIfNeeded: byte.value)
    let utf8 = Substring(self).utf8
    let bytes = utf8.span
    for index in bytes.indices where bytes[index] == byte { return true }
    return false
  }

  /// Whether its first bytes are those of `start`.
  func begins(with start: String) -> Bool {
    let utf8 = Substring(self).utf8
    let (bytes, wanted) = (utf8.span, start.utf8.span)
    guard bytes.count >= wanted.count else { return false }
    for index in wanted.indices where bytes[index] != wanted[index] { return false }
    return true
  }

  /// Whether `word` is in it, byte by byte.
  func mentions(_ word: String) -> Bool {
    let utf8 = Substring(self).utf8
    let (bytes, wanted) = (utf8.span, word.utf8.span)
    var start = 0
    while start + wanted.count <= bytes.count {
      var index = 0
      while index < wanted.count, bytes[start + index] == wanted[index] { index += 1 }
      if index == wanted.count { return true }
      start += 1
    }
    return false
  }

  /// Without blanks and line ends at both ends.
  var trimmed: String {
    var bytes = Substring(self).utf8
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
    return String(Substring(bytes))
  }
}
