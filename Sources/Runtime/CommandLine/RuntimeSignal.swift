/// Signals of Linux by name and number (signal(7)).
public enum RuntimeSignal {
  /// `9`, `KILL`, `SIGKILL`, `kill`, `SIGRTMIN+3`; nil for anything else. 0 only asks whether the process is there.
  public static func number(_ text: String) -> Int? {
    if let number = Int(text) { return (0...64).contains(number) ? number : nil }
    let upper = text.uppercased()
    let name = upper.hasPrefix("SIG") ? upper.dropFirst(3) : Substring(upper)
    if name.hasPrefix("RTMIN") {
      let rest = name.dropFirst(5)
      guard !rest.isEmpty else { return 34 }
      guard rest.first == "+", let offset = Int(rest.dropFirst()), (0...30).contains(offset) else { return nil }
      return 34 + offset
    }
    if name.hasPrefix("RTMAX") {
      let rest = name.dropFirst(5)
      guard !rest.isEmpty else { return 64 }
      guard rest.first == "-", let offset = Int(rest.dropFirst()), (0...30).contains(offset) else { return nil }
      return 64 - offset
    }
    return known(name)
  }

  private static func known(_ name: Substring) -> Int? {
    switch name {
    case "HUP": 1
    case "INT": 2
    case "QUIT": 3
    case "ILL": 4
    case "TRAP": 5
    case "ABRT", "IOT": 6
    case "BUS": 7
    case "FPE": 8
    case "KILL": 9
    case "USR1": 10
    case "SEGV": 11
    case "USR2": 12
    case "PIPE": 13
    case "ALRM": 14
    case "TERM": 15
    case "STKFLT": 16
    case "CHLD", "CLD": 17
    case "CONT": 18
    case "STOP": 19
    case "TSTP": 20
    case "TTIN": 21
    case "TTOU": 22
    case "URG": 23
    case "XCPU": 24
    case "XFSZ": 25
    case "VTALRM": 26
    case "PROF": 27
    case "WINCH": 28
    case "IO", "POLL": 29
    case "PWR": 30
    case "SYS": 31
    default: nil
    }
  }
}
