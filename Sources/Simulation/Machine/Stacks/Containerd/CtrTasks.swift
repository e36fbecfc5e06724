import JSONTree
import Seams

/// `ctr tasks` and `ctr containers`.
extension Ctr {
  private func id(_ arguments: ClientArguments) throws -> String {
    guard let id = arguments.operands.first else { throw ClientFailure("container id must be provided") }
    return id
  }

  func startTask(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(
      call, valued: [["log-uri"], ["fifo-dir"], ["pid-file"]], switches: [["null-io"], ["detach", "d"]], mixed: true)
    return try await start(try id(arguments), arguments, call)
  }

  func attach(_ call: Call) async throws -> Int32 {
    let id = try id(try parsed(call, mixed: true))
    _ = try await ask(Containers.Get(id: id), call)
    let process = try await ask(Tasks.Get(containerId: id), call).process
    return try await attended(streams(of: process), call) {
    } end: {
      try await self.ask(Tasks.Wait(containerId: id), call).exitStatus
    } signal: { number in
      _ = try? await self.ask(Tasks.Kill(containerId: id, signal: Int(number)), call)
    } finish: {
      _ = try await self.ask(Tasks.Delete(containerId: id), call)
    }
  }

  func exec(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(
      call, valued: [["exec-id"], ["cwd"], ["user"], ["log-uri"], ["fifo-dir"]],
      switches: [["tty", "t"], ["detach", "d"]])
    let id = try id(arguments)
    let command = Array(arguments.operands.dropFirst())
    guard !command.isEmpty else { throw ClientFailure("container command must be provided") }
    guard let session = arguments.value("exec-id"), !session.isEmpty else {
      throw ClientFailure("exec id must be provided: invalid argument")
    }
    let record = try await ask(Containers.Get(id: id), call).container
    _ = try await ask(Tasks.Get(containerId: id), call)
    let terminal = arguments.has("tty")
    let user = arguments.value("user").flatMap { Int($0) }
    let spec = rewritten(record.spec["process"] ?? [:]) { process in
      process["terminal"] = .bool(terminal)
      process["args"] = JSON(command)
      if let folder = arguments.value("cwd") { process["cwd"] = .string(folder) }
      if let user { process["user"] = ["uid": JSON(user), "gid": 0] }
    }
    let streams = try streams(
      session, terminal: terminal, logURI: arguments.value("log-uri"), isNull: false,
      isDetached: arguments.has("detach"))
    do {
      _ = try await ask(
        Tasks.Exec(
          containerId: id, execId: session, stdin: streams.stdin, stdout: streams.stdout, stderr: streams.stderr,
          terminal: terminal, spec: spec), call)
    } catch {
      streams.close()
      throw error
    }
    if arguments.has("detach") {
      _ = try await ask(Tasks.Start(containerId: id, execId: session), call)
      streams.drain(world)
      return 0
    }
    return try await attended(streams, call) {
      _ = try await self.ask(Tasks.Start(containerId: id, execId: session), call)
    } end: {
      try await self.ask(Tasks.Wait(containerId: id, execId: session), call).exitStatus
    } signal: { number in
      _ = try? await self.ask(Tasks.Kill(containerId: id, execId: session, signal: Int(number)), call)
    } finish: {
      _ = try await self.ask(Tasks.DeleteProcess(containerId: id, execId: session), call)
    }
  }

