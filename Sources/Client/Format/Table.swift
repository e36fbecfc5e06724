import JSONTree

/// A field of a list's rows: its name in templates, its heading in tables, and how it is worked out.
struct TableColumn<Source: Sendable>: Sendable {
  let name: String
  let heading: String
  /// False for what takes arguments (`.Label "x"`): it is not part of `{{json .}}`.
  let isField: Bool
  let value: @Sendable (Source, [JSON]) -> JSON

  init(_ name: String, _ heading: String, _ value: @escaping @Sendable (Source) -> JSON) {
    (self.name, self.heading, isField) = (name, heading, true)
    self.value = { source, _ in value(source) }
  }

  init(method name: String, _ value: @escaping @Sendable (Source, String) -> String) {
    (self.name, heading, isField) = (name, name, false)
    self.value = { source, arguments in .string(value(source, arguments.first?.string ?? "")) }
  }
}

/// What a list command prints: the fields of its rows and the layouts that docker has for them.
struct Table<Source: Sendable>: Sendable {
  /// Go's type of a row, for messages.
  let typeName: String
  let columns: [TableColumn<Source>]

  func column(_ name: String) -> TableColumn<Source>? { columns.first { $0.name == name } }

  /// Prints `rows` by `format` (what `--format` said, or the command's own layout).
  func text(_ rows: [Source], format: String) throws(CommandError) -> String {
    let layout = Layout(format)
    let template = try parse(layout.template)
    var out = ""
    if layout.isTable {
      out += try execute(template, .context(HeadingRow(table: self)), isHeading: true) + "\n"
    }
    for row in rows { out += try execute(template, .context(TableRow(table: self, source: row))) + "\n" }
    return layout.isTable ? TabWriter.align(out) : out
  }

  private func parse(_ text: String) throws(CommandError) -> Template {
    do { return try Template(text) } catch { throw CommandError("template parsing error: \(error)") }
  }

  private func execute(
    _ template: Template, _ value: TemplateValue, isHeading: Bool = false
  ) throws(CommandError) -> String {
    var options = Template.Options()
    options.isHeading = isHeading
    do { return try template.execute(value, options) } catch { throw CommandError("template parsing error: \(error)") }
  }
}

/// `--format` taken apart: `table TEMPLATE`, `json`, or a template.
struct Layout: Sendable, Hashable {
  let isTable: Bool
  let template: String

  init(_ format: String) {
    var text = format
    if text == "json" { text = "{{json .}}" }
    isTable = text.hasPrefix("table")
    if isTable { text = String(text.dropFirst(5)) }
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    template = text.replacing("\\t", by: "\t").replacing("\\n", by: "\n")
  }

  /// What a list prints by: the flag, the user's preference, or the command's own layout.
  ///
  /// - Parameter quiet: the layout for `-q`, when it was given.
  static func choose(_ given: String, preference: String?, standard: String, quiet: String?) -> String {
    var format = given
    if format.isEmpty, quiet == nil, let preference { format = preference }
    if format.isEmpty || format == "table" { return quiet ?? standard }
    return format
  }
}

/// One row: fields by name.
struct TableRow<Source: Sendable>: TemplateContext {
  let table: Table<Source>
  let source: Source
  var typeName: String { table.typeName }

  func field(_ name: String, _ arguments: [JSON]) throws(TemplateError) -> JSON? {
    table.column(name)?.value(source, arguments)
  }

  var json: JSON {
    .object(
      JSONObject(
        table.columns.filter(\.isField).sorted { $0.name < $1.name }.map { .init($0.name, $0.value(source, [])) }))
  }
}

/// The row of headings: each field is its own heading, a method's is its argument.
private struct HeadingRow<Source: Sendable>: TemplateContext {
  let table: Table<Source>
  var typeName: String { table.typeName }

  func field(_ name: String, _ arguments: [JSON]) throws(TemplateError) -> JSON? {
    if let argument = arguments.first { return argument }
    return table.column(name).map { .string($0.heading) }
  }

  var json: JSON { "" }
}
