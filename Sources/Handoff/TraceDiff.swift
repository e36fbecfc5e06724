/// Compares two sequences of lines as they come, in flat memory: where they part, the nearest place where they meet
/// again is sought within a window. (A full diff of two traces of a million records would hold both.)
public struct StreamDiff {
  /// One row of the comparison.
  public enum Row: Sendable, Hashable {
    case same(String)
    case left(String)
    case right(String)
  }
  private let nextLeft: () -> String?
  private let nextRight: () -> String?
  private let window: Int
  private var left: [String] = []
  private var right: [String] = []
  private var pending: [Row] = []
  /// How many rows stood on one side only so far.
  public private(set) var differences = 0

  public init(left: @escaping () -> String?, right: @escaping () -> String?, window: Int = 256) {
    (nextLeft, nextRight, self.window) = (left, right, window)
  }

  /// The next row; nil when both sequences have ended.
  public mutating func next() -> Row? {
    if !pending.isEmpty { return pending.removeFirst() }
    fill(1)
    switch (left.first, right.first) {
    case (nil, nil): return nil
    case (let a?, nil):
      left.removeFirst()
      differences += 1
      return .left(a)
    case (nil, let b?):
      right.removeFirst()
      differences += 1
      return .right(b)
    case (let a?, let b?):
      if a == b {
        left.removeFirst()
        right.removeFirst()
        return .same(a)
      }
    }
    fill(window)
    let (skipLeft, skipRight) = meeting()
    pending += left[..<skipLeft].map(Row.left) + right[..<skipRight].map(Row.right)
    left.removeFirst(skipLeft)
    right.removeFirst(skipRight)
    differences += skipLeft + skipRight
    return pending.removeFirst()
  }

  /// The smallest skips after which both sides agree, by a longest common subsequence of the window's start.
  private func meeting() -> (Int, Int) {
    var best: (Int, Int)?
    for total in 1..<(left.count + right.count) {
      for skip in max(0, total - right.count + 1)...min(total, left.count) {
        let other = total - skip
        guard skip < left.count, other < right.count, left[skip] == right[other] else { continue }
        // One equal line may be chance; two in a row (or the end) are a meeting.
        let isLast = skip + 1 >= left.count || other + 1 >= right.count
        if isLast || left[skip + 1] == right[other + 1] { return (skip, other) }
        best = best ?? (skip, other)
      }
      if let best, total > best.0 + best.1 + 8 { return best }
    }
    return best ?? (left.count, right.count)
  }

  private mutating func fill(_ count: Int) {
    while left.count < count, let line = nextLeft() { left.append(line) }
    while right.count < count, let line = nextRight() { right.append(line) }
  }
}
