/// Lessons' Markdown for the terminal: paragraphs and lists are wrapped, code is set apart.
enum MarkdownText {
  static func render(_ text: String, width: Int, hasColour: Bool) -> String {
    var out: [String] = []
    var paragraph: [Substring] = []
    var isInCode = false
    func flush() {
      guard !paragraph.isEmpty else { return }
      out.append(fold(paragraph.joined(separator: " "), width: width, indent: ""))
      paragraph = []
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        flush()
        isInCode.toggle()
      } else if isInCode {
        out.append("    " + line.prefix(max(1, width - 4)))
      } else if line.allSatisfy(\.isWhitespace) {
        flush()
        if out.last?.isEmpty == false { out.append("") }
      } else if line.hasPrefix("- ") || line.hasPrefix("* ") {
        flush()
        out.append(fold("• " + line.dropFirst(2), width: width, indent: "  "))
      } else if line.hasPrefix("#") {
        flush()
        out.append("**" + line.drop { $0 == "#" || $0 == " " } + "**")
      } else if line.hasPrefix("  "), let last = out.last, last.hasPrefix("•") {
        out[out.count - 1] = fold(
          last.replacing("\n  ", with: " ") + " " + String(line).trimmed, width: width, indent: "  ")
      } else if line.hasPrefix("|") {
        flush()
        out.append(String(line.prefix(width)))
      } else {
        paragraph.append(line)
      }
    }
    flush()
    while out.last?.isEmpty == true { out.removeLast() }
    return out.map { spans($0, hasColour: hasColour) }.joined(separator: "\n")
  }

  private static func fold(_ text: String, width: Int, indent: String) -> String {
    wrapped(text, width: max(16, width - indent.count)).replacing("\n", with: "\n" + indent)
  }

  /// `code` and **strong**: coloured, or as they were written where there is no colour.
  private static func spans(_ text: String, hasColour: Bool) -> String {
    var out = ""
    var isCode = false
    var isStrong = false
    var rest = text[...]
    while let character = rest.first {
      if character == "`" {
        isCode.toggle()
        out += hasColour ? (isCode ? "\u{1B}[36m" : "\u{1B}[39m") : "`"
        rest = rest.dropFirst()
      } else if !isCode, rest.hasPrefix("**") {
        isStrong.toggle()
        out += hasColour ? (isStrong ? "\u{1B}[1m" : "\u{1B}[22m") : ""
        rest = rest.dropFirst(2)
      } else {
        out.append(character)
        rest = rest.dropFirst()
      }
    }
    return out
  }
}
