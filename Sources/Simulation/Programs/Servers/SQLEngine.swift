import Encodings
import Runtime
import Seams

/// A table with its rows.
struct SQLTable: Sendable {
  var columns: [SQLColumn]
  var rows: [[SQLValue]] = []
  var nextSerial: Int64 = 1
  func index(_ name: String) -> Int? { columns.firstIndex { $0.name == name } }
}

/// What a statement answers.
struct SQLResult: Sendable {
  /// Columns with their types; nil when it answers no rows.
  var columns: [(name: String, type: String)]?
  var rows: [[SQLValue]] = []
  /// `SELECT 1`, `INSERT 0 1`, `CREATE TABLE`.
  var tag: String
  var hasChanged = false
  /// Seconds that pg_sleep asked for.
  var sleep = 0.0
  var notice: String?
}

/// What a statement is executed for.
struct SQLSession: Sendable {
  var database: String
  var user: String
  var version: String
  /// Nanoseconds since 1970.
  var now: UInt64
}

/// The simulated PostgreSQL's databases, roles and tables.
struct SQLCluster: Sendable {
  /// Tables by database.
  private(set) var databases: [String: [String: SQLTable]] = [:]
  /// Passwords by role; nil when it has none.
  private(set) var roles: [String: String?] = [:]

  mutating func addDatabase(_ name: String) { if databases[name] == nil { databases[name] = [:] } }
  mutating func addRole(_ name: String, password: String?) { roles[name] = password }

  /// Executes a statement. The whole of it happens or nothing.
  mutating func execute(_ statement: SQLStatement, _ session: SQLSession) throws -> SQLResult {
    var copy = self
    let result = try copy.perform(statement, session)
    if result.hasChanged { self = copy }
    return result
  }

  private func table(_ name: String, at: Int, _ session: SQLSession) throws -> SQLTable {
    if let table = databases[session.database]?[name] { return table }
    if name == "pg_database" {
      return SQLTable(
        columns: [SQLColumn(name: "datname", type: "name")], rows: databases.keys.sorted().map { [.text($0)] })
    }
    if name == "pg_tables" {
      let columns = ["schemaname", "tablename", "tableowner"].map { SQLColumn(name: $0, type: "name") }
      let rows = (databases[session.database] ?? [:]).keys.sorted().map {
        [SQLValue.text("public"), .text($0), .text(session.user)]
      }
      return SQLTable(columns: columns, rows: rows)
    }
    if name == "pg_roles" || name == "pg_user" {
      return SQLTable(
        columns: [SQLColumn(name: name == "pg_user" ? "usename" : "rolname", type: "name")],
        rows: roles.keys.sorted().map { [.text($0)] })
    }
    throw SQLError("relation \"\(name)\" does not exist", code: "42P01", at: at)
  }

