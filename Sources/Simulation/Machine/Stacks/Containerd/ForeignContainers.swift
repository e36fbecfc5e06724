import Engine
import JSONTree
import Seams

/// Containers that ctr has made, as the docker client sees them: dockerd's core has no records of them, containerd has.
/// They can be listed, inspected, stopped, killed and removed; for the rest there is ctr.
struct ForeignContainers: Sendable {
  let engine: LibraryEngine
  /// containerd over the wire.
  let wire: any ContainerdAPI
  let world: SimWorld

  private var namespace: String { ContainerdStack.namespace }
  private func ask<O: ContainerdOperation>(_ operation: O) async throws -> O.Answer {
    try await wire.call(operation, namespace: namespace)
  }

  /// `GET /containers/json`: the core's, and behind them the others.
  func list(_ request: APIRequest) async throws -> APIResponse {
    let containers = try await ask(Containers.List()).containers
    let tasks = try await ask(Tasks.List()).tasks
    var response = try await engine.dockerd.send(request)
    // Filters are about what dockerd knows.
    guard case .json(.array(var items)) = response.body, request.query("filters") ?? "" == "" else { return response }
    let known = Set(await engine.containers.all().map(\.id))
    for record in containers.sorted(by: { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) })
    where !known.contains(record.id) {
      let task = tasks.first { $0.containerId == record.id }
      let isUp = task.map { $0.status == .running || $0.status == .paused } ?? false
      guard isUp || request.flag("all") else { continue }
      items.append(item(record, task))
    }
    response.body = .json(.array(items))
    return response
  }

  private func item(_ record: ContainerRecord, _ task: TaskProcess?) -> JSON {
    let arguments = (record.spec["process"]?["args"]?.strings ?? []).joined(separator: " ")
    let (state, status) = words(record, task)
    return [
      "Id": .string(record.id), "Names": [.string("/" + record.id)], "Image": .string(record.image), "ImageID": "",
      "Command": .string(arguments), "Created": JSON(record.createdAt / Duration64.second), "Ports": [],
      "Labels": JSON(record.labels), "State": .string(state), "Status": .string(status),
      "HostConfig": ["NetworkMode": "none"], "NetworkSettings": ["Networks": [:]], "Mounts": [],
    ]
  }

  private func words(_ record: ContainerRecord, _ task: TaskProcess?) -> (state: String, status: String) {
    func since(_ time: UInt64) -> String { humanDuration(world.unixTime > time ? world.unixTime - time : 0) }
    switch task?.status {
    case .running: return ("running", "Up \(since(record.createdAt))")
    case .paused: return ("paused", "Up \(since(record.createdAt)) (Paused)")
    case .stopped: return ("exited", "Exited (\(task?.exitStatus ?? 0)) \(since(task?.exitedAt ?? 0)) ago")
    default: return ("created", "Created")
    }
  }

  /// A request about one container: nil when dockerd's core knows it, or nobody does.
  func answer(_ request: APIRequest) async throws -> APIResponse? {
    guard let name = request.parameters["id"], (try? await engine.containers.find(name)) == nil,
      let record = try? await ask(Containers.Get(id: name)).container
    else { return nil }
    let task = try? await ask(Tasks.Get(containerId: name)).process
    switch request.op {
    case "GET /containers/{id}/json": return APIResponse(200, .json(inspect(record, task)))
    case "POST /containers/{id}/stop", "POST /containers/{id}/kill":
      guard let task, task.status == .running || task.status == .paused else {
        return request.op.hasSuffix("stop")
          ? APIResponse(304)
          : APIResponse(
            error: EngineError(.conflict, "cannot kill container: \(name): container \(name) is not running"))
      }
      try await end(name, request)
      return APIResponse(204)
    case "DELETE /containers/{id}":
      if let task {
        if task.status != .stopped {
          guard request.flag("force") else {
            throw EngineError(
              .conflict,
              "cannot remove container \"\(name)\": container is running: stop the container before removing or force remove"
            )
          }
          try await end(name, APIRequest("POST", "/containers/{id}/kill", ["id": name]))
        }
        _ = try await ask(Tasks.Delete(containerId: name))
      }
      if !record.snapshotKey.isEmpty {
        _ = try await ask(Snapshots.Remove(snapshotter: record.snapshotter, key: record.snapshotKey))
      }
      _ = try await ask(Containers.Delete(id: name))
      return APIResponse(204)
    default:
      return APIResponse(
        error: EngineError(
          .notImplemented,
          "container \(name) was made by ctr: dockerd's words for it are ps, inspect, stop, kill and rm"))
    }
  }

  /// Signals the task, kills it when that does not help, and waits for its end.
  private func end(_ name: String, _ request: APIRequest) async throws {
    let isStop = request.op.hasSuffix("stop")
    let signal = isStop ? 15 : request.query("signal").flatMap { Int($0) } ?? 9
    _ = try await ask(Tasks.Kill(containerId: name, signal: signal))
    guard isStop || signal == 9 else { return }
    let exit = Later<Void>()
    let (wire, namespace) = (wire, namespace)
    world.spawn {
      _ = try? await wire.call(Tasks.Wait(containerId: name), namespace: namespace)
      exit.settle(.success(()))
    }
    if isStop {
      let seconds = UInt64(clamping: max(0, request.query("t").flatMap { Int($0) } ?? 10))
      let world = world
      let timer = world.spawn {
        guard (try? await world.sleep(min(seconds, 86_400) * Duration64.second)) != nil else { return }
        _ = try? await wire.call(Tasks.Kill(containerId: name, signal: 9), namespace: namespace)
      }
      try await exit.value()
      timer.cancel()
    } else {
      try await exit.value()
    }
  }

  private func inspect(_ record: ContainerRecord, _ task: TaskProcess?) -> JSON {
    let arguments = record.spec["process"]?["args"]?.strings ?? []
    let (state, _) = words(record, task)
    let isUp = state == "running" || state == "paused"
    return [
      "Id": .string(record.id), "Created": .string(RFC3339Time.text(record.createdAt)),
      "Path": .string(arguments.first ?? ""), "Args": JSON(Array(arguments.dropFirst())),
      "State": [
        "Status": .string(state), "Running": .bool(isUp), "Paused": .bool(state == "paused"), "Restarting": false,
        "OOMKilled": false, "Dead": false, "Pid": JSON(isUp ? task?.pid ?? 0 : 0),
        "ExitCode": JSON(task?.exitStatus ?? 0),
        "Error": "",
      ],
      "Image": .string(record.image), "Name": .string("/" + record.id), "Driver": .string(record.snapshotter),
      "Mounts": [],
      "Config": [
        "Image": .string(record.image), "Cmd": JSON(arguments), "Env": record.spec["process"]?["env"] ?? [],
        "WorkingDir": record.spec["process"]?["cwd"] ?? "/", "Tty": record.spec["process"]?["terminal"] ?? false,
        "Labels": JSON(record.labels),
      ],
      "HostConfig": ["NetworkMode": "none", "Runtime": .string(record.runtime)],
      "NetworkSettings": ["Networks": [:], "Ports": [:]],
    ]
  }
}
