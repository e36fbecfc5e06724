/// What is wrong with a statement, as PostgreSQL tells it.
struct SQLError: Error, Sendable {
  var message: String
  /// SQLSTATE.
  var code: String
  /// Where in the statement, counted in bytes from 0.
  var position: Int?
  init(_ message: String, code: String = "42601", at position: Int? = nil) {
    (self.message, self.code, self.position) = (message, code, position)
  }
}

/// A value of a column.
enum SQLValue: Sendable, Hashable {
  case null
  case integer(Int64)
  case real(Double)
  case text(String)
  case bool(Bool)

  /// As it is shown; nil for null.
  var text: String? {
    switch self {
    case .null: nil
    case .integer(let value): String(value)
    case .real(let value): AwkValue.format(value)
    case .text(let value): value
    case .bool(let value): value ? "t" : "f"
    }
  }
  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .real(let value): value
    case .text(let value): Double(trimmed(value))
    default: nil
    }
  }
  var isNumeric: Bool {
    switch self {
    case .integer, .real: true
    default: false
    }
  }
}

indirect enum SQLExpression: Sendable {
  case value(SQLValue)
  case column(String, at: Int)
  case star
  case unary(String, SQLExpression)
  case binary(String, SQLExpression, SQLExpression)
  case isNull(SQLExpression, isNegated: Bool)
  case isIn(SQLExpression, [SQLExpression], isNegated: Bool)
  case between(SQLExpression, SQLExpression, SQLExpression, isNegated: Bool)
  case call(String, [SQLExpression], at: Int)
  case cast(SQLExpression, String)

  /// The name of the column that it makes.
  var label: String {
    switch self {
    case .column(let name, _): name
    case .call(let name, _, _): name
    case .cast(let inner, let type): if case .value = inner { type } else { inner.label }
    case .value(.bool): "bool"
    default: "?column?"
    }
  }
}

struct SQLColumn: Sendable {
  var name: String
  /// `integer`, `text`, …
  var type: String
  var isRequired = false
  var isUnique = false
  var isPrimary = false
  var isSerial = false
  var defaultValue: SQLExpression?
  /// The source text of the default, for the dump.
  var defaultText = ""
}

struct SQLSelect: Sendable {
  var items: [(expression: SQLExpression, label: String?)] = []
  var table: (name: String, at: Int)?
  var condition: SQLExpression?
  var groups: [SQLExpression] = []
  var orders: [(expression: SQLExpression, descends: Bool)] = []
  var limit: SQLExpression?
  var offset: SQLExpression?
  var isDistinct = false
}

enum SQLStatement: Sendable {
  case select(SQLSelect)
  case insert(table: String, at: Int, columns: [String]?, rows: [[SQLExpression?]], returning: SQLSelect?)
  case update(table: String, at: Int, changes: [(String, SQLExpression)], condition: SQLExpression?)
  case delete(table: String, at: Int, condition: SQLExpression?)
  case createTable(String, [SQLColumn], ifMissing: Bool)
  case dropTable([String], ifExists: Bool, at: Int)
  case truncate(String, at: Int)
  case createDatabase(String)
  case dropDatabase(String, ifExists: Bool)
  case createRole(String, password: String?)
  case begin, commit, rollback
  case set
  case show(String)
}

/// Parses one statement of SQL: what the simulated PostgreSQL knows of it.
struct SQLParser {
  private enum Kind { case word, quoted, string, number, sign, end }
  private struct Token {
    var kind: Kind
    var text: String
    var at: Int
  }
  private var tokens: [Token] = []
  private var position = 0
  private var depth = 0
  private var links = 0
  private let source: [UInt8]

  init(_ text: String) throws {
    source = Array(text.utf8)
    try tokenize()
  }

  /// The statements of a script, split at semicolons outside of quotes.
  static func split(_ script: String) -> (complete: [String], rest: String) {
    let bytes = Array(script.utf8)
    var statements: [String] = []
    var start = 0
    var quote: UInt8?
    var isComment = false
    for (index, byte) in bytes.enumerated() {
      if isComment {
        if byte == 10 { isComment = false }
      } else if let open = quote {
        if byte == open { quote = nil }
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        quote = byte
      } else if byte == UInt8(ascii: "-"), index + 1 < bytes.count, bytes[index + 1] == byte {
        isComment = true
      } else if byte == UInt8(ascii: ";") {
        statements.append(String(decoding: bytes[start...index], as: UTF8.self))
        start = index + 1
      }
    }
    return (statements, String(decoding: bytes[start...], as: UTF8.self))
  }

