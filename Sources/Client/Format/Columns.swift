import JSONTree

/// Small pieces that many tables share.
enum Show {
  /// The first twelve digits of an id, without its algorithm.
  static func shortID(_ id: String) -> String {
    let digits = id.firstIndex(of: ":").map { id[id.index(after: $0)...] } ?? id[...]
    return String(digits.prefix(12))
  }

  /// At most `width` columns; what is longer ends in `…`.
  static func ellipsis(_ text: String, _ width: Int) -> String {
    guard width > 0, text.count > width else { return width > 0 ? text : "" }
    return width == 1 ? String(text.prefix(1)) : text.prefix(width - 1) + "…"
  }

  /// `a=1,b=2`, by name.
  static func labels(_ json: JSON?) -> String {
    (json?.object?.members ?? []).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? "")" }
      .joined(separator: ",")
  }

  static func label(_ json: JSON?, _ name: String) -> String { json?[name]?.string ?? "" }

  /// Compares names as people do: digits count as numbers (`v9` before `v10`).
  static func naturalOrder(_ a: String, _ b: String) -> Bool {
    var (x, y) = (Array(a.unicodeScalars)[...], Array(b.unicodeScalars)[...])
    func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
    while let p = x.first, let q = y.first {
      if isDigit(p), isDigit(q) {
        let (m, n) = (x.prefix(while: isDigit), y.prefix(while: isDigit))
        let (s, t) = (m.drop { $0 == "0" }, n.drop { $0 == "0" })
        if s.count != t.count { return s.count < t.count }
        if let pair = zip(s, t).first(where: { $0 != $1 }) { return pair.0.value < pair.1.value }
        if m.count != n.count { return m.count < n.count }
        (x, y) = (x.dropFirst(m.count), y.dropFirst(n.count))
      } else {
        if p != q { return p.value < q.value }
        (x, y) = (x.dropFirst(), y.dropFirst())
      }
    }
    return x.count < y.count
  }
}

extension JSON {
  /// Text at a path of names; empty when there is none.
  func text(_ path: String...) -> String {
    var value: JSON? = self
    for name in path { value = value?[name] }
    return value?.string ?? ""
  }

  /// A whole number at a path of names; 0 when there is none.
  func number(_ path: String...) -> Int64 {
    var value: JSON? = self
    for name in path { value = value?[name] }
    return Int64(value?.int ?? 0)
  }

  /// True when there is `true` at a path of names.
  func flag(_ path: String...) -> Bool {
    var value: JSON? = self
    for name in path { value = value?[name] }
    return value?.bool ?? false
  }
}