  private mutating func perform(_ statement: SQLStatement, _ session: SQLSession) throws -> SQLResult {
    switch statement {
    case .select(let select): return try run(select, session)
    case .createTable(let name, let columns, let ifMissing):
      if databases[session.database]?[name] != nil {
        if ifMissing { return SQLResult(tag: "CREATE TABLE", notice: "relation \"\(name)\" already exists, skipping") }
        throw SQLError("relation \"\(name)\" already exists", code: "42P07")
      }
      for (index, column) in columns.enumerated() where columns[..<index].contains(where: { $0.name == column.name }) {
        throw SQLError("column \"\(column.name)\" specified more than once", code: "42701")
      }
      databases[session.database]?[name] = SQLTable(columns: columns)
      return SQLResult(tag: "CREATE TABLE", hasChanged: true)
    case .dropTable(let names, let ifExists, _):
      var notice: String?
      for name in names {
        if databases[session.database]?.removeValue(forKey: name) == nil {
          guard ifExists else { throw SQLError("table \"\(name)\" does not exist", code: "42P01") }
          notice = "table \"\(name)\" does not exist, skipping"
        }
      }
      return SQLResult(tag: "DROP TABLE", hasChanged: true, notice: notice)
    case .truncate(let name, let at):
      var table = try table(name, at: at, session)
      table.rows = []
      databases[session.database]?[name] = table
      return SQLResult(tag: "TRUNCATE TABLE", hasChanged: true)
    case .createDatabase(let name):
      guard databases[name] == nil else { throw SQLError("database \"\(name)\" already exists", code: "42P04") }
      databases[name] = [:]
      return SQLResult(tag: "CREATE DATABASE", hasChanged: true)
    case .dropDatabase(let name, let ifExists):
      if name == session.database { throw SQLError("cannot drop the currently open database", code: "55006") }
      if databases.removeValue(forKey: name) == nil, !ifExists {
        throw SQLError("database \"\(name)\" does not exist", code: "3D000")
      }
      return SQLResult(tag: "DROP DATABASE", hasChanged: true)
    case .createRole(let name, let password):
      guard roles[name] == nil else { throw SQLError("role \"\(name)\" already exists", code: "42710") }
      roles[name] = password
      return SQLResult(tag: "CREATE ROLE", hasChanged: true)
    case .begin: return SQLResult(tag: "BEGIN")
    case .commit: return SQLResult(tag: "COMMIT")
    case .rollback: return SQLResult(tag: "ROLLBACK")
    case .set: return SQLResult(tag: "SET")
    case .show(let name):
      let values = [
        "server_version": session.version, "port": "5432", "max_connections": "100", "server_encoding": "UTF8",
        "timezone": "Etc/UTC", "shared_buffers": "128MB", "data_directory": "/var/lib/postgresql",
      ]
      guard let value = values[name] else {
        throw SQLError("unrecognized configuration parameter \"\(name)\"", code: "42704")
      }
      return SQLResult(columns: [(name, "text")], rows: [[.text(value)]], tag: "SHOW")
    case .insert(let name, let at, let columns, let rows, let returning):
      return try insert(name, at, columns, rows, returning, session)
    case .update(let name, let at, let changes, let condition):
      var table = try table(name, at: at, session)
      let indices = try changes.map { change -> Int in
        guard let index = table.index(change.0) else {
          throw SQLError("column \"\(change.0)\" of relation \"\(name)\" does not exist", code: "42703")
        }
        return index
      }
      var count = 0
      for row in table.rows.indices where try isTrue(condition, table, table.rows[row], session) {
        let old = table.rows[row]
        for (index, change) in zip(indices, changes) {
          table.rows[row][index] = try convert(try evaluate(change.1, table, old, session), table.columns[index], name)
        }
        count += 1
      }
      databases[session.database]?[name] = table
      return SQLResult(tag: "UPDATE \(count)", hasChanged: count > 0)
    case .delete(let name, let at, let condition):
      var table = try table(name, at: at, session)
      let before = table.rows.count
      table.rows = try table.rows.filter { try !isTrue(condition, table, $0, session) }
      databases[session.database]?[name] = table
      return SQLResult(tag: "DELETE \(before - table.rows.count)", hasChanged: before != table.rows.count)
    }
  }

  private mutating func insert(
    _ name: String, _ at: Int, _ columns: [String]?, _ rows: [[SQLExpression?]], _ returning: SQLSelect?,
    _ session: SQLSession
  ) throws -> SQLResult {
    var table = try table(name, at: at, session)
    let names = columns ?? table.columns.map(\.name)
    let indices = try names.map { column -> Int in
      guard let index = table.index(column) else {
        throw SQLError("column \"\(column)\" of relation \"\(name)\" does not exist", code: "42703")
      }
      return index
    }
    var added: [[SQLValue]] = []
    for row in rows {
      guard row.count <= indices.count else { throw SQLError("INSERT has more expressions than target columns") }
      if columns != nil, row.count < indices.count { throw SQLError("INSERT has more target columns than expressions") }
      var values = [SQLValue?](repeating: nil, count: table.columns.count)
      for (index, expression) in zip(indices, row) {
        if let expression { values[index] = try evaluate(expression, SQLTable(columns: []), [], session) }
      }
      var complete: [SQLValue] = []
      for (index, column) in table.columns.enumerated() {
        var value = values[index]
        if value == nil {
          if column.isSerial {
            value = .integer(table.nextSerial)
            table.nextSerial += 1
          } else if let expression = column.defaultValue {
            value = try evaluate(expression, SQLTable(columns: []), [], session)
          }
        }
        complete.append(try convert(value ?? .null, column, name))
      }
      for (index, column) in table.columns.enumerated() where column.isPrimary || column.isUnique {
        guard complete[index] != .null, table.rows.contains(where: { $0[index] == complete[index] }) else { continue }
        let constraint = column.isPrimary ? "\(name)_pkey" : "\(name)_\(column.name)_key"
        throw SQLError(
          "duplicate key value violates unique constraint \"\(constraint)\"\nDETAIL:  Key (\(column.name))=(\(complete[index].text ?? "")) already exists.",
          code: "23505")
      }
      table.rows.append(complete)
      added.append(complete)
      guard table.rows.count <= 1_000_000 else {
        throw SQLError("could not extend file: No space left on device", code: "53100")
      }
    }
    databases[session.database]?[name] = table
    var result = SQLResult(tag: "INSERT 0 \(added.count)", hasChanged: true)
    if let returning {
      var only = table
      only.rows = added
      let shown = try run(returning, session, over: only)
      (result.columns, result.rows) = (shown.columns, shown.rows)
    }
    return result
  }

