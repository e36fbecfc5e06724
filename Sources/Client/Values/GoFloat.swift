/// Floating-point numbers as Go's fmt writes them.
enum GoFloat {
  /// `%.Nf`.
  static func fixed(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
    let decimals = min(max(decimals, 0), 17)
    var digits = exactDigits(value.magnitude)
    round(&digits, keeping: digits.point + decimals)
    var whole = digits.point <= 0 ? "0" : ""
    for position in 0..<max(digits.point, 0) { whole += String(digits.digit(position)) }
    var fraction = ""
    for position in digits.point..<(digits.point + decimals) { fraction += String(digits.digit(position)) }
    let text = whole + (fraction.isEmpty ? "" : "." + fraction)
    return value.sign == .minus ? "-" + text : text
  }

  /// `%.Ng`: N significant digits, without zeros at the end; large and small ones with an exponent.
  static func general(_ value: Double, _ precision: Int) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
    if value == 0 { return "0" }
    var digits = exactDigits(value.magnitude)
    round(&digits, keeping: max(1, precision))
    let sign = value < 0 ? "-" : ""
    return sign + spelled(digits, exponentFrom: max(1, precision))
  }

  /// `%v`: as many digits as it takes to come back to the same value.
  static func shortest(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
    if value == 0 { return "0" }
    var text = "\(value.magnitude)"
    var exponent = 0
    if let mark = text.firstIndex(of: "e") {
      exponent = Int(text[text.index(after: mark)...]) ?? 0
      text = String(text[..<mark])
    }
    let (whole, fraction) = text.cut(".")
    var all = (whole + (fraction ?? "")).compactMap(\.wholeNumberValue)
    var point = whole.count + exponent
    while all.first == 0, all.count > 1 {
      all.removeFirst()
      point -= 1
    }
    while all.last == 0, all.count > 1 { all.removeLast() }
    return (value < 0 ? "-" : "") + spelled(Digits(digits: all, point: point), exponentFrom: 21)
  }

  /// `%e`: one digit before the point.
  static func exponential(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite else { return fixed(value, 0) }
    var digits = value == 0 ? Digits(digits: [0], point: 1) : exactDigits(value.magnitude)
    round(&digits, keeping: decimals + 1)
    var text = String(digits.digit(0))
    if decimals > 0 { text += "." + (1...decimals).map { String(digits.digit($0)) }.joined() }
    return (value.sign == .minus ? "-" : "") + text + exponentText(digits.point - 1)
  }

  /// Decimal digits and where the point stands among them.
  private struct Digits {
    var digits: [Int]
    var point: Int
    func digit(_ position: Int) -> Int { digits.indices.contains(position) ? digits[position] : 0 }
  }

  private static func spelled(_ digits: Digits, exponentFrom limit: Int) -> String {
    var all = digits.digits
    while all.last == 0, all.count > 1 { all.removeLast() }
    let exponent = digits.point - 1
    if exponent < -4 || exponent >= limit {
      let tail = all.dropFirst().map(String.init).joined()
      return String(all[0]) + (tail.isEmpty ? "" : "." + tail) + exponentText(exponent)
    }
    if digits.point <= 0 {
      return "0." + String(repeating: "0", count: -digits.point) + all.map(String.init).joined()
    }
    let whole = (0..<digits.point).map { all.indices.contains($0) ? String(all[$0]) : "0" }.joined()
    let fraction = all.dropFirst(digits.point).map(String.init).joined()
    return whole + (fraction.isEmpty ? "" : "." + fraction)
  }

  private static func exponentText(_ exponent: Int) -> String {
    let digits = String(exponent.magnitude)
    return "e" + (exponent < 0 ? "-" : "+") + (digits.count < 2 ? "0" + digits : digits)
  }

  /// Every decimal digit of a number: binary fractions end in decimal too.
  private static func exactDigits(_ value: Double) -> Digits {
    if value == 0 { return Digits(digits: [0], point: 1) }
    var whole: [Int] = []
    // Digits of the whole part, by repeated division of the exact integer.
    let integer = value.rounded(.towardZero)
    if integer < 9.2e18 {
      whole = integer == 0 ? [] : String(UInt64(integer)).compactMap(\.wholeNumberValue)
    } else {
      var mantissa = String(UInt64(integer.significandBitPattern) | 1 << 52).compactMap(\.wholeNumberValue)
      for _ in 0..<max(0, Int(integer.exponent) - 52) {
        var carry = 0
        for index in mantissa.indices.reversed() {
          let doubled = mantissa[index] * 2 + carry
          (mantissa[index], carry) = (doubled % 10, doubled / 10)
        }
        if carry > 0 { mantissa.insert(carry, at: 0) }
      }
      whole = mantissa
    }
    var fraction: [Int] = []
    var rest = value - integer
    // Forty digits are more than any caller rounds to.
    var scale = rest
    while rest > 0, fraction.count < 60 {
      scale = rest * 10
      let digit = scale.rounded(.towardZero)
      fraction.append(Int(digit))
      // Exact: fused so that the product is not rounded before the digit is taken off.
      rest = (-digit).addingProduct(rest, 10)
    }
    var all = whole + fraction
    var point = whole.count
    while all.first == 0, all.count > 1 {
      all.removeFirst()
      point -= 1
    }
    return Digits(digits: all.isEmpty ? [0] : all, point: point)
  }

  /// Rounds half to even at `count` digits.
  private static func round(_ digits: inout Digits, keeping count: Int) {
    guard count < digits.digits.count else { return }
    guard count >= 0 else {
      digits = Digits(digits: [0], point: digits.point)
      return
    }
    let next = digits.digits[count]
    let isMore = digits.digits[(count + 1)...].contains { $0 != 0 }
    let isOdd = count > 0 && digits.digits[count - 1] % 2 == 1
    let goesUp = next > 5 || (next == 5 && (isMore || isOdd))
    digits.digits.removeSubrange(count...)
    if digits.digits.isEmpty {
      digits.digits = [goesUp ? 1 : 0]
      if goesUp { digits.point += 1 }
      return
    }
    guard goesUp else { return }
    var index = count - 1
    while index >= 0 {
      if digits.digits[index] < 9 {
        digits.digits[index] += 1
        return
      }
      digits.digits[index] = 0
      index -= 1
    }
    digits.digits.insert(1, at: 0)
    digits.digits.removeLast()
    digits.point += 1
  }
}
