#if canImport(Glibc)
  import Glibc
#endif
import Teaching

/// Where lessons are found: `lessons/en/NAME.md`, `lessons/pt-BR/NAME.md`.
struct LessonLibrary {
  let folder: String?

  /// `DRYDOCK_LESSONS`, the working directory's `lessons`, or what stands above the executable.
  static func standard() -> LessonLibrary {
    let users = UserFiles()
    if let folder = Environment.variable("DRYDOCK_LESSONS"), !folder.isEmpty { return LessonLibrary(folder: folder) }
    var candidates = [Environment.workingDirectory]
    if let executable = Environment.executable {
      var path = executable[...]
      while let slash = path.lastIndex(of: "/") {
        path = path[..<slash]
        candidates.append(String(path))
      }
      candidates += candidates.dropFirst().map { $0 + "/share/drydock" }
    }
    let found = candidates.map { $0 + "/lessons" }.first { users.kind($0 + "/en") == .directory }
    return LessonLibrary(folder: found)
  }

  static func missing(_ language: Language) -> String {
    language == .english
      ? "no lessons found: start drydock in its repository, or set DRYDOCK_LESSONS to their folder"
      : "nenhuma lição encontrada: inicie o drydock no repositório dele, ou aponte DRYDOCK_LESSONS para a pasta delas"
  }

  /// The names of the lessons, in order.
  func names(_ language: Language) -> [String] {
    guard let folder else { return [] }
    return UserFiles().list(folder + "/" + language.rawValue).filter { $0.hasSuffix(".md") && $0 != "README.md" }
      .map { String($0.dropLast(3)) }
  }

  /// A lesson by its name, its number (`4`), or the beginning of either. In English when there is no translation.
  func lesson(_ name: String, _ language: Language) throws -> Lesson {
    guard let folder else { throw LessonError(LessonLibrary.missing(language)) }
    for language in language == .english ? [.english] : [language, .english] {
      let names = names(language)
      let number = Int(name).map { $0 < 10 ? "0\($0)-" : "\($0)-" }
      let found =
        names.first { $0 == name } ?? names.first { item in number.map { item.hasPrefix($0) } ?? false }
        ?? names.first { $0.hasPrefix(name) || $0.dropFirst(3).hasPrefix(name) }
      guard let found else { continue }
      return try LessonLibrary.read(folder + "/\(language.rawValue)/\(found).md", language: language.rawValue)
    }
    throw LessonError("no such lesson: \(name)\(suggestion(name, among: names(language))); lesson list names them")
  }

  /// Reads a lesson's file.
  static func read(_ path: String, language: String? = nil) throws -> Lesson {
    let bytes = try UserFiles().read(path)
    let parts = path.split(separator: "/").map(String.init)
    let file = parts.last ?? path
    return try LessonParser.parse(
      String(decoding: bytes, as: UTF8.self), name: file.hasSuffix(".md") ? String(file.dropLast(3)) : file,
      language: language ?? (parts.count > 1 ? parts[parts.count - 2] : "en"))
  }
}