  private mutating func tokenize() throws {
    var i = 0
    while i < source.count {
      let byte = source[i]
      let start = i
      if byte <= 32 {
        i += 1
      } else if byte == UInt8(ascii: "-"), i + 1 < source.count, source[i + 1] == byte {
        while i < source.count, source[i] != 10 { i += 1 }
      } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
        var out: [UInt8] = []
        i += 1
        while true {
          guard i < source.count else {
            throw SQLError("unterminated quoted \(byte == UInt8(ascii: "'") ? "string" : "identifier")", at: start)
          }
          if source[i] == byte {
            guard i + 1 < source.count, source[i + 1] == byte else { break }
            i += 1
          }
          out.append(source[i])
          i += 1
        }
        i += 1
        tokens.append(
          Token(
            kind: byte == UInt8(ascii: "'") ? .string : .quoted, text: String(decoding: out, as: UTF8.self), at: start))
      } else if (48...57).contains(byte)
        || (byte == UInt8(ascii: ".") && i + 1 < source.count && (48...57).contains(source[i + 1]))
      {
        while i < source.count, (48...57).contains(source[i]) || source[i] == UInt8(ascii: ".") { i += 1 }
        tokens.append(Token(kind: .number, text: String(decoding: source[start..<i], as: UTF8.self), at: start))
      } else if isNameByte(byte) || byte >= 128 {
        while i < source.count, isNameByte(source[i]) || source[i] >= 128 || source[i] == UInt8(ascii: "$") { i += 1 }
        tokens.append(
          Token(kind: .word, text: String(decoding: source[start..<i], as: UTF8.self).lowercased(), at: start))
      } else {
        let two = i + 1 < source.count ? String(decoding: source[i...(i + 1)], as: UTF8.self) : ""
        let text = ["<=", ">=", "<>", "!=", "||", "::"].contains(two) ? two : String(decoding: [byte], as: UTF8.self)
        tokens.append(Token(kind: .sign, text: text, at: start))
        i += text.utf8.count
      }
      guard tokens.count < 1_000_000 else { throw SQLError("statement too complex", code: "54001") }
    }
    tokens.append(Token(kind: .end, text: "", at: source.count))
  }

  // MARK: Tokens

  private var current: Token { tokens[position] }
  private func failure() -> SQLError {
    let token = current
    if token.kind == .end { return SQLError("syntax error at end of input", at: token.at) }
    var end = position + 1 < tokens.count ? tokens[position + 1].at : source.count
    end = max(token.at + 1, end)
    let text = trimmed(String(decoding: source[token.at..<min(end, source.count)], as: UTF8.self))
    return SQLError("syntax error at or near \"\(text)\"", at: token.at)
  }
  private mutating func take(_ words: String...) -> Bool {
    guard position + words.count <= tokens.count else { return false }
    for (index, word) in words.enumerated() {
      let token = tokens[position + index]
      guard token.kind == .word || token.kind == .sign, token.text == word else { return false }
    }
    position += words.count
    return true
  }
  private mutating func expect(_ words: String...) throws {
    for word in words where !take(word) { throw failure() }
  }
  private mutating func name() throws -> (name: String, at: Int) {
    let token = current
    guard token.kind == .word || token.kind == .quoted else { throw failure() }
    position += 1
    // A schema before the name is passed over.
    if take(".") { return try name() }
    return (token.text, token.at)
  }
  private mutating func nested<T>(_ body: (inout SQLParser) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    guard depth < 100 else { throw SQLError("stack depth limit exceeded", code: "54001") }
    return try body(&self)
  }

  // MARK: Statements

  /// Nil for an empty one.
  mutating func parse() throws -> SQLStatement? {
    if current.kind == .end || take(";") { return nil }
    let statement = try self.statement()
    _ = take(";")
    guard current.kind == .end else { throw failure() }
    return statement
  }