  private func convert(_ value: SQLValue, _ column: SQLColumn, _ table: String) throws -> SQLValue {
    if value == .null {
      if column.isRequired {
        throw SQLError(
          "null value in column \"\(column.name)\" of relation \"\(table)\" violates not-null constraint", code: "23502"
        )
      }
      return .null
    }
    return try cast(value, column.type)
  }

  private func cast(_ value: SQLValue, _ type: String) throws -> SQLValue {
    if value == .null { return .null }
    let base = type.prefix { $0 != "(" }
    switch base {
    case "integer", "bigint", "smallint":
      let number: Int64
      switch value {
      case .integer(let integer): number = integer
      case .real(let real):
        guard real.magnitude < 9e18 else { throw SQLError("\(base) out of range", code: "22003") }
        number = Int64(real.rounded(.toNearestOrEven))
      case .text(let text):
        guard let integer = Int64(trimmed(text)) else {
          throw SQLError("invalid input syntax for type \(base): \"\(text)\"", code: "22P02")
        }
        number = integer
      case .bool(let flag): number = flag ? 1 : 0
      case .null: return .null
      }
      if base == "integer", Int32(exactly: number) == nil { throw SQLError("integer out of range", code: "22003") }
      if base == "smallint", Int16(exactly: number) == nil { throw SQLError("smallint out of range", code: "22003") }
      return .integer(number)
    case "numeric", "double precision", "real":
      guard let number = value.number else {
        throw SQLError("invalid input syntax for type \(base): \"\(value.text ?? "")\"", code: "22P02")
      }
      return .real(number)
    case "boolean":
      if case .bool = value { return value }
      switch trimmed(value.text ?? "").lowercased() {
      case "t", "true", "yes", "on", "1": return .bool(true)
      case "f", "false", "no", "off", "0": return .bool(false)
      default: throw SQLError("invalid input syntax for type boolean: \"\(value.text ?? "")\"", code: "22P02")
      }
    default:
      let text: String
      if case .bool(let flag) = value { text = flag ? "true" : "false" } else { text = value.text ?? "" }
      if let open = type.firstIndex(of: "("), let limit = Int(type[type.index(after: open)...].dropLast()),
        base.hasPrefix("character"), text.count > limit
      {
        throw SQLError("value too long for type \(type)", code: "22001")
      }
      return .text(text)
    }
  }

  // MARK: SELECT

  private static let aggregates: Set<String> = ["count", "sum", "avg", "min", "max", "string_agg", "array_agg"]

  private func isAggregate(_ expression: SQLExpression) -> Bool {
    switch expression {
    case .call(let name, let arguments, _): Self.aggregates.contains(name) || arguments.contains(where: isAggregate)
    case .binary(_, let a, let b): isAggregate(a) || isAggregate(b)
    case .unary(_, let a), .cast(let a, _), .isNull(let a, _): isAggregate(a)
    default: false
    }
  }

