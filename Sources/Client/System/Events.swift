import JSONTree

extension Command {
  static let systemEvents = Command(
    "events", usage: "[OPTIONS]", short: "Get real time events from the server",
    spellings: "docker system events, docker events",
    flags: [
      Flag("filter", "f", .filter, "Filter output based on conditions provided"),
      Flag("format", .string(""), formatHelp, completes: .words(Words.formats)),
      Flag("since", .string(""), "Show all events created since timestamp"),
      Flag("until", .string(""), "Stream events until this timestamp"),
    ]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let given = flags.string("format")
    var template: Template?
    if !given.isEmpty {
      do {
        let parsed = try Template(Layout(given).isTable ? given : Layout(given).template)
        // A field that no event has shows at once.
        _ = try parsed.execute(.context(EventContext(event: [:])))
        template = parsed
      } catch {
        throw CommandError("Error parsing format: \(error)", status: 64)
      }
    }
    var query: [(String, String)] = []
    for name in ["since", "until"] where !flags.string(name).isEmpty {
      do {
        query.append((name, try GoTime.timestamp(flags.string(name), now: session.environment.unixTime)))
      } catch {
        throw CommandError(error.words)
      }
    }
    if let filters = Filters.encoded(Filters.parse(flags.values("filter"))) { query.append(("filters", filters)) }
    let stream = try await session.stream(request("GET", "/events", query: query))
    var lines = JSONLines()
    while let bytes = await stream.read() {
      for event in try lines.add(bytes) { try await invocation.out(try EventLine.text(event, template) + "\n") }
    }
    for event in try lines.finish() { try await invocation.out(try EventLine.text(event, template) + "\n") }
    return 0
  }
}

/// An event as `docker events` prints it.
enum EventLine {
  static func text(_ event: JSON, _ template: Template?) throws(CommandError) -> String {
    guard let template else { return plain(event) }
    do {
      return try template.execute(.context(EventContext(event: event)))
    } catch {
      throw CommandError("Error parsing format: \(error)")
    }
  }

  private static func plain(_ event: JSON) -> String {
    let nanoseconds = event.number("timeNano")
    var out = ""
    if nanoseconds != 0 {
      out =
        GoTime.rfc3339NanoFixed(
          nanoseconds.floorDivided(by: 1_000_000_000),
          nanoseconds - nanoseconds.floorDivided(by: 1_000_000_000) * 1_000_000_000) + " "
    } else if event.number("time") != 0 {
      out = GoTime.rfc3339NanoFixed(event.number("time"), 0) + " "
    }
    out += "\(event.text("Type")) \(event.text("Action")) \(event.text("Actor", "ID"))"
    let attributes = event["Actor"]?["Attributes"]?.object?.members ?? []
    if !attributes.isEmpty {
      out += " ("
      out += attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? "")" }.joined(separator: ", ")
      out += ")"
    }
    return out
  }
}

/// The fields of an event by their Go names; as JSON by the wire's.
private struct EventContext: TemplateContext {
  let event: JSON
  var typeName: String { "*events.Message" }

  func field(_ name: String, _ arguments: [JSON]) throws(TemplateError) -> JSON? {
    switch name {
    case "Status": event["status"] ?? ""
    case "ID": event["id"] ?? ""
    case "From": event["from"] ?? ""
    case "Type", "Action": event[name] ?? ""
    case "Actor": event[name] ?? ["ID": "", "Attributes": [:]]
    case "Scope": event["scope"] ?? ""
    case "Time": event["time"] ?? 0
    case "TimeNano": event["timeNano"] ?? 0
    default: nil
    }
  }

  /// Attributes sorted, and without what is empty, as Go encodes them.
  var json: JSON {
    var members: [JSONObject.Member] = []
    for member in event.object?.members ?? [] {
      if ["", 0].contains(member.value), member.key != "Type", member.key != "Action" { continue }
      var value = member.value
      if member.key == "Actor", let attributes = value["Attributes"]?.object {
        value["Attributes"] = .object(JSONObject(attributes.members.sorted { $0.key < $1.key }))
      }
      members.append(.init(member.key, value))
    }
    return .object(JSONObject(members))
  }
}
