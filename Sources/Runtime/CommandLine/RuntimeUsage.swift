/// What `--help` prints, in the form of runc's help.
public enum RuntimeUsage {
  /// Of the whole program. `version`: lines for its section, empty for none.
  public static func text(program: String, version: String = "", root: String = "") -> String {
    var text = """
      NAME:
         \(program) - Open Container Initiative runtime

      \(program) starts and manages containers after the Open Container Initiative's runtime specification.
      A container comes out of a bundle: a folder with a configuration, config.json, and a root file system.

          # \(program) spec
          # \(program) plan
          # \(program) run [ -b bundle ] <container-id>

      USAGE:
         \(program) [global options] command [command options] [arguments...]


      """
    if !version.isEmpty { text += "VERSION:\n   " + version + "\n\n" }
    text += "COMMANDS:\n"
    let verbs = RuntimeGrammar.names.compactMap(RuntimeGrammar.verb)
    text += columns(verbs.map { ($0.name, $0.summary) } + [("help, h", "show the help of a command")])
    text += "\nGLOBAL OPTIONS:\n"
    var flags = RuntimeGrammar.globals + [.help, .version]
    if !root.isEmpty, let index = flags.firstIndex(where: { $0.name == "root" }) {
      flags[index].initial = GoText.quoted(root)
    }
    return text + options(flags)
  }

  /// Of one verb.
  public static func text(of verb: RuntimeVerb, program: String) -> String {
    var text = "NAME:\n   \(program) \(verb.name) - \(verb.summary)\n\nUSAGE:\n   \(program) \(verb.name)"
    if !verb.flags.isEmpty { text += " [command options]" }
    if !verb.synopsis.isEmpty { text += " " + verb.synopsis }
    text += "\n"
    if !verb.description.isEmpty {
      text += "\nDESCRIPTION:\n"
      for line in verb.description.split(separator: "\n", omittingEmptySubsequences: false) { text += "   \(line)\n" }
    }
    if !verb.flags.isEmpty { text += "\nOPTIONS:\n" + options(verb.flags) }
    return text
  }

  private static func options(_ flags: [RuntimeFlag]) -> String {
    columns(
      flags.map { flag in
        let value = flag.kind == .toggle ? "" : " value"
        var left = "--" + flag.name + value
        if let short = flag.short { left += ", -" + short + value }
        return (left, flag.usage + (flag.initial.map { " (default: \($0))" } ?? ""))
      })
  }

  private static func columns(_ rows: [(String, String)]) -> String {
    let width = (rows.map(\.0.utf8.count).max() ?? 0) + 2
    return rows.map { "   " + $0 + String(repeating: " ", count: width - $0.utf8.count) + $1 + "\n" }.joined()
  }
}
