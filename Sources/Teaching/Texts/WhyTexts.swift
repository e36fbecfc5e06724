/// The texts of `why`, by operation. Each seam has a table in a file of its own:
///
///     = the operation's name
///     + what it is for, in English
///     - what would happen without it
///     + the same in Brazilian Portuguese
///     - ditto
///
/// Longer texts go on in lines that begin with two blanks.
enum WhyTexts {
  struct Entry: Sendable {
    var english: (purpose: String, without: String)
    var portuguese: (purpose: String, without: String)
  }

  static let tables = [
    remoteAPIContainers, remoteAPIOthers, containerdImages, containerdTasks, shim, runtime, registry, kernel,
    kernelDetails, network, kubernetes, otherStacks, stackHelpers,
  ]

  /// All entries, read when somebody first asks why.
  static let all: [String: Entry] = {
    var all: [String: Entry] = [:]
    for table in tables {
      for (op, texts) in parse(table) where texts.count == 4 {
        all[op] = Entry(english: (texts[0], texts[1]), portuguese: (texts[2], texts[3]))
      }
    }
    return all
  }()

  /// The entries of a table, in order: names, and the texts as they stand, four each where nothing is missing.
  static func parse(_ table: String) -> [(op: String, texts: [String])] {
    var entries: [(op: String, texts: [String])] = []
    for line in table.split(separator: "\n") {
      let text = line.dropFirst(2)
      switch line.first {
      case "=": entries.append((String(text), []))
      case "+", "-":
        if !entries.isEmpty { entries[entries.count - 1].texts.append(String(text)) }
      default:
        guard !entries.isEmpty, !entries[entries.count - 1].texts.isEmpty else { continue }
        let last = entries[entries.count - 1].texts.count - 1
        entries[entries.count - 1].texts[last] += " " + text
      }
    }
    return entries
  }
}
