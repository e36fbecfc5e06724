import Seams

/// Linux signals by name and number (signal(7)).
enum SignalName {
  static let SIGKILL = 9
  static let SIGTERM = 15

  static let numbers: [String: Int] = {
    let names = [
      "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
      "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
      "PWR", "SYS",
    ]
    var numbers: [String: Int] = [:]
    for (index, name) in names.enumerated() { numbers[name] = index + 1 }
    (numbers["IOT"], numbers["CLD"], numbers["POLL"], numbers["UNUSED"]) = (6, 17, 29, 31)
    // glibc keeps 32 and 33 for itself.
    let (least, greatest) = (34, 64)
    (numbers["RTMIN"], numbers["RTMAX"]) = (least, greatest)
    for offset in 1...15 { numbers["RTMIN+\(offset)"] = least + offset }
    for offset in 1...14 { numbers["RTMAX-\(offset)"] = greatest - offset }
    return numbers
  }()

  /// `TERM`, `SIGTERM`, `15`. Refuses with `invalid signal: X`.
  static func parse(_ text: String) throws(EngineError) -> Int {
    if let number = Int(text) {
      guard number != 0 else { throw EngineError(.invalidArgument, "invalid signal: \(text)") }
      return number
    }
    let name = text.uppercased()
    guard let number = numbers[name.hasPrefix("SIG") ? String(name.dropFirst(3)) : name] else {
      throw EngineError(.invalidArgument, "invalid signal: \(text)")
    }
    return number
  }

  /// Whether Linux has such a signal.
  static func isValid(_ number: Int) -> Bool { (1...64).contains(number) }
}
