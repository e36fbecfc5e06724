/// Help in docker's layout: usage, what the command does, aliases, flags, subcommands.
enum Help {
  /// The whole help text of a command.
  ///
  /// - Parameter columns: of the terminal; flag texts are wrapped there.
  static func text(_ command: Command, path: String, columns: Int) -> String {
    if path == "docker" { return topLevel(command, columns: columns) }
    var out = "Usage:  " + usageLine(command, path: path) + "\n\n" + (command.long ?? command.short) + "\n"
    if let spellings = command.spellings { out += "\nAliases:\n  " + spellings + "\n" }
    let flags = flagLines(command.flags, columns: columns)
    if !flags.isEmpty { out += "\nOptions:\n" + flags }
    if !command.subcommands.isEmpty {
      out += "\nCommands:\n" + commandLines(command.subcommands)
      out += "\nRun '\(path) COMMAND --help' for more information on a command.\n"
    }
    return out
  }

  /// `docker run [OPTIONS] IMAGE [COMMAND] [ARG...]`.
  static func usageLine(_ command: Command, path: String) -> String {
    var line = path
    if !command.usage.isEmpty { line += " " + command.usage }
    if let other = command.otherUsage { line += "\n\t" + other }
    return line
  }

  private static func topLevel(_ root: Command, columns: Int) -> String {
    var out = "Usage:  docker [OPTIONS] COMMAND\n\n\(root.short)\n"
    for (section, title) in [(Command.Section.common, "Common"), (.management, "Management"), (.other, "")] {
      let commands = root.subcommands.filter { $0.section == section }
      out += "\n" + (title.isEmpty ? "" : title + " ") + "Commands:\n"
      out += section == .common ? commands.map(commandLine).joined() : commandLines(commands)
    }
    out += "\nGlobal Options:\n" + flagLines(root.flags, columns: columns)
    out += "\nRun 'docker COMMAND --help' for more information on a command.\n"
    out += "\nThese come later: \(CommandTree.later.joined(separator: ", ")).\n"
    return out
  }

  private static func commandLine(_ command: Command) -> String {
    "  \(command.name.padded(to: 11)) \(command.short)\n"
  }

  private static func commandLines(_ commands: [Command]) -> String {
    let width = commands.map(\.name.count).max() ?? 0
    return commands.sorted { $0.name < $1.name }.map { "  \($0.name.padded(to: max(width, 11))) \($0.short)\n" }
      .joined()
  }

  /// The flags by name: `  -e, --env list   Set environment variables`.
  static func flagLines(_ flags: [Flag], columns: Int) -> String {
    // What is no terminal counts as one of 80 columns.
    let columns = columns > 0 ? columns : 80
    let shown = flags.filter { !$0.isHidden && $0.deprecated == nil }.sorted { $0.name < $1.name }
    let heads = shown.map { flag in
      (flag.short.map { "  -\($0), --" } ?? "      --") + flag.name + (flag.kind.word.map { " " + $0 } ?? "")
    }
    let indent = (heads.map(\.count).max() ?? 0) + 3
    var out = ""
    for (flag, head) in zip(shown, heads) {
      out += head.padded(to: indent) + wrap(flag.help, indent: indent, columns: columns - 1) + "\n"
    }
    return out
  }

  /// Lines of at most `columns`, all but the first indented (pflag's FlagUsagesWrapped, with its slop of five columns).
  static func wrap(_ text: String, indent: Int, columns: Int) -> String {
    var indent = indent
    var width = columns - indent
    let isNarrow = width < 24
    if isNarrow {
      // Too little room beside the flag: a block on the next line.
      indent = 16
      width = columns - indent
    }
    let lineBreak = "\n" + String(repeating: " ", count: indent)
    guard width >= 24 else { return text.replacing("\n", by: lineBreak) }
    var out = isNarrow ? lineBreak : ""
    let slop = 5
    width -= slop
    var (line, rest) = piece(text, width, slop)
    out += line.replacing("\n", by: lineBreak)
    while !rest.isEmpty {
      (line, rest) = piece(rest, width, slop)
      out += lineBreak + line.replacing("\n", by: lineBreak)
    }
    return out
  }

  /// As much as fits into `width` columns (and a little more when that is all), and the rest.
  private static func piece(_ text: String, _ width: Int, _ slop: Int) -> (String, String) {
    let characters = Array(text)
    if characters.count < width + slop { return (text, "") }
    guard let blank = characters[..<width].lastIndex(where: { " \t\n".contains($0) }), blank > 0 else {
      return (text, "")
    }
    if let newline = characters[..<width].lastIndex(of: "\n"), newline > 0, newline < blank {
      return (String(characters[..<newline]), String(characters[(newline + 1)...]))
    }
    return (String(characters[..<blank]), String(characters[(blank + 1)...]))
  }
}