  private mutating func statement() throws -> SQLStatement {
    if take("select") { return .select(try select()) }
    if take("insert", "into") { return try insert() }
    if take("update") {
      let table = try name()
      try expect("set")
      var changes: [(String, SQLExpression)] = []
      repeat {
        let column = try name().name
        try expect("=")
        changes.append((column, try expression()))
      } while take(",")
      return .update(
        table: table.name, at: table.at, changes: changes, condition: take("where") ? try expression() : nil)
    }
    if take("delete", "from") {
      let table = try name()
      return .delete(table: table.name, at: table.at, condition: take("where") ? try expression() : nil)
    }
    if take("create") { return try create() }
    if take("drop", "table") {
      let ifExists = take("if", "exists")
      let first = try name()
      var names = [first.name]
      while take(",") { names.append(try name().name) }
      _ = take("cascade")
      return .dropTable(names, ifExists: ifExists, at: first.at)
    }
    if take("drop", "database") {
      let ifExists = take("if", "exists")
      return .dropDatabase(try name().name, ifExists: ifExists)
    }
    if take("truncate") {
      _ = take("table")
      let table = try name()
      return .truncate(table.name, at: table.at)
    }
    if take("begin") || take("start", "transaction") {
      _ = take("transaction")
      return .begin
    }
    if take("commit") || take("end") { return .commit }
    if take("rollback") || take("abort") { return .rollback }
    if take("show") { return .show(try name().name) }
    if take("set") {
      while current.kind != .end, !(current.kind == .sign && current.text == ";") { position += 1 }
      return .set
    }
    throw failure()
  }

  private mutating func select() throws -> SQLSelect {
    var select = SQLSelect()
    select.isDistinct = take("distinct")
    repeat {
      if take("*") {
        select.items.append((.star, nil))
        continue
      }
      let expression = try expression()
      var label: String?
      if take("as") {
        label = try name().name
      } else if current.kind == .quoted || (current.kind == .word && !Self.keywords.contains(current.text)) {
        label = try name().name
      }
      select.items.append((expression, label))
    } while take(",")
    if take("from") {
      let table = try name()
      select.table = table
      if take("as") {
        _ = try name()
      } else if current.kind == .word, !Self.keywords.contains(current.text) {
        _ = try name()
      }
    }
    if take("where") { select.condition = try expression() }
    if take("group", "by") { repeat { select.groups.append(try expression()) } while take(",") }
    if take("order", "by") {
      repeat {
        let expression = try expression()
        let descends = take("desc")
        if !descends { _ = take("asc") }
        if take("nulls") { position += 1 }
        select.orders.append((expression, descends))
      } while take(",")
    }
    while true {
      if take("limit") {
        select.limit = try expression()
      } else if take("offset") {
        select.offset = try expression()
      } else {
        break
      }
    }
    return select
  }

  private static let keywords: Set<String> = [
    "from", "where", "group", "order", "limit", "offset", "as", "and", "or", "not", "is", "in", "like", "ilike",
    "between", "asc",
    "desc", "union", "join", "inner", "left", "on", "returning", "set", "values", "having", "nulls", "then", "else",
    "end", "when",
  ]

  private mutating func insert() throws -> SQLStatement {
    let table = try name()
    var columns: [String]?
    if take("(") {
      columns = []
      repeat { columns?.append(try name().name) } while take(",")
      try expect(")")
    }
    var rows: [[SQLExpression?]] = []
    if take("default", "values") {
      rows = [[]]
      columns = []
    } else {
      try expect("values")
      repeat {
        try expect("(")
        var row: [SQLExpression?] = []
        repeat { row.append(take("default") ? nil : try expression()) } while take(",")
        try expect(")")
        rows.append(row)
      } while take(",")
    }
    var returning: SQLSelect?
    if take("returning") { returning = try select() }
    return .insert(table: table.name, at: table.at, columns: columns, rows: rows, returning: returning)
  }

  private mutating func create() throws -> SQLStatement {
    if take("database") { return .createDatabase(try name().name) }
    if take("role") || take("user") {
      let role = try name().name
      var password: String?
      while current.kind != .end, !(current.kind == .sign && current.text == ";") {
        if take("password"), current.kind == .string { password = current.text }
        position += 1
      }
      return .createRole(role, password: password)
    }
    _ = take("temporary") || take("temp") || take("unlogged")
    try expect("table")
    let ifMissing = take("if", "not", "exists")
    let table = try name().name
    try expect("(")
    var columns: [SQLColumn] = []
    repeat {
      if current.kind == .word, ["primary", "unique", "constraint", "foreign", "check"].contains(current.text) {
        try skipConstraint(&columns)
        continue
      }
      columns.append(try column())
    } while take(",")
    try expect(")")
    return .createTable(table, columns, ifMissing: ifMissing)
  }

