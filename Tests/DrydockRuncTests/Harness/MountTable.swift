/// A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
struct MountLine {
  let root: String
  let point: String
  let options: Set<String>
  /// `shared:N`, `master:N`, `unbindable`.
  let propagation: [String]
  let type: String
  let source: String
  let superOptions: Set<String>

  init?(_ line: String) {
    let words = line.words
    guard let dash = words.firstIndex(of: "-"), words.count > dash + 3 else { return nil }
    root = words[3]
    point = words[4]
    options = Set(words[5].split(separator: ",").map(String.init))
    propagation = Array(words[6..<dash])
    type = words[dash + 1]
    source = words[dash + 2]
    superOptions = Set(words[dash + 3].split(separator: ",").map(String.init))
  }

  static func parse(_ text: String) -> [MountLine] { text.lines.compactMap { MountLine($0) } }
}

extension Outcome {
  /// The output as a mount table.
  var mounts: [MountLine] { MountLine.parse(stdout) }
  /// The topmost mount at a point.
  func mount(_ point: String) -> MountLine? { mounts.last { $0.point == point } }
}