  private func run(_ select: SQLSelect, _ session: SQLSession, over given: SQLTable? = nil) throws -> SQLResult {
    let table =
      try given ?? select.table.map { try self.table($0.name, at: $0.at, session) } ?? SQLTable(columns: [], rows: [[]])
    var items: [(expression: SQLExpression, label: String)] = []
    for (expression, label) in select.items {
      if case .star = expression {
        guard select.table != nil || given != nil else {
          throw SQLError("SELECT * with no tables specified is not valid")
        }
        items += table.columns.map { (.column($0.name, at: 0), $0.name) }
      } else {
        items.append((expression, label ?? expression.label))
      }
    }
    var rows = try table.rows.filter { try isTrue(select.condition, table, $0, session) }
    var result = SQLResult(columns: [], tag: "")
    var output: [(row: [SQLValue], keys: [SQLValue])] = []
    func keys(_ row: [SQLValue], _ shown: [SQLValue], _ group: [[SQLValue]]?) throws -> [SQLValue] {
      try select.orders.map { order in
        if case .value(.integer(let number)) = order.expression, number >= 1, number <= shown.count {
          return shown[Int(number) - 1]
        }
        if case .column(let name, _) = order.expression, table.index(name) == nil,
          let index = items.firstIndex(where: { $0.label == name })
        {
          return shown[index]
        }
        return try evaluate(order.expression, table, row, session, group: group)
      }
    }
    if !select.groups.isEmpty || items.contains(where: { isAggregate($0.expression) }) {
      var order: [[SQLValue]] = []
      var groups: [[SQLValue]: [[SQLValue]]] = [:]
      for row in rows {
        let key = try select.groups.map { try evaluate($0, table, row, session) }
        if groups[key] == nil { order.append(key) }
        groups[key, default: []].append(row)
      }
      if select.groups.isEmpty, order.isEmpty { order = [[]] }
      for key in order {
        let members = groups[key] ?? []
        let first = members.first ?? [SQLValue](repeating: .null, count: table.columns.count)
        if select.groups.isEmpty {
          for item in items where !isAggregate(item.expression) {
            if case .column(let name, let at) = item.expression {
              throw SQLError(
                "column \"\(select.table?.name ?? "").\(name)\" must appear in the GROUP BY clause or be used in an aggregate function",
                code: "42803", at: at)
            }
          }
        }
        let shown = try items.map { try evaluate($0.expression, table, first, session, group: members) }
        output.append((shown, try keys(first, shown, members)))
      }
    } else {
      // Names are wrong also when there are no rows.
      if rows.isEmpty, !table.columns.isEmpty {
        let empty = [SQLValue](repeating: .null, count: table.columns.count)
        for item in items { _ = try evaluate(item.expression, table, empty, session) }
      }
      for row in rows {
        let shown = try items.map { item -> SQLValue in
          if case .call("pg_sleep", let arguments, _) = item.expression, let first = arguments.first {
            result.sleep += max(0, min(try evaluate(first, table, row, session).number ?? 0, 1e6))
            return .text("")
          }
          return try evaluate(item.expression, table, row, session)
        }
        output.append((shown, try keys(row, shown, nil)))
      }
    }
    if !select.orders.isEmpty {
      output = output.enumerated().sorted { a, b in
        for (index, order) in select.orders.enumerated() {
          let result = compare(a.element.keys[index], b.element.keys[index])
          if result != 0 { return order.descends ? result > 0 : result < 0 }
        }
        return a.offset < b.offset
      }.map(\.element)
    }
    rows = output.map(\.row)
    if select.isDistinct {
      var seen: Set<[SQLValue]> = []
      rows = rows.filter { seen.insert($0).inserted }
    }
    let empty = SQLTable(columns: [])
    if let offset = select.offset {
      rows = Array(rows.dropFirst(Int(clamping: Int64(try evaluate(offset, empty, [], session).number ?? 0).magnitude)))
    }
    if let limit = select.limit {
      rows = Array(
        rows.prefix(Int(clamping: Int64(min(try evaluate(limit, empty, [], session).number ?? 9e15, 9e15)).magnitude)))
    }
    result.columns = items.enumerated().map { index, item in
      (item.label, type(of: item.expression, table, rows.lazy.map { $0[index] }.first { $0 != .null }))
    }
    result.rows = rows
    result.tag = "SELECT \(rows.count)"
    return result
  }

  private func type(of expression: SQLExpression, _ table: SQLTable, _ sample: SQLValue?) -> String {
    switch expression {
    case .column(let name, _): return table.index(name).map { table.columns[$0].type } ?? "text"
    case .cast(_, let type): return type
    case .call("count", _, _): return "bigint"
    default: break
    }
    switch sample {
    case .integer?: return "integer"
    case .real?: return "numeric"
    case .bool?: return "boolean"
    default: return "text"
    }
  }

