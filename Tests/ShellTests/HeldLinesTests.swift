import JSONTree
import Testing

@testable import Client
@testable import Shell

/// Enough of a terminal to see what stands on it in the end.
private struct Screen {
  var lines: [String] = [""]
  var row = 0

  mutating func show(_ text: String) {
    var rest = Substring(text)
    while let first = rest.first {
      if first == "\u{1b}", rest.dropFirst().first == "[" {
        let body = rest.dropFirst(2)
        let number = body.prefix { $0.isNumber }
        let command = body.dropFirst(number.count).first
        rest = body.dropFirst(number.count + 1)
        switch command {
        case "A": row = max(0, row - (Int(number) ?? 1))
        case "B": row = min(lines.count - 1, row + (Int(number) ?? 1))
        case "K": lines[row] = ""
        case "J": lines.removeSubrange((row + 1)...); lines[row] = ""
        default: break
        }
        continue
      }
      rest = rest.dropFirst()
      if first == "\n" || first == "\r\n" {
        row += 1
        if row == lines.count { lines.append("") }
      } else if first != "\r" {
        lines[row].append(first)
      }
    }
  }
}

@Suite("Handoff lines and a command that draws lines over")
struct HeldLinesTests {
  @Test("handoffs go above the layers that are being pulled, and none is drawn over")
  func pull() throws {
    var screen = Screen()
    var messages = JSONMessages(isTerminal: true, columns: 80)
    func handoff(_ text: String) {
      screen.show(String(decoding: LivePrinter.above(messages.held, Array("\(text)\n".utf8), rows: 24), as: UTF8.self))
    }
    func message(_ text: String) throws {
      screen.show(try messages.show(try JSON(parsing: Array(text.utf8)), now: 0))
    }
    handoff("1 GET manifest")
    try message(#"{"status":"Pulling from library/nginx","id":"latest"}"#)
    handoff("2 GET config")
    try message(#"{"status":"Pulling fs layer","progressDetail":{},"id":"aaaa"}"#)
    handoff("3 GET blob aaaa")
    try message(#"{"status":"Pulling fs layer","progressDetail":{},"id":"bbbb"}"#)
    try message(#"{"status":"Downloading","progressDetail":{"current":5,"total":9},"id":"aaaa"}"#)
    handoff("4 GET blob bbbb")
    try message(#"{"status":"Pull complete","progressDetail":{},"id":"bbbb"}"#)
    handoff("5 Snapshots/Commit")
    try message(#"{"status":"Pull complete","progressDetail":{},"id":"aaaa"}"#)
    try message(#"{"status":"Digest: sha256:1"}"#)
    handoff("6 Images/Create")
    #expect(
      screen.lines.map { String($0.reversed().drop { $0 == " " }.reversed()) } == [
        "1 GET manifest", "latest: Pulling from library/nginx", "2 GET config", "3 GET blob aaaa", "4 GET blob bbbb",
        "5 Snapshots/Commit", "aaaa: Pull complete", "bbbb: Pull complete", "Digest: sha256:1", "6 Images/Create", "",
      ])
  }

  @Test("no more lines are held than the screen has")
  func tall() {
    let text = Array("x\n".utf8)
    #expect(LivePrinter.above(Array(repeating: "layer", count: 24), text, rows: 24) == text)
    #expect(LivePrinter.above(["layer"], text, rows: 0) == text)
    #expect(LivePrinter.above([], text, rows: 24) == text)
  }
}
