import JSONTree
import Yams

/// Reads a lesson: YAML front matter with the steps' data, then Markdown with a section (`## Title`) for each step.
public enum LessonParser {
  /// A larger file is no lesson.
  static let largest = 1 << 20

  /// Parses the text of `name`.md. Throws with the place and what is wrong there.
  public static func parse(_ text: String, name: String, language: String) throws(LessonError) -> Lesson {
    guard text.utf8.count <= largest else { throw LessonError("\(name): larger than 1 MiB") }
    let (front, body) = try split(text, name)
    let fields = try Fields(yaml(front, name), path: name)
    try fields.allow(["title", "summary", "minutes", "setup", "steps"])
    let (introduction, sections) = sections(of: body)
    let steps = try fields.list("steps")
    guard !steps.isEmpty else { throw LessonError("\(name): steps: a lesson needs at least one") }
    guard steps.count == sections.count else {
      throw LessonError(
        "\(name): the front matter has \(steps.count) steps, the text has \(sections.count) sections (## …): "
          + "each step needs its section, in the same order")
    }
    var parsed: [Lesson.Step] = []
    for (index, step) in steps.enumerated() {
      parsed.append(
        try self.step(Fields(step, path: "\(name): step \(index + 1)"), sections[index]))
    }
    return Lesson(
      name: name, language: language, title: try fields.text("title"), summary: try fields.text("summary"),
      minutes: try fields.number("minutes") ?? 5, setup: try fields.texts("setup"), introduction: introduction,
      steps: parsed)
  }

  // MARK: Text

  private static func split(_ text: String, _ name: String) throws(LessonError) -> (front: String, body: String) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.first.map({ $0 == "---" || $0 == "---\r" }) == true else {
      throw LessonError("\(name): no front matter: the first line must be ---")
    }
    guard let end = lines.dropFirst().firstIndex(where: { $0 == "---" || $0 == "---\r" }) else {
      throw LessonError("\(name): the front matter has no end: a line --- is missing")
    }
    return (lines[1..<end].joined(separator: "\n"), lines[(end + 1)...].joined(separator: "\n"))
  }

  private static func sections(of body: String) -> (introduction: String, [(title: String, text: String)]) {
    var introduction: [Substring] = []
    var sections: [(title: String, lines: [Substring])] = []
    var isInCode = false
    for line in body.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") { isInCode.toggle() }
      if !isInCode, line.hasPrefix("## ") {
        sections.append((String(line.dropFirst(3)), []))
      } else if sections.isEmpty {
        introduction.append(line)
      } else {
        sections[sections.count - 1].lines.append(line)
      }
    }
    return (trimmed(introduction), sections.map { ($0.title, trimmed($0.lines)) })
  }

  /// Without empty lines at both ends, and without a heading of the whole.
  private static func trimmed(_ lines: [Substring]) -> String {
    var lines = lines[...]
    while let first = lines.first, first.allSatisfy(\.isWhitespace) || first.hasPrefix("# ") { lines.removeFirst() }
    while let last = lines.last, last.allSatisfy(\.isWhitespace) { lines.removeLast() }
    return lines.joined(separator: "\n")
  }

  // MARK: Data

  private static func yaml(_ text: String, _ name: String) throws(LessonError) -> JSON {
    do {
      guard let node = try Yams.compose(yaml: text) else { throw LessonError("\(name): the front matter is empty") }
      return try tree(node, depth: 0)
    } catch let error as LessonError { throw error } catch {
      throw LessonError("\(name): front matter: \(error)")
    }
  }

  private static func tree(_ node: Node, depth: Int) throws(LessonError) -> JSON {
    guard depth < 32 else { throw LessonError("the front matter is nested too deep") }
    switch node {
    case .scalar(let scalar):
      if scalar.style == .plain {
        if let bool = node.bool { return .bool(bool) }
        if let int = node.int { return .int(Int64(int)) }
        if node.null != nil { return nil }
      }
      return .string(scalar.string)
    case .sequence(let sequence):
      var values: [JSON] = []
      for child in sequence { values.append(try tree(child, depth: depth + 1)) }
      return .array(values)
    case .mapping(let mapping):
      var object = JSONObject()
      for (key, value) in mapping {
        guard let name = key.string else { throw LessonError("the front matter has a key that is no text") }
        object[name] = try tree(value, depth: depth + 1)
      }
      return .object(object)
    case .alias: throw LessonError("the front matter uses an alias, which lessons have no need of")
    }
  }

  private static func step(
    _ fields: Fields, _ section: (title: String, text: String)
  ) throws(LessonError) -> Lesson.Step {
    try fields.allow(["try", "check", "hints", "solution", "predict"])
    var checks: [LessonCheck] = []
    for (index, check) in try fields.list("check").enumerated() {
      checks.append(try LessonCheckParser.check(check, path: "\(fields.path): check \(index + 1)"))
    }
    let prediction = try fields.value("predict").map { value throws(LessonError) in
      try self.prediction(Fields(value, path: fields.path + ": predict"))
    }
    if prediction != nil, !checks.contains(.predicted) { checks.insert(.predicted, at: 0) }
    if prediction == nil, checks.contains(.predicted) {
      throw LessonError("\(fields.path): check predicted: the step has no prediction")
    }
    let solution = try fields.texts("solution")
    if checks.contains(where: { $0 != .predicted }), solution.isEmpty {
      throw LessonError("\(fields.path): a step with checks needs its solution")
    }
    return Lesson.Step(
      title: section.title, text: section.text, attempt: try fields.optionalText("try"), checks: checks,
      hints: try fields.texts("hints"), solution: solution, prediction: prediction)
  }

  private static func prediction(_ fields: Fields) throws(LessonError) -> Lesson.Prediction {
    try fields.allow(["question", "command", "after", "choices", "because"])
    var choices: [HandoffPattern] = []
    for (index, choice) in try fields.list("choices").enumerated() {
      choices.append(try LessonCheckParser.pattern(choice, path: "\(fields.path): choice \(index + 1)"))
    }
    guard choices.count >= 2 else { throw LessonError("\(fields.path): choices: at least two") }
    let after = try fields.value("after").map { value throws(LessonError) in
      try LessonCheckParser.pattern(value, path: fields.path + ": after")
    }
    return Lesson.Prediction(
      question: try fields.text("question"), command: try fields.text("command"), after: after, choices: choices,
      explanation: try fields.text("because"))
  }
}