  private mutating func skipConstraint(_ columns: inout [SQLColumn]) throws {
    if take("primary", "key") {
      try expect("(")
      repeat {
        let key = try name().name
        if let index = columns.firstIndex(where: { $0.name == key }) {
          (columns[index].isPrimary, columns[index].isRequired) = (true, true)
        }
      } while take(",")
      try expect(")")
      return
    }
    var open = 0
    while current.kind != .end {
      if current.kind == .sign {
        if current.text == "(" { open += 1 }
        if current.text == ")" {
          if open == 0 { return }
          open -= 1
        }
        if current.text == ",", open == 0 { return }
      }
      position += 1
    }
  }

  /// A type's name, in PostgreSQL's own spelling.
  private mutating func type() throws -> String {
    let first = try name().name
    var type: String
    switch first {
    case "int", "int4", "integer", "serial": type = "integer"
    case "int8", "bigint", "bigserial": type = "bigint"
    case "int2", "smallint", "smallserial": type = "smallint"
    case "bool", "boolean": type = "boolean"
    case "varchar": type = "character varying"
    case "char", "bpchar": type = "character"
    case "character":
      type = take("varying") ? "character varying" : "character"
    case "double":
      try expect("precision")
      type = "double precision"
    case "float", "float8": type = "double precision"
    case "real", "float4": type = "real"
    case "decimal", "numeric": type = "numeric"
    case "timestamptz": type = "timestamp with time zone"
    case "timestamp", "time":
      type = first
      if take("(") {
        position += 1
        try expect(")")
      }
      if take("with", "time", "zone") {
        type += " with time zone"
      } else {
        _ = take("without", "time", "zone")
        type += " without time zone"
      }
    case "text", "date", "uuid", "json", "jsonb", "bytea", "inet", "interval", "name": type = first
    default: throw SQLError("type \"\(first)\" does not exist", code: "42704", at: tokens[position - 1].at)
    }
    if take("(") {
      var sizes: [String] = []
      repeat {
        sizes.append(current.text)
        position += 1
      } while take(",") && position < tokens.count - 1
      try expect(")")
      type += "(\(sizes.joined(separator: ",")))"
    }
    return type
  }

  private mutating func column() throws -> SQLColumn {
    let columnName = try name().name
    let isSerial = current.text.hasSuffix("serial")
    var column = SQLColumn(name: columnName, type: try type())
    column.isSerial = isSerial
    column.isRequired = isSerial
    while true {
      if take("primary", "key") {
        (column.isPrimary, column.isRequired) = (true, true)
      } else if take("not", "null") {
        column.isRequired = true
      } else if take("unique") {
        column.isUnique = true
      } else if take("null") {
      } else if take("default") {
        let start = current.at
        column.defaultValue = try expression()
        column.defaultText = trimmed(String(decoding: source[start..<current.at], as: UTF8.self))
      } else if take("generated") {
        column.isSerial = true
        column.isRequired = true
        while !take("identity") {
          guard current.kind != .end else { throw failure() }
          position += 1
        }
      } else if take("references") {
        _ = try name()
        if take("(") {
          _ = try name()
          try expect(")")
        }
        while take("on") {
          position = min(position + 2, tokens.count - 1)
          _ = take("null") || take("action")
        }
      } else if current.text == "check" {
        var columns: [SQLColumn] = []
        position += 1
        if current.text == "(" {
          position += 1
          try skipConstraint(&columns)
          try expect(")")
        }
      } else {
        return column
      }
    }
  }

  // MARK: Expressions

  mutating func expression() throws -> SQLExpression {
    if depth == 0 { links = 0 }
    return try nested { try $0.or() }
  }

  /// Joins two operands. Left-leaning expressions nest as deep as they are long, so their length is bounded.
  private mutating func link(_ sign: String, _ left: SQLExpression, _ right: SQLExpression) throws -> SQLExpression {
    links += 1
    guard links < 2_000 else { throw SQLError("stack depth limit exceeded", code: "54001") }
    return .binary(sign, left, right)
  }

