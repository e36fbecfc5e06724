/// Aligns columns as Go's text/tabwriter does with docker's settings: cells at least 10 wide, three blanks between.
enum TabWriter {
  /// - Parameters:
  ///   - text: lines whose cells end with tabs; a line's last cell belongs to no column.
  ///   - minimum: the least width of a column.
  static func align(_ text: String, minimum: Int = 10, padding: Int = 3) -> String {
    let lines = text.parts("\n").map { $0.parts("\t") }
    var widths = lines.map { [Int](repeating: 0, count: $0.count) }
    // A column is a run of lines that all have a cell there which a tab ends.
    let most = lines.map(\.count).max() ?? 0
    for column in 0..<max(0, most - 1) {
      var start = 0
      while start < lines.count {
        guard lines[start].count - 1 > column else {
          start += 1
          continue
        }
        var end = start
        var width = minimum
        while end < lines.count, lines[end].count - 1 > column {
          width = max(width, lines[end][column].unicodeScalars.count + padding)
          end += 1
        }
        for line in start..<end { widths[line][column] = width }
        start = end
      }
    }
    return zip(lines, widths).map { cells, widths in
      var out = ""
      for (index, cell) in cells.enumerated() {
        out += cell
        guard index < cells.count - 1 else { break }
        out += String(repeating: " ", count: max(0, widths[index] - cell.unicodeScalars.count))
      }
      return out
    }.joined(separator: "\n")
  }
}
