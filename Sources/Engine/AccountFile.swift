/// `/etc/passwd` or `/etc/group` (passwd(5), group(5)): lines of fields between colons.
///
/// Read byte by byte where it lies: every start of a container looks its user up, and making strings of a hundred lines
/// to find one costs more than all the rest of the search.
struct AccountFile: Sendable {
  private let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// One line.
  struct Line {
    fileprivate let bytes: ArraySlice<UInt8>

    var isComment: Bool { bytes.first == UInt8(ascii: "#") }

    /// Field `number`, counted from 0; nil when the line has fewer.
    subscript(number: Int) -> ArraySlice<UInt8>? {
      var begin = bytes.startIndex
      for _ in 0..<number {
        guard let colon = bytes[begin...].firstIndex(of: UInt8(ascii: ":")) else { return nil }
        begin = colon + 1
      }
      return bytes[begin..<(bytes[begin...].firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex)]
    }

    /// The number in field `number`; nil when there is none.
    func number(_ number: Int) -> Int? { self[number].flatMap(AccountFile.number) }

    /// Whether field `number` is `text`.
    func has(_ text: some StringProtocol, at number: Int) -> Bool {
      self[number].map { $0.elementsEqual(text.utf8) } ?? false
    }

    /// Whether the list between commas in field `number` names `text`.
    func lists(_ text: some StringProtocol, at number: Int) -> Bool {
      guard let field = self[number], !field.isEmpty else { return false }
      return field.split(separator: UInt8(ascii: ",")).contains { $0.elementsEqual(text.utf8) }
    }
  }

  /// The first line that `isWanted`; empty ones are none.
  func first(where isWanted: (Line) -> Bool) -> Line? {
    var begin = bytes.startIndex
    while begin < bytes.endIndex {
      let end = bytes[begin...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
      if begin < end {
        let line = Line(bytes: bytes[begin..<end])
        if isWanted(line) { return line }
      }
      begin = end + 1
    }
    return nil
  }

  /// Decimal digits, with or without a sign.
  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var digits = digits
    var isNegative = false
    if let sign = digits.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      isNegative = sign == UInt8(ascii: "-")
      digits = digits.dropFirst()
    }
    if digits.isEmpty { return nil }
    var value = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, isStillTooLarge) = product.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
      if isTooLarge || isStillTooLarge { return nil }
      value = sum
    }
    return isNegative ? -value : value
  }
}
