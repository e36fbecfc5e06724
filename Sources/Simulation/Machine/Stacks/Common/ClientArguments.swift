/// The flags and operands of a command of `ctr` or `crictl` (urfave/cli's grammar: flags come before operands).
struct ClientArguments {
  /// What a command knows.
  struct Flags: Sendable {
    /// Flags with a value, by every name; the first name of a flag is its key.
    var valued: [[String]] = []
    var switches: [[String]] = []
    /// What follows the first operand is taken as it stands (`run`, `exec`).
    var stopsAtOperand = true
  }
  private var values: [String: [String]] = [:]
  private var isOn: Set<String> = []
  private(set) var operands: [String] = []

  /// Throws `ClientFailure` for a flag that is not known or has no value.
  init(_ words: [String], _ flags: Flags) throws {
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--" {
        operands += words[index...]
        return
      }
      guard word.hasPrefix("-"), word.utf8.count > 1 else {
        operands.append(word)
        if flags.stopsAtOperand {
          operands += words[index...]
          return
        }
        continue
      }
      let bare = word.drop { $0 == "-" }
      let name = String(bare.prefix { $0 != "=" })
      let inline = bare.firstIndex(of: "=").map { String(bare[bare.index(after: $0)...]) }
      if let flag = flags.valued.first(where: { $0.contains(name) }) {
        if let inline {
          values[flag[0], default: []].append(inline)
        } else if index < words.count {
          values[flag[0], default: []].append(words[index])
          index += 1
        } else {
          throw ClientFailure("flag needs an argument: -\(name)")
        }
      } else if let flag = flags.switches.first(where: { $0.contains(name) }) {
        if inline == "false" { isOn.remove(flag[0]) } else { isOn.insert(flag[0]) }
      } else if !word.hasPrefix("--"), name.utf8.count > 1,
        name.allSatisfy({ letter in flags.switches.contains { $0.contains(String(letter)) } })
      {
        // -it is -i -t.
        for letter in name {
          if let flag = flags.switches.first(where: { $0.contains(String(letter)) }) { isOn.insert(flag[0]) }
        }
      } else {
        throw ClientFailure("flag provided but not defined: -\(name)")
      }
    }
  }

  func has(_ name: String) -> Bool { isOn.contains(name) }
  func value(_ name: String) -> String? { values[name]?.last }
  func all(_ name: String) -> [String] { values[name] ?? [] }
  /// A number; throws when it is none.
  func number(_ name: String) throws -> Int? {
    guard let text = value(name) else { return nil }
    guard let number = Int(text) else {
      throw ClientFailure("invalid value \"\(text)\" for flag -\(name): parse error")
    }
    return number
  }
}
