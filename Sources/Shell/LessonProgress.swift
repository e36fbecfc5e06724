import JSONTree

/// How far the learner has come, kept between runs: a JSON file, `{"04-pull": {"step": 2, "done": false}}`.
struct LessonProgress {
  struct Entry: Equatable {
    var step = 0
    var isDone = false
  }
  private let path: String?
  private(set) var entries: [String: Entry] = [:]

  /// Without a path nothing is kept. A damaged file counts as none.
  init(path: String?) {
    self.path = path
    guard let path, let bytes = try? UserFiles().read(path), let json = try? JSON(parsing: bytes) else { return }
    for member in json.object?.members ?? [] {
      entries[member.key] = Entry(
        step: Int(clamping: max(0, member.value["step"]?.int ?? 0)), isDone: member.value["done"]?.bool ?? false)
    }
  }

  static var standardPath: String? {
    guard let folder = Environment.stateFolder, Environment.makeFolder(folder) else { return nil }
    return folder + "/lessons.json"
  }

  subscript(name: String) -> Entry {
    get { entries[name] ?? Entry() }
    set {
      entries[name] = newValue
      save()
    }
  }

  private func save() {
    guard let path else { return }
    let object = JSONObject(
      entries.sorted { $0.key < $1.key }.map {
        .init($0.key, ["step": JSON($0.value.step), "done": .bool($0.value.isDone)])
      })
    // A learner without a writable home still learns.
    try? UserFiles().write(path, Array((JSON.object(object).text + "\n").utf8), mode: 0o644)
  }
}