  func kill(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, valued: [["signal", "s"], ["exec-id"]], switches: [["all", "a"]], mixed: true)
    let id = try id(arguments)
    let text = (arguments.value("signal") ?? "SIGTERM").uppercased()
    let name = text.hasPrefix("SIG") ? String(text.dropFirst(3)) : text
    let numbers = [
      "HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "TERM": 15, "CONT": 18, "STOP": 19, "WINCH": 28,
    ]
    guard let signal = numbers[name] ?? Int(name), (1...64).contains(signal) else {
      throw ClientFailure("unknown signal \"\(text)\"")
    }
    _ = try await ask(Containers.Get(id: id), call)
    _ = try await ask(Tasks.Get(containerId: id), call)
    _ = try await ask(
      Tasks.Kill(
        containerId: id, execId: arguments.value("exec-id") ?? "", signal: signal, all: arguments.has("all")), call)
    return 0
  }

  func deleteTasks(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, valued: [["exec-id"]], switches: [["force", "f"]], mixed: true)
    guard !arguments.operands.isEmpty else { throw ClientFailure("must specify at least one container") }
    var status: Int32 = 0
    for id in arguments.operands {
      _ = try await ask(Containers.Get(id: id), call)
      let process = try await ask(Tasks.Get(containerId: id), call).process
      if let session = arguments.value("exec-id") {
        let exit = try await ask(Tasks.DeleteProcess(containerId: id, execId: session), call)
        if exit.exitStatus != 0 { status = Int32(truncatingIfNeeded: exit.exitStatus) }
        continue
      }
      if process.status != .stopped, process.status != .created {
        guard arguments.has("force") else {
          throw ClientFailure(
            "task must be stopped before deletion: \(Ctr.name(process.status).lowercased()): failed precondition")
        }
        _ = try await ask(Tasks.Kill(containerId: id, signal: 9), call)
        _ = try await ask(Tasks.Wait(containerId: id), call)
      }
      let exit = try await ask(Tasks.Delete(containerId: id), call)
      streams(of: process).close()
      if exit.exitStatus != 0 { status = Int32(truncatingIfNeeded: exit.exitStatus) }
    }
    return status
  }

  static func name(_ status: TaskProcess.Status) -> String { "\(status)".uppercased() }

  func tasks(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"]], mixed: true)
    let tasks = try await ask(Tasks.List(), call).tasks
    if arguments.has("quiet") {
      for task in tasks { await call.io.print(task.containerId) }
      return 0
    }
    var table = ColumnTable(["TASK", "PID", "STATUS"], minimum: 4, padding: 4, fillsLast: true)
    for task in tasks { table.add([task.containerId, "\(task.pid)", Ctr.name(task.status)]) }
    await call.io.write(table.text)
    return 0
  }

  func ps(_ call: Call) async throws -> Int32 {
    let id = try id(try parsed(call, mixed: true))
    _ = try await ask(Containers.Get(id: id), call)
    _ = try await ask(Tasks.Get(containerId: id), call)
    var table = ColumnTable(["PID", "INFO"], minimum: 1, padding: 4)
    for process in try await ask(Tasks.ListPids(containerId: id), call).processes {
      table.add(["\(process.pid)", process.execId.isEmpty ? "-" : "{\"exec_id\":\"\(process.execId)\"}"])
    }
    await call.io.write(table.text)
    return 0
  }

  func pause(_ call: Call) async throws -> Int32 {
    let id = try id(try parsed(call, mixed: true))
    _ = try await ask(Containers.Get(id: id), call)
    _ = try await ask(Tasks.Get(containerId: id), call)
    _ = try await ask(Tasks.Pause(containerId: id), call)
    return 0
  }

  func resume(_ call: Call) async throws -> Int32 {
    let id = try id(try parsed(call, mixed: true))
    _ = try await ask(Containers.Get(id: id), call)
    _ = try await ask(Tasks.Get(containerId: id), call)
    _ = try await ask(Tasks.Resume(containerId: id), call)
    return 0
  }

  func metrics(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, valued: [["format"]], mixed: true)
    let id = try id(arguments)
    _ = try await ask(Containers.Get(id: id), call)
    _ = try await ask(Tasks.Get(containerId: id), call)
    guard let metric = try await ask(Tasks.Metrics(filters: ["id==\(id)"]), call).metrics.first else {
      throw ClientFailure("no metrics of \(id): not found")
    }
    if arguments.value("format") == "json" {
      await call.io.print(metric.data.text)
      return 0
    }
    var table = ColumnTable(["ID", "TIMESTAMP"], minimum: 1, padding: 4, fillsLast: true)
    table.add([id, "\(metric.timestamp)"])
    await call.io.write(table.text + "\n")
    var values = ColumnTable(["METRIC", "VALUE"], minimum: 1, padding: 4, fillsLast: true)
    flatten(metric.data, "", &values)
    await call.io.write(values.text)
    return 0
  }

  private func flatten(_ json: JSON, _ name: String, _ table: inout ColumnTable) {
    guard let object = json.object else {
      if !name.isEmpty { table.add([name, json.text]) }
      return
    }
    for member in object.members { flatten(member.value, name.isEmpty ? member.key : "\(name).\(member.key)", &table) }
  }

  // MARK: Containers

  func containers(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"]], mixed: true)
    let containers = try await ask(Containers.List(filters: arguments.operands), call).containers
    if arguments.has("quiet") {
      for container in containers { await call.io.print(container.id) }
      return 0
    }
    var table = ColumnTable(["CONTAINER", "IMAGE", "RUNTIME"], minimum: 4, padding: 4, fillsLast: true)
    for container in containers {
      table.add([container.id, container.image.isEmpty ? "-" : container.image, container.runtime])
    }
    await call.io.write(table.text)
    return 0
  }

  func containerInfo(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["spec"]], mixed: true)
    let record = try await ask(Containers.Get(id: try id(arguments)), call).container
    guard !arguments.has("spec") else {
      await call.io.print(rewritten(record.spec) { _ in }.pretty())
      return 0
    }
    let json: JSON = [
      "ID": .string(record.id), "Labels": JSON(record.labels), "Image": .string(record.image),
      "Runtime": ["Name": .string(record.runtime), "Options": record.runtimeOptions],
      "SnapshotKey": .string(record.snapshotKey), "Snapshotter": .string(record.snapshotter),
      "CreatedAt": .string(timestamp(record.createdAt)), "UpdatedAt": .string(timestamp(record.updatedAt)),
      "Spec": rewritten(record.spec) { _ in },
    ]
    await call.io.print(json.pretty())
    return 0
  }

  func labelContainer(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, mixed: true)
    var record = try await ask(Containers.Get(id: try id(arguments)), call).container
    for label in arguments.operands.dropFirst() {
      let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      record.labels[parts[0]] = parts.count > 1 ? parts[1] : nil
    }
    let updated = try await ask(Containers.Update(container: record), call).container
    await call.io.print(Ctr.labels(updated.labels))
    return 0
  }

  func deleteContainers(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["keep-snapshot"]], mixed: true)
    guard !arguments.operands.isEmpty else {
      throw ClientFailure("must specify at least one container to delete: invalid argument")
    }
    var status: Int32 = 0
    for id in arguments.operands {
      do {
        _ = try await ask(Containers.Get(id: id), call)
        if let process = try? await ask(Tasks.Get(containerId: id), call).process {
          guard process.status == .stopped || process.status == .created else {
            throw ClientFailure(
              "cannot delete a non stopped container: {\(Ctr.name(process.status).lowercased()) 0 0001-01-01 00:00:00 +0000 UTC}"
            )
          }
          _ = try await ask(Tasks.Delete(containerId: id), call)
          streams(of: process).close()
        }
        try await delete(id, call)
      } catch {
        let message = (error as? ClientFailure)?.message ?? (error as? EngineError)?.message ?? "\(error)"
        await call.io.complain(
          "time=\"\(timestamp(world.unixTime))\" level=error msg=\"failed to delete container \\\"\(id)\\\"\" error=\"\(message)\""
        )
        await call.io.complain("ctr: \(message)")
        status = 1
      }
    }
    return status
  }
}