  private func isTrue(_ condition: SQLExpression?, _ table: SQLTable, _ row: [SQLValue], _ session: SQLSession) throws
    -> Bool
  {
    guard let condition else { return true }
    let value = try evaluate(condition, table, row, session)
    switch value {
    case .bool(let flag): return flag
    case .null: return false
    default:
      throw SQLError(
        "argument of WHERE must be type boolean, not type \(value.isNumeric ? "integer" : "text")", code: "42804")
    }
  }

  private func compare(_ a: SQLValue, _ b: SQLValue) -> Int {
    switch (a, b) {
    case (.null, .null): return 0
    case (.null, _): return 1
    case (_, .null): return -1
    case (.bool(let x), .bool(let y)): return x == y ? 0 : x ? 1 : -1
    default: break
    }
    if case .integer(let x) = a, case .integer(let y) = b { return x < y ? -1 : x > y ? 1 : 0 }
    if a.isNumeric || b.isNumeric, let x = a.number, let y = b.number { return x < y ? -1 : x > y ? 1 : 0 }
    let (x, y) = (a.text ?? "", b.text ?? "")
    return x < y ? -1 : x > y ? 1 : 0
  }

  private func evaluate(
    _ expression: SQLExpression, _ table: SQLTable, _ row: [SQLValue], _ session: SQLSession, group: [[SQLValue]]? = nil
  ) throws -> SQLValue {
    func value(_ inner: SQLExpression) throws -> SQLValue { try evaluate(inner, table, row, session, group: group) }
    switch expression {
    case .value(let value): return value
    case .star: return .null
    case .column(let name, let at):
      guard let index = table.index(name) else {
        throw SQLError("column \"\(name)\" does not exist", code: "42703", at: at)
      }
      return row[index]
    case .unary(let sign, let inner):
      let operand = try value(inner)
      if operand == .null { return .null }
      if sign == "not" {
        guard case .bool(let flag) = operand else {
          throw SQLError("argument of NOT must be type boolean, not type text", code: "42804")
        }
        return .bool(!flag)
      }
      if case .integer(let number) = operand { return .integer(0 &- number) }
      guard let number = operand.number else { throw SQLError("operator does not exist: - text", code: "42883") }
      return .real(-number)
    case .isNull(let inner, let isNegated): return .bool((try value(inner) == .null) != isNegated)
    case .isIn(let inner, let list, let isNegated):
      let left = try value(inner)
      if left == .null { return .null }
      return .bool(try list.contains { compare(left, try value($0)) == 0 } != isNegated)
    case .between(let inner, let low, let high, let isNegated):
      let left = try value(inner)
      let (a, b) = (try value(low), try value(high))
      if left == .null || a == .null || b == .null { return .null }
      return .bool((compare(left, a) >= 0 && compare(left, b) <= 0) != isNegated)
    case .cast(let inner, let type): return try cast(try value(inner), type)
    case .call(let name, let arguments, let at): return try call(name, arguments, at, table, row, session, group)
    case .binary(let sign, let left, let right): return try binary(sign, try value(left), try value(right))
    }
  }

