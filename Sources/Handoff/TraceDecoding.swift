import JSONTree

/// Why a trace cannot be read, in words for its reader.
public struct TraceError: Error, Sendable, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

extension TraceHeader {
  /// Reads the first line of a trace. Unknown members are passed over; a higher format number is refused.
  public init(line: some Collection<UInt8>) throws(TraceError) {
    let json: JSON
    do throws(JSONParseError) { json = try JSON(parsing: line) } catch {
      throw TraceError("not a Drydock trace: its first line is no JSON object (\(error.message))")
    }
    guard let version = json["drydock-trace"]?.int else {
      throw TraceError("not a Drydock trace: its first line has no \"drydock-trace\"")
    }
    guard version <= TraceHeader.version else {
      throw TraceError(
        "the trace has format \(version), and this Drydock reads up to \(TraceHeader.version): use a newer Drydock")
    }
    self.init(
      mode: json["mode"]?.string ?? "", stack: json["stack"]?.string ?? "docker",
      runtime: json["runtime"]?.string ?? "runc", engine: json["engine"]?.string ?? "",
      started: json["started"]?.string ?? "", seed: json["seed"]?.int.map { UInt64(truncatingIfNeeded: $0) })
    before = (json["before"]?.array ?? []).compactMap(Deed.init)
  }
}

extension TraceRecord {
  /// Reads one line after the header.
  public init(line: some Collection<UInt8>) throws(TraceError) {
    let json: JSON
    do throws(JSONParseError) { json = try JSON(parsing: line) } catch { throw TraceError(error.description) }
    guard let seq = json["seq"]?.int, let time = json["t"]?.int, let event = json["ev"]?.string, seq >= 0, time >= 0
    else { throw TraceError("a record without seq, t or ev") }
    self.init(
      seq: UInt64(seq), t: UInt64(time), cmd: json["cmd"]?.int, event: try TraceRecord.event(event, json))
  }

  private static func event(_ name: String, _ json: JSON) throws(TraceError) -> Event {
    switch name {
    case "command":
      guard let line = json["line"]?.string else { break }
      return .command(line: line)
    case "call", "upgrade":
      guard let id = json["id"]?.int, let from = json["from"]?.string, let to = json["to"]?.string,
        let op = json["op"]?.string
      else { break }
      let call = Call(
        id: id, parent: json["parent"]?.int, from: Party(from), to: Party(to),
        via: json["via"]?.string.flatMap(Via.init) ?? .inproc, op: op, args: json["args"] ?? .null)
      return name == "call" ? .call(call) : .upgrade(call)
    case "return":
      guard let id = json["id"]?.int else { break }
      if json["ok"]?.bool == false {
        return .return(
          Return(
            id: id,
            outcome: .failure(
              code: json["error"]?["code"]?.int ?? 0, message: json["error"]?["message"]?.string ?? "")))
      }
      return .return(Return(id: id, outcome: .success(json["result"] ?? .null)))
    case "output":
      guard let data = json["data"]?.string else { break }
      return .output(stream: json["stream"]?.string.flatMap(Stream.init) ?? .stdout, data: data)
    case "input":
      guard let data = json["data"]?.string else { break }
      return .input(data: data)
    case "exit":
      guard let status = json["status"]?.int else { break }
      return .exit(status: status)
    default:
      let known = ["seq", "t", "ev"]
      return .other(
        name: name, fields: .object(JSONObject((json.object?.members ?? []).filter { !known.contains($0.key) })))
    }
    throw TraceError("a \(name) record without its members")
  }
}

extension TraceHeader.Deed {
  init?(_ json: JSON) {
    guard let t = json["t"]?.int, let line = json["line"]?.string, t >= 0 else { return nil }
    self.init(
      t: UInt64(t), line: line,
      typed: (json["typed"]?.array ?? []).compactMap { typed in
        guard let t = typed["t"]?.int, let data = typed["data"]?.string, t >= 0 else { return nil }
        return Typed(t: UInt64(t), data: data)
      })
  }
}
