/// "Did you mean": commands whose names are near to what was typed.
enum Similar {
  /// Names within two edits, or that begin with what was typed; the nearest first.
  static func names(to typed: String, in names: [String]) -> [String] {
    var found: [(name: String, distance: Int)] = []
    for name in names {
      let distance = edits(typed, name)
      if distance <= min(2, max(1, typed.count / 2)) || (typed.count > 1 && name.hasPrefix(typed)) {
        found.append((name, distance))
      }
    }
    return found.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(4).map(\.name)
  }

  /// Insertions, deletions, replacements and swaps of neighbours between two words; words over 32 characters are far.
  static func edits(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    guard a.count <= 32, b.count <= 32 else { return 99 }
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
