import Simulation

/// `clock`, `break`, `mend`, `reset`, `undo`, `host`: the simulated world itself.
let worldCommands: [SessionCommand] = [
  SessionCommand(
    name: "clock", usage: "[+DURATION | speed FACTOR]",
    summary: "the virtual time; +6h moves it on, speed 10 makes it run",
    isRecorded: true,
    complete: { _, words in words.count == 1 ? ["+10s", "+1m", "+1h", "+6h", "+1d", "speed"] : [] },
    run: { session, words in
      switch words.count {
      case 0: break
      case 1 where words[0].hasPrefix("+"):
        guard let nanoseconds = VirtualDuration.parse(String(words[0].dropFirst())) else {
          session.complain("not a duration: \(words[0]); write +90s, +10m, +6h, +2d or +1h30m")
          return 1
        }
        session.machine.world.advance(nanoseconds)
      case 2 where words[0] == "speed":
        guard let factor = Double(words[1]), factor >= 0, factor <= 1_000_000 else {
          session.complain("speed takes a number: 1 is as in life, 60 makes a minute a second, 0 waits for nothing")
          return 1
        }
        session.speed = factor
      default: return session.usage("clock")
      }
      session.printer.flush()
      session.say(VirtualDuration.timestamp(session.machine.world.unixTime) + "\n")
      return 0
    }),
  SessionCommand(
    name: "break", usage: "PART [down|slow|refusing]",
    summary: "make a part of the stack fail until `mend`",
    isRecorded: true,
    complete: { session, words in
      words.count == 1 ? session.machine.breakable : words.count == 2 ? FaultKind.allCases.map(\.rawValue) : []
    },
    run: { session, words in
      guard let part = words.first else {
        let broken = session.machine.faults.all
        session.say(
          broken.isEmpty ? "nothing is broken\n" : broken.map { "\($0.part) is \($0.kind.rawValue)\n" }.joined())
        return 0
      }
      guard session.machine.breakable.contains(part) else {
        session.complain(
          "\(part) cannot be broken; there are \(session.machine.breakable.joined(separator: ", "))")
        return 1
      }
      guard words.count <= 2, let kind = FaultKind(rawValue: words.count == 2 ? words[1] : "down") else {
        return session.usage("break")
      }
      session.machine.faults.set(part, kind)
      session.say(
        "\(part) is \(kind.rawValue); `mend` ends it\n"
          + FaultTexts.text(part, kind, stack: session.machine.stack, session.language))
      return 0
    }),
  SessionCommand(
    name: "mend", usage: "[PART]", summary: "the broken parts work again", isRecorded: true,
    complete: { session, words in words.count == 1 ? session.machine.faults.all.map(\.part) : [] },
    run: { session, words in
      guard words.count <= 1 else { return session.usage("mend") }
      let mended = session.machine.faults.mend(words.first)
      if let part = words.first, mended.isEmpty {
        session.complain("\(part) is not broken")
        return 1
      }
      session.say(mended.isEmpty ? "nothing was broken\n" : mended.map { "\($0) works again\n" }.joined())
      return 0
    }),
  SessionCommand(
    name: "reset", usage: "", summary: "a new world: no images, no containers", isRecorded: true,
    run: { session, words in
      guard words.isEmpty else { return session.usage("reset") }
      session.reset()
      session.say("everything is as at the start\n")
      return 0
    }),
  SessionCommand(
    name: "undo", usage: "", summary: "back to the state before the last command", isRecorded: true,
    run: { session, words in
      guard words.isEmpty else { return session.usage("undo") }
      guard let line = session.undo() else {
        session.complain("there is nothing to undo")
        return 1
      }
      session.say("undone: \(line)\n")
      return 0
    }),
  SessionCommand(
    name: "host", usage: "COMMAND [ARGUMENT…]", summary: "run a program on the simulated host: host ps, host curl …",
    isRecorded: true,
    run: { session, words in
      guard !words.isEmpty else { return session.usage("host") }
      return session.runOnHost(words.count == 1 && Words.needsShell(words[0]) ? ["sh", "-c", words[0]] : words)
    }),
]

/// Durations and times as people write them.
enum VirtualDuration {
  private static let units: [Character: UInt64] = [
    "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000,
  ]

  /// `90s`, `1h30m`, `2d`, in nanoseconds; at most ten years. Nil when malformed.
  static func parse(_ text: String) -> UInt64? {
    var total: UInt64 = 0
    var number: UInt64?
    for character in text {
      if let digit = character.wholeNumberValue, character.isASCII {
        let (product, overflow) = (number ?? 0).multipliedReportingOverflow(by: 10)
        guard !overflow, product < 1_000_000_000_000 else { return nil }
        number = product + UInt64(digit)
      } else {
        guard let unit = units[character], let value = number else { return nil }
        let (product, overflow) = value.multipliedReportingOverflow(by: unit)
        guard !overflow, product <= 315_360_000_000_000_000, total <= 315_360_000_000_000_000 else { return nil }
        total += product
        number = nil
      }
    }
    return number == nil && total > 0 && total <= 315_360_000_000_000_000 ? total : nil
  }

  /// `2026-01-01 00:00:00 UTC` of nanoseconds since 1970 (civil from days, Gregorian).
  static func timestamp(_ nanoseconds: UInt64) -> String {
    let seconds = Int(nanoseconds / 1_000_000_000)
    let (date, time) = (CivilDate(daysSince1970: seconds / 86_400), seconds % 86_400)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(date.year)-\(two(date.month))-\(two(date.day)) "
      + "\(two(time / 3600)):\(two(time / 60 % 60)):\(two(time % 60)) UTC"
  }
}

/// A day of the Gregorian calendar.
struct CivilDate {
  let year: Int
  let month: Int
  let day: Int
  /// Counts in eras of 400 years that begin on 1 March, so that the leap day comes last.
  init(daysSince1970 days: Int) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }
}
