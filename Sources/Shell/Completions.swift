import Client

/// What Tab offers.
enum Completions {
  /// Stands for the names of the user's files.
  static let files = "\u{0}files"

  /// Completions of `word`, with `line` before it.
  static func candidates(_ session: Session, line: String, word: String) -> [String] {
    // Only the command under the cursor counts: what stands before a pipe is another.
    let start = line.lastIndex { "|;&".contains($0) }.map { line.index(after: $0) } ?? line.startIndex
    var words = (try? Words.split(String(line[start...]))) ?? []
    var found: [String] = []
    if words.isEmpty {
      found = SessionCommand.all.keys.sorted() + ["docker"] + DockerCommandLine.commandNames
    } else if let command = SessionCommand.all[words[0]] {
      found = command.complete(session, words)
    } else {
      let isOwn = session.machine.clientNames.contains(words[0])
      if words[0] == "docker" || isOwn { words.removeFirst() }
      found =
        isOwn && session.machine.current.client != nil
        ? session.nativeCandidates(words) : session.dockerCandidates(words, word)
    }
    var matches = found.filter { $0 != files && $0.hasPrefix(word) }
    if found.contains(files) { matches += fileNames(word) }
    var seen: Set<String> = []
    return matches.filter { seen.insert($0).inserted }
  }

  /// The user's files whose names begin with `word`; folders end in a slash.
  static func fileNames(_ word: String) -> [String] {
    let slash = word.lastIndex(of: "/")
    let folder = slash.map { String(word[...$0]) } ?? ""
    let stem = slash.map { String(word[word.index(after: $0)...]) } ?? word
    let users = UserFiles()
    return users.list(folder.isEmpty ? "." : folder).filter { name in
      name.hasPrefix(stem) && (!name.hasPrefix(".") || stem.hasPrefix("."))
    }.map { name in
      users.kind(folder + name) == .directory ? folder + name + "/" : folder + name
    }
  }
}
