import JSONTree

extension TraceHeader {
  /// The first line of a trace, without its line feed.
  public var json: JSON {
    var object: JSONObject = [
      "drydock-trace": JSON(TraceHeader.version), "mode": .string(mode), "stack": .string(stack),
      "runtime": .string(runtime), "engine": .string(engine), "started": .string(started),
    ]
    if let seed { object["seed"] = JSON(seed) }
    if !before.isEmpty { object["before"] = .array(before.map(\.json)) }
    return .object(object)
  }
}

extension TraceHeader.Deed {
  var json: JSON {
    var object: JSONObject = ["t": JSON(t), "line": .string(line)]
    if !typed.isEmpty {
      object["typed"] = .array(typed.map { ["t": JSON($0.t), "data": .string($0.data)] })
    }
    return .object(object)
  }
}

extension TraceRecord {
  /// Appends the record as one line, with its line feed (DESIGN.md §3).
  ///
  /// - Parameter number: its `seq` in that trace, when it is not the one in which it was recorded.
  public func write(line writer: inout JSONWriter, seq number: UInt64? = nil) {
    writer.raw("{\"seq\":")
    writer.write(integer: Int64(clamping: number ?? seq))
    writer.raw(",\"t\":")
    writer.write(integer: Int64(clamping: t))
    switch event {
    case .command(let line):
      name("command", &writer)
      writer.raw(",\"line\":")
      writer.write(string: line)
    case .call(let call):
      name("call", &writer)
      write(call, &writer)
    case .upgrade(let call):
      name("upgrade", &writer)
      write(call, &writer)
    case .return(let result):
      name("return", &writer)
      writer.raw(",\"id\":")
      writer.write(integer: Int64(result.id))
      switch result.outcome {
      case .success(let value):
        writer.raw(",\"ok\":true,\"result\":")
        value.write(to: &writer)
      case .failure(let code, let message):
        writer.raw(",\"ok\":false,\"error\":{\"code\":")
        writer.write(integer: Int64(code))
        writer.raw(",\"message\":")
        writer.write(string: message)
        writer.raw("}")
      }
    case .output(let stream, let data):
      name("output", &writer)
      writer.raw(",\"stream\":")
      writer.write(string: stream.rawValue)
      writer.raw(",\"data\":")
      writer.write(string: data)
    case .input(let data):
      name("input", &writer)
      writer.raw(",\"data\":")
      writer.write(string: data)
    case .exit(let status):
      name("exit", &writer)
      writer.raw(",\"status\":")
      writer.write(integer: Int64(status))
    case .other(let event, let fields):
      writer.raw(",\"ev\":")
      writer.write(string: event)
      for member in fields.object?.members ?? [] {
        writer.raw(",")
        writer.write(string: member.key)
        writer.raw(":")
        writer.write(member.value)
      }
    }
    writer.raw("}\n")
  }

  private func name(_ event: StaticString, _ writer: inout JSONWriter) {
    writer.raw(",\"ev\":\"")
    writer.raw(event)
    writer.raw("\"")
    if let cmd {
      writer.raw(",\"cmd\":")
      writer.write(integer: Int64(cmd))
    }
  }

  private func write(_ call: Call, _ writer: inout JSONWriter) {
    writer.raw(",\"id\":")
    writer.write(integer: Int64(call.id))
    if let parent = call.parent {
      writer.raw(",\"parent\":")
      writer.write(integer: Int64(parent))
    }
    writer.raw(",\"from\":")
    writer.write(string: call.from.rawValue)
    writer.raw(",\"to\":")
    writer.write(string: call.to.rawValue)
    writer.raw(",\"via\":")
    writer.write(string: call.via.rawValue)
    writer.raw(",\"op\":")
    writer.write(string: call.op)
    writer.raw(",\"args\":")
    call.args.write(to: &writer)
  }
}
