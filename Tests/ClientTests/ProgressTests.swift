import JSONTree
import Testing

@testable import Client

@Suite("Progress of pull and push")
struct ProgressTests {
  private let messages: [JSON] = [
    ["status": "Pulling from library/nginx", "id": "latest"],
    ["status": "Pulling fs layer", "progressDetail": [:], "id": "6e909acdb790"],
    ["status": "Pulling fs layer", "progressDetail": [:], "id": "5eaa34f5b9c2"],
    [
      "status": "Downloading", "progressDetail": ["current": 1_200_000, "total": 28_200_000], "id": "6e909acdb790",
    ],
    ["status": "Pull complete", "progressDetail": [:], "id": "5eaa34f5b9c2"],
    ["status": "Digest: sha256:abc"],
  ]

  private func shown(columns: Int, isTerminal: Bool = true) throws -> String {
    var display = JSONMessages(isTerminal: isTerminal, columns: columns)
    return try messages.map { try display.show($0, now: 0) }.joined()
  }

  /// What stands on a terminal of `columns` after `text`: a line per row; wrapping counts.
  private func screen(_ text: String, columns: Int) -> [String] {
    var rows: [[Character]] = [[]]
    var (row, column) = (0, 0)
    var rest = Array(text)[...]
    func room() { while rows.count <= row { rows.append([]) } }
    while let character = rest.popFirst() {
      switch character {
      case "\n": (row, column) = (row + 1, 0)
      case "\r": column = 0
      case "\r\n": (row, column) = (row + 1, 0)
      case "\u{1b}":
        rest.removeFirst()
        let digits = String(rest.prefix { $0.isNumber })
        rest = rest.dropFirst(digits.count)
        switch rest.popFirst() {
        case "A": row = max(0, row - (Int(digits) ?? 1))
        case "B": row += Int(digits) ?? 1
        case "K":
          room()
          rows[row] = []
        default: continue
        }
      default:
        if column == columns { (row, column) = (row + 1, 0) }
        room()
        while rows[row].count <= column { rows[row].append(" ") }
        rows[row][column] = character
        column += 1
      }
      room()
    }
    return rows.map { String($0) }
  }

  @Test(arguments: [20, 40, 80, 110, 111, 200])
  func eachLayerKeepsItsLine(_ columns: Int) throws {
    let rows = screen(try shown(columns: columns), columns: columns)
    #expect(rows.count >= 4)
    #expect(rows.filter { $0.hasPrefix("6e909acdb790: ") }.count == 1)
    #expect(rows.filter { $0.hasPrefix("5eaa34f5b9c2: ") }.count == 1)
    if columns >= 40 {
      #expect(rows.contains { $0.hasPrefix("6e909acdb790: Downloading ") })
      #expect(rows.contains { $0.hasPrefix("5eaa34f5b9c2: Pull complete") })
    }
  }

  @Test func theBarNeedsRoom() {
    let half: JSON = ["current": 14_100_000, "total": 28_200_000]
    #expect(
      JSONMessages.bar(half, columns: 120, now: 0)
        == "[=========================>                         ]   14.1MB/28.2MB")
    #expect(JSONMessages.bar(half, columns: 110, now: 0) == "  14.1MB/28.2MB")
    #expect(JSONMessages.bar(["current": 500], columns: 80, now: 0) == "    500B")
    #expect(JSONMessages.bar(["current": 3, "units": "s"], columns: 80, now: 0) == "3 s")
    #expect(JSONMessages.bar(["current": 3, "total": 5, "units": "files"], columns: 80, now: 0) == "3/5 files")
    #expect(JSONMessages.bar(["current": 9, "total": 5], columns: 80, now: 0) == "      9B")
    #expect(JSONMessages.bar(["current": 1, "total": 4, "start": 10], columns: 80, now: 20) == "      1B/4B 30s")
    #expect(JSONMessages.bar([:], columns: 80, now: 0) == "")
    #expect(JSONMessages.bar(["current": .int(.max), "total": .int(1)], columns: 200, now: 0).hasPrefix("[====="))
  }

  @Test func withoutATerminalOnlyChangesAreSaid() throws {
    #expect(
      try shown(columns: 0, isTerminal: false) == """
        latest: Pulling from library/nginx
        6e909acdb790: Pulling fs layer
        5eaa34f5b9c2: Pulling fs layer
        5eaa34f5b9c2: Pull complete
        Digest: sha256:abc

        """)
  }

  @Test func failuresAreThrown() {
    var display = JSONMessages(isTerminal: false, columns: 80)
    #expect(throws: CommandError("denied")) {
      try display.show(["errorDetail": ["message": "denied"], "error": "x"], now: 0)
    }
    #expect(throws: CommandError("x")) { try display.show(["error": "x"], now: 0) }
  }
}
