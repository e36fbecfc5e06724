extension StringProtocol {
  /// The parts between bytes that are `separator` (ASCII). As `split(separator:)`, but without looking for characters:
  /// system calls split at every turn.
  func parts(at separator: Unicode.Scalar, omittingEmpty: Bool = true, most: Int = .max) -> [Substring] {
    let byte = UInt8(truncatingIfNeeded: separator.value)
    let text = Substring(self)
    return text.utf8.split(separator: byte, maxSplits: most, omittingEmptySubsequences: omittingEmpty).map(
      Substring.init)
  }

  /// Whether one of its bytes is `byte` (ASCII).
  func has(_ byte: Unicode.Scalar) -> Bool { utf8.contains(UInt8(truncatingIfNeeded: byte.value)) }

  /// Without blanks and line ends at both ends.
  var trimmed: String {
    var bytes = Substring(self).utf8
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
    return String(Substring(bytes))
  }
}