  private func binary(_ sign: String, _ a: SQLValue, _ b: SQLValue) throws -> SQLValue {
    switch sign {
    case "and":
      if a == .bool(false) || b == .bool(false) { return .bool(false) }
      return a == .null || b == .null ? .null : .bool(a == .bool(true) && b == .bool(true))
    case "or":
      if a == .bool(true) || b == .bool(true) { return .bool(true) }
      return a == .null || b == .null ? .null : .bool(false)
    default: break
    }
    if a == .null || b == .null { return .null }
    switch sign {
    case "=": return .bool(compare(a, b) == 0)
    case "<>": return .bool(compare(a, b) != 0)
    case "<": return .bool(compare(a, b) < 0)
    case "<=": return .bool(compare(a, b) <= 0)
    case ">": return .bool(compare(a, b) > 0)
    case ">=": return .bool(compare(a, b) >= 0)
    case "||": return .text((a.text ?? "") + (b.text ?? ""))
    case "like", "ilike":
      var pattern: [UInt8] = []
      for byte in (b.text ?? "").utf8 {
        switch byte {
        case UInt8(ascii: "%"): pattern.append(UInt8(ascii: "*"))
        case UInt8(ascii: "_"): pattern.append(UInt8(ascii: "?"))
        case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "\\"):
          pattern += [UInt8(ascii: "\\"), byte]
        default: pattern.append(byte)
        }
      }
      let text = String(decoding: pattern, as: UTF8.self)
      return .bool(
        sign == "like"
          ? GlobPattern(text).matches(a.text ?? "")
          : GlobPattern(text.lowercased()).matches((a.text ?? "").lowercased()))
    default: break
    }
    if case .integer(let x) = a, case .integer(let y) = b {
      let result: (partialValue: Int64, overflow: Bool)
      switch sign {
      case "+": result = x.addingReportingOverflow(y)
      case "-": result = x.subtractingReportingOverflow(y)
      case "*": result = x.multipliedReportingOverflow(by: y)
      default:
        guard y != 0 else { throw SQLError("division by zero", code: "22012") }
        result = sign == "/" ? x.dividedReportingOverflow(by: y) : x.remainderReportingOverflow(dividingBy: y)
      }
      if result.overflow { throw SQLError("bigint out of range", code: "22003") }
      return .integer(result.partialValue)
    }
    guard let x = a.number, let y = b.number else {
      throw SQLError("operator does not exist: text \(sign) text", code: "42883")
    }
    switch sign {
    case "+": return .real(x + y)
    case "-": return .real(x - y)
    case "*": return .real(x * y)
    default:
      guard y != 0 else { throw SQLError("division by zero", code: "22012") }
      return .real(sign == "/" ? x / y : x.truncatingRemainder(dividingBy: y))
    }
  }

  private func call(
    _ name: String, _ arguments: [SQLExpression], _ at: Int, _ table: SQLTable, _ row: [SQLValue],
    _ session: SQLSession,
    _ group: [[SQLValue]]?
  ) throws -> SQLValue {
    if Self.aggregates.contains(name), let group {
      if name == "count", case .star? = arguments.first { return .integer(Int64(group.count)) }
      guard let first = arguments.first else {
        throw SQLError("function \(name)() does not exist", code: "42883", at: at)
      }
      let values = try group.map { try evaluate(first, table, $0, session) }.filter { $0 != .null }
      switch name {
      case "count": return .integer(Int64(values.count))
      case "min": return values.min { compare($0, $1) < 0 } ?? .null
      case "max": return values.max { compare($0, $1) < 0 } ?? .null
      case "sum":
        if values.isEmpty { return .null }
        return try values.dropFirst().reduce(values[0]) { try binary("+", $0, $1) }
      case "avg": return values.isEmpty ? .null : .real(values.compactMap(\.number).reduce(0, +) / Double(values.count))
      case "string_agg":
        let separator = arguments.count > 1 ? try evaluate(arguments[1], table, row, session).text ?? "" : ""
        return .text(values.compactMap(\.text).joined(separator: separator))
      default: return .text("{" + values.compactMap(\.text).joined(separator: ",") + "}")
      }
    }
    let values = try arguments.map { try evaluate($0, table, row, session, group: group) }
    switch name {
    case "version":
      return .text(
        "PostgreSQL \(session.version) (Debian \(session.version)-1.pgdg13+2) on x86_64-pc-linux-gnu, compiled by gcc (Debian 14.2.0-19) 14.2.0, 64-bit"
      )
    case "now", "current_timestamp", "clock_timestamp", "localtimestamp":
      let time = CivilTime(Int64(session.now / Duration64.second))
      return .text(
        "\(time.date) \(time.clock).\(padded(Int(session.now / 1000 % 1_000_000), 6))\(name == "localtimestamp" ? "" : "+00")"
      )
    case "current_date": return .text(CivilTime(Int64(session.now / Duration64.second)).date)
    case "current_time": return .text(CivilTime(Int64(session.now / Duration64.second)).clock + "+00")
    case "current_database": return .text(session.database)
    case "current_user", "session_user": return .text(session.user)
    case "pg_sleep": return .text("")
    case "inet_server_addr", "inet_client_addr": return .null
    case "pg_is_in_recovery": return .bool(false)
    case "upper" where values.count == 1: return values[0] == .null ? .null : .text((values[0].text ?? "").uppercased())
    case "lower" where values.count == 1: return values[0] == .null ? .null : .text((values[0].text ?? "").lowercased())
    case "length" where values.count == 1: return values[0].text.map { .integer(Int64($0.count)) } ?? .null
    case "coalesce": return values.first { $0 != .null } ?? .null
    case "concat": return .text(values.compactMap(\.text).joined())
    case "abs" where values.count == 1:
      if case .integer(let number) = values[0] { return .integer(number < 0 ? 0 &- number : number) }
      return values[0].number.map { .real($0.magnitude) } ?? .null
    case "round" where !values.isEmpty: return values[0].number.map { .real($0.rounded()) } ?? .null
    case "repeat" where values.count == 2:
      let count = max(0, min(Int(clamping: Int64(values[1].number ?? 0)), 100_000))
      return .text(String(repeating: values[0].text ?? "", count: count))
    default:
      let types = values.map { $0.isNumeric ? "integer" : "unknown" }.joined(separator: ", ")
      throw SQLError("function \(name)(\(types)) does not exist", code: "42883", at: at)
    }
  }

  // MARK: The dump

  /// Everything as text, one line a thing; words are base64.
  func dump() -> [UInt8] {
    func word(_ text: String) -> String { Base64.encode(Array(text.utf8)) + "." }
    func word(_ value: SQLValue) -> String {
      switch value {
      case .null: "n"
      case .integer(let number): "i\(number)"
      case .real(let number): "r\(number)"
      case .bool(let flag): flag ? "bt" : "bf"
      case .text(let text): "s" + word(text)
      }
    }
    var text = "drydock-cluster 1\n"
    for (role, password) in roles.sorted(by: { $0.key < $1.key }) {
      text += "role \(word(role)) \(password.map { word($0) } ?? "-")\n"
    }
    for (database, tables) in databases.sorted(by: { $0.key < $1.key }) {
      text += "database \(word(database))\n"
      for (name, table) in tables.sorted(by: { $0.key < $1.key }) {
        text += "table \(word(name)) \(table.nextSerial)\n"
        for column in table.columns {
          let flags =
            (column.isRequired ? "r" : "") + (column.isUnique ? "u" : "") + (column.isPrimary ? "p" : "")
            + (column.isSerial ? "s" : "")
          text += "column \(word(column.name)) \(word(column.type)) .\(flags) \(word(column.defaultText))\n"
        }
        for row in table.rows { text += "row " + row.map { word($0) }.joined(separator: " ") + "\n" }
      }
    }
    return Array(text.utf8)
  }

  init() {}

  init?(dump: [UInt8]) {
    func text(_ word: Substring) -> String {
      Base64.decode(Array(word.utf8.dropLast())).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
    let lines = String(decoding: dump, as: UTF8.self).split(separator: "\n")
    guard lines.first == "drydock-cluster 1" else { return nil }
    var database = ""
    var table = ""
    for line in lines.dropFirst() {
      let words = line.split(separator: " ")
      guard words.count > 1 else { continue }
      switch words[0] {
      case "role": roles[text(words[1])] = words.count > 2 && words[2] != "-" ? text(words[2]) : String?.none
      case "database":
        database = text(words[1])
        databases[database] = [:]
      case "table":
        table = text(words[1])
        var new = SQLTable(columns: [])
        new.nextSerial = words.count > 2 ? Int64(words[2]) ?? 1 : 1
        databases[database]?[table] = new
      case "column" where words.count > 4:
        var column = SQLColumn(name: text(words[1]), type: text(words[2]))
        column.isRequired = words[3].contains("r")
        column.isUnique = words[3].contains("u")
        column.isPrimary = words[3].contains("p")
        column.isSerial = words[3].contains("s")
        column.defaultText = text(words[4])
        if !column.defaultText.isEmpty, var parser = try? SQLParser(column.defaultText) {
          column.defaultValue = try? parser.expression()
        }
        databases[database]?[table]?.columns.append(column)
      case "row":
        let values = words.dropFirst().map { word -> SQLValue in
          switch word.first {
          case "i": .integer(Int64(word.dropFirst()) ?? 0)
          case "r": .real(Double(word.dropFirst()) ?? 0)
          case "b": .bool(word == "bt")
          case "s": .text(text(word.dropFirst()))
          default: .null
          }
        }
        if values.count == databases[database]?[table]?.columns.count {
          databases[database]?[table]?.rows.append(values)
        }
      default: continue
      }
    }
  }
}