  private mutating func or() throws -> SQLExpression {
    var left = try and()
    while take("or") { left = try link("or", left, try and()) }
    return left
  }
  private mutating func and() throws -> SQLExpression {
    var left = try not()
    while take("and") { left = try link("and", left, try not()) }
    return left
  }
  private mutating func not() throws -> SQLExpression {
    if take("not") { return .unary("not", try nested { try $0.not() }) }
    return try comparison()
  }
  private mutating func comparison() throws -> SQLExpression {
    let left = try additive()
    if take("is") {
      let isNegated = take("not")
      if take("null") { return .isNull(left, isNegated: isNegated) }
      let isTrue = take("true")
      guard isTrue || take("false") else { throw failure() }
      let test = SQLExpression.binary("=", left, .value(.bool(isTrue)))
      return isNegated ? .unary("not", test) : test
    }
    let isNegated = take("not")
    if take("in") {
      try expect("(")
      var list: [SQLExpression] = []
      repeat { list.append(try expression()) } while take(",")
      try expect(")")
      return .isIn(left, list, isNegated: isNegated)
    }
    if take("between") {
      let low = try additive()
      try expect("and")
      return .between(left, low, try additive(), isNegated: isNegated)
    }
    for word in ["like", "ilike"] where take(word) {
      let test = SQLExpression.binary(word, left, try additive())
      return isNegated ? .unary("not", test) : test
    }
    if isNegated { throw failure() }
    for sign in ["=", "<>", "!=", "<=", ">=", "<", ">"] where take(sign) {
      return .binary(sign == "!=" ? "<>" : sign, left, try additive())
    }
    return left
  }
  private mutating func additive() throws -> SQLExpression {
    var left = try multiplicative()
    while current.kind == .sign, ["+", "-", "||"].contains(current.text) {
      let sign = current.text
      position += 1
      left = try link(sign, left, try multiplicative())
    }
    return left
  }
  private mutating func multiplicative() throws -> SQLExpression {
    var left = try unary()
    while current.kind == .sign, ["*", "/", "%"].contains(current.text) {
      let sign = current.text
      position += 1
      left = try link(sign, left, try unary())
    }
    return left
  }
  private mutating func unary() throws -> SQLExpression {
    if take("-") { return .unary("-", try nested { try $0.unary() }) }
    if take("+") { return try nested { try $0.unary() } }
    var base = try primary()
    while take("::") {
      links += 1
      guard links < 2_000 else { throw SQLError("stack depth limit exceeded", code: "54001") }
      base = .cast(base, try type())
    }
    return base
  }

  private mutating func primary() throws -> SQLExpression {
    let token = current
    switch token.kind {
    case .number:
      position += 1
      if let number = Int64(token.text) { return .value(.integer(number)) }
      guard let number = Double(token.text) else {
        throw SQLError("trailing junk after numeric literal at or near \"\(token.text)\"", at: token.at)
      }
      return .value(.real(number))
    case .string:
      position += 1
      return .value(.text(token.text))
    case .sign where token.text == "(":
      position += 1
      let inner = try expression()
      try expect(")")
      return inner
    case .quoted:
      return .column(try name().name, at: token.at)
    case .word:
      if take("null") { return .value(.null) }
      if take("true") { return .value(.bool(true)) }
      if take("false") { return .value(.bool(false)) }
      if take("cast") {
        try expect("(")
        let inner = try expression()
        try expect("as")
        let type = try type()
        try expect(")")
        return .cast(inner, type)
      }
      for word in [
        "current_timestamp", "current_date", "current_user", "session_user", "localtimestamp", "current_time",
      ] where take(word) {
        return .call(word, [], at: token.at)
      }
      guard !Self.keywords.contains(token.text) else { throw failure() }
      let name = try name().name
      if take("(") {
        if take("*") {
          try expect(")")
          return .call(name, [.star], at: token.at)
        }
        var arguments: [SQLExpression] = []
        _ = take("distinct")
        if !take(")") {
          repeat { arguments.append(try expression()) } while take(",")
          try expect(")")
        }
        return .call(name, arguments, at: token.at)
      }
      return .column(name, at: token.at)
    default: throw failure()
    }
  }
}