/// The members of a mapping, with the place for what is wrong.
struct Fields {
  let object: JSONObject
  let path: String

  init(_ json: JSON, path: String) throws(LessonError) {
    guard let object = json.object else { throw LessonError("\(path): a mapping is expected") }
    (self.object, self.path) = (object, path)
  }

  func allow(_ names: [String]) throws(LessonError) {
    for key in object.keys where !names.contains(key) {
      throw LessonError("\(path): unknown key \(key); there are \(names.joined(separator: ", "))")
    }
  }
  func value(_ name: String) -> JSON? { object[name].flatMap { $0.isNull ? nil : $0 } }
  func optionalText(_ name: String) throws(LessonError) -> String? {
    guard let value = value(name) else { return nil }
    guard let text = Fields.text(value) else { throw LessonError("\(path): \(name): a text is expected") }
    return text
  }
  func text(_ name: String) throws(LessonError) -> String {
    guard let text = try optionalText(name), !text.isEmpty else { throw LessonError("\(path): \(name) is missing") }
    return text
  }
  func number(_ name: String) throws(LessonError) -> Int? {
    guard let value = value(name) else { return nil }
    guard case .int(let number) = value, let result = Int(exactly: number) else {
      throw LessonError("\(path): \(name): a number is expected")
    }
    return result
  }
  func list(_ name: String) throws(LessonError) -> [JSON] {
    guard let value = value(name) else { return [] }
    guard let list = value.array else { throw LessonError("\(path): \(name): a list is expected") }
    return list
  }
  /// A list of texts, or one text.
  func texts(_ name: String) throws(LessonError) -> [String] {
    guard let value = value(name) else { return [] }
    if let text = Fields.text(value) { return [text] }
    guard let list = value.array else { throw LessonError("\(path): \(name): a list of texts is expected") }
    var texts: [String] = []
    for item in list {
      guard let text = Fields.text(item) else { throw LessonError("\(path): \(name): a list of texts is expected") }
      texts.append(text)
    }
    return texts
  }
  /// YAML reads `1.10` and `yes` as something else than text; here they are text all the same.
  private static func text(_ value: JSON) -> String? {
    switch value {
    case .string(let text): text
    case .int(let number): String(number)
    case .bool(let flag): flag ? "true" : "false"
    default: nil
    }
  }
}
