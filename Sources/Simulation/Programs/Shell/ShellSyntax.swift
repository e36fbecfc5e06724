import Synchronization

/// A word of the shell language, before expansion.
struct ShellWord: Sendable {
  var parts: [ShellWordPart] = []

  /// The text, when the word is plain: no quotes, no expansions.
  var plain: String? {
    switch parts.count {
    case 0: return ""
    case 1: if case .literal(let bytes) = parts[0] { return String(decoding: bytes, as: UTF8.self) } else { return nil }
    default: return nil
    }
  }
}

/// A piece of a word.
indirect enum ShellWordPart: Sendable {
  /// Unquoted text.
  case literal([UInt8])
  /// Text in single quotes, or behind a backslash.
  case quoted([UInt8])
  case doubleQuoted([ShellWordPart])
  /// `~` or `~user`.
  case tilde([UInt8])
  case parameter(ShellParameter)
  /// `$(…)` and backquotes.
  case command(ShellNode?)
  /// `$((…))`.
  case arithmetic([ShellWordPart])
}

/// `$x` and `${x…}`.
struct ShellParameter: Sendable {
  enum Operation: Sendable {
    case plain
    /// `${#x}`.
    case length
    /// `-`, `=`, `?`, `+`; with a colon also for empty values.
    case useDefault(ShellWord, colon: Bool)
    case assignDefault(ShellWord, colon: Bool)
    case error(ShellWord?, colon: Bool)
    case alternative(ShellWord, colon: Bool)
    /// `#`, `##`, `%`, `%%`.
    case removePrefix(ShellWord, longest: Bool)
    case removeSuffix(ShellWord, longest: Bool)
    /// `${x/pattern/with}`, `//` for all.
    case replace(ShellWord, with: ShellWord, all: Bool)
    /// `${x:offset:length}`.
    case substring(ShellWord, ShellWord?)
    /// `${x^}`, `${x^^}`, `${x,}`, `${x,,}` (bash).
    case changeCase(upper: Bool, all: Bool)
    /// `${!x}` (bash).
    case indirect
  }
  /// A name, digits, or one of `@ * # ? - $ ! 0`.
  var name: String
  var operation: Operation = .plain
}

/// A redirection.
struct ShellRedirection: Sendable {
  enum Kind: Sendable {
    case read, write, append, readWrite
    /// `<&` and `>&` with a number, or `-` to close.
    case duplicate
    /// `&>` and `&>>`.
    case both(append: Bool)
    case hereDocument(HereDocument)
    /// `<<<`.
    case hereString
  }
  var fd: Int
  var kind: Kind
  var target: ShellWord
}

/// The body of a here-document: it comes lines after its operator, so it is filled in later, while the parser runs.
final class HereDocument: Sendable {
  let delimiter: [UInt8]
  let isQuoted: Bool
  let stripsTabs: Bool
  private let word = Mutex(ShellWord())
  init(delimiter: [UInt8], isQuoted: Bool, stripsTabs: Bool) {
    (self.delimiter, self.isQuoted, self.stripsTabs) = (delimiter, isQuoted, stripsTabs)
  }
  var body: ShellWord {
    get { word.withLock { $0 } }
    set { word.withLock { $0 = newValue } }
  }
}

/// A simple command.
struct ShellCommand: Sendable {
  var assignments: [(name: String, value: ShellWord, appends: Bool)] = []
  var words: [ShellWord] = []
  var redirections: [ShellRedirection] = []
  var line = 0
}

/// An item of `[[ … ]]`.
enum ShellTestItem: Sendable {
  case word(ShellWord)
  /// `&&`, `||`, `!`, `(`, `)`, `<`, `>`.
  case sign(String)
}

/// A command of the shell language.
indirect enum ShellNode: Sendable {
  case simple(ShellCommand)
  case pipeline([ShellNode], isNegated: Bool)
  /// Commands joined by `&&` (true) and `||` (false).
  case andOr(ShellNode, [(isAnd: Bool, node: ShellNode)])
  case sequence([ShellNode])
  case background(ShellNode, text: String)
  case subshell(ShellNode)
  case group(ShellNode)
  case conditional(ShellNode, then: ShellNode, else: ShellNode?)
  case loop(ShellNode, body: ShellNode, isUntil: Bool)
  /// Nil words: `"$@"`.
  case forEach(String, [ShellWord]?, ShellNode)
  case select(ShellWord, [(patterns: [ShellWord], body: ShellNode?)])
  case function(String, ShellNode)
  case test([ShellTestItem])
  /// A compound command with redirections.
  case redirected(ShellNode, [ShellRedirection])
}

/// The shells that the simulated one can be. They share the language and differ in words.
enum ShellDialect: Sendable, Hashable { case ash, dash, bash }

/// Why a text is no program of the shell.
enum ShellSyntaxError: Error, Sendable {
  /// The text ends within a construct that wants `expected` (a reserved word), or within quotes.
  case incomplete(expected: String?)
  case unterminatedQuote
  case unexpected(String, expected: String?)
  case badSubstitution
  case missingBrace
  case badFunctionName
  case tooDeep
}
