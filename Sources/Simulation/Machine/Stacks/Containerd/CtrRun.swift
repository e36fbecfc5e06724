import JSONTree
import OCISpec
import Runtime
import Seams

/// `ctr run`, `ctr containers create`: a container of an image, with the calls in the order of the captures.
extension Ctr {
  private static let valued: [[String]] = [
    ["runtime"], ["runc-binary"], ["runc-root"], ["env"], ["env-file"], ["mount"], ["label"], ["cwd"], ["user", "u"],
    ["hostname"], ["memory-limit"], ["cpus"], ["cpu-shares"], ["cpuset-cpus"], ["cpuset-mems"], ["snapshotter"],
    ["platform"], ["pid-file"], ["log-uri"], ["cap-add"], ["cap-drop"], ["annotation"], ["with-ns"], ["fifo-dir"],
    ["oom-score-adj"], ["device"],
  ]
  private static let switches: [[String]] = [
    ["rm"], ["detach", "d"], ["tty", "t"], ["null-io"], ["net-host"], ["privileged"], ["read-only"], ["cni"],
    ["rootfs"], ["allow-new-privs"], ["runc-systemd-cgroup"], ["no-pivot"], ["seccomp"],
  ]

  func run(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, valued: Ctr.valued, switches: Ctr.switches)
    guard let reference = arguments.operands.first else {
      throw ClientFailure("image ref must be provided: invalid argument")
    }
    guard arguments.operands.count > 1 else { throw ClientFailure("container id must be provided: invalid argument") }
    if arguments.has("rm"), arguments.has("detach") {
      throw ClientFailure("flags --detach and --rm cannot be specified together: invalid argument")
    }
    let id = arguments.operands[1]
    try await create(id, of: reference, Array(arguments.operands.dropFirst(2)), arguments, call)
    let status: Int32
    do { status = try await start(id, arguments, call) } catch {
      if arguments.has("rm") { try? await delete(id, call) }
      throw error
    }
    if arguments.has("rm") { try await delete(id, call) }
    return status
  }

  func createContainer(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, valued: Ctr.valued, switches: Ctr.switches)
    guard let reference = arguments.operands.first else {
      throw ClientFailure("image ref must be provided: invalid argument")
    }
    guard arguments.operands.count > 1 else { throw ClientFailure("container id must be provided: invalid argument") }
    try await create(arguments.operands[1], of: reference, Array(arguments.operands.dropFirst(2)), arguments, call)
    return 0
  }

  // MARK: Creating

  private func create(
    _ id: String, of reference: String, _ command: [String], _ arguments: ClientArguments, _ call: Call
  ) async throws {
    _ = try await ask(Introspection.Server(), call)
    let image = try await ask(Images.Get(name: reference), call).image
    _ = try? await ask(Namespaces.Get(name: call.namespace), call)
    let documents = ImageDocuments(wire, call.namespace)
    let chain = chainID(of: try await documents.read(image.target).config.rootfs.diffIDs)?.description ?? ""
    if !chain.isEmpty {
      do { _ = try await ask(Snapshots.Stat(snapshotter: "overlayfs", key: chain), call) } catch let error
        as EngineError
        where error.code == .notFound
      {
        throw ClientFailure("image \"\(reference)\" is not unpacked: pull it again without --no-unpack")
      }
    }
    try await underLease(call) {
      try await documents.read(image.target)
      _ = try? await ask(Namespaces.Get(name: call.namespace), call)
      _ = try await ask(Introspection.Plugins(filters: ["type==io.containerd.snapshotter.v1"]), call)
      _ = try await ask(Snapshots.Prepare(snapshotter: "overlayfs", key: id, parent: chain), call)
      do {
        try await documents.read(image.target)
        let config = try await documents.read(image.target).config
        let mounts = try await ask(Snapshots.Mounts(snapshotter: "overlayfs", key: id), call).mounts
        var spec = CtrSpec(namespace: call.namespace, id: id)
        spec.apply(config, arguments: command)
        try apply(arguments, to: &spec, user: config.config?.user ?? "", mounts)
        var record = ContainerRecord(
          id: id, labels: try labels(arguments), image: reference,
          runtime: arguments.value("runtime") ?? "io.containerd.runc.v2",
          runtimeOptions: ["binary_name": .string(arguments.value("runc-binary") ?? runtime())],
          spec: .object(spec.json))
        (record.snapshotter, record.snapshotKey) = ("overlayfs", id)
        _ = try await ask(Containers.Create(container: record), call)
      } catch {
        _ = try? await ask(Snapshots.Remove(snapshotter: "overlayfs", key: id), call)
        throw error
      }
    }
  }

  private func labels(_ arguments: ClientArguments) throws -> [String: String] {
    var labels = ["io.containerd.image.config.stop-signal": "SIGTERM"]
    for label in arguments.all("label") {
      let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      labels[parts[0]] = parts.count > 1 ? parts[1] : ""
    }
    return labels
  }

  private func apply(
    _ arguments: ClientArguments, to spec: inout CtrSpec, user: String, _ mounts: [MountRecord]
  ) throws {
    let wanted = arguments.value("user") ?? user
    if !wanted.isEmpty {
      let found = try lookUp(wanted, mounts)
      spec.setUser(uid: found.uid, gid: found.gid, groups: found.groups)
    }
    if arguments.has("privileged") { spec.setPrivileged() }
    spec.change("process") { process in
      process["env"] = JSON(merged(process["env"]?.strings ?? [], arguments.all("env")))
      if let folder = arguments.value("cwd") { process["cwd"] = .string(folder) }
      if arguments.has("tty") {
        process["terminal"] = true
        process["env"] = JSON(merged(process["env"]?.strings ?? [], ["TERM=xterm"]))
      }
      if arguments.has("allow-new-privs") { process["noNewPrivileges"] = false }
      for (flag, adds) in [("cap-add", true), ("cap-drop", false)] {
        for name in arguments.all(flag) {
          process.change("capabilities") { sets in
            for key in sets.keys {
              let rest = (sets[key]?.strings ?? []).filter { $0 != name }
              sets[key] = JSON(adds ? rest + [name] : rest)
            }
          }
        }
      }
    }
    if let name = arguments.value("hostname") { spec.setHostname(name) }
    if arguments.has("read-only") { spec.change("root") { $0["readonly"] = true } }
    for text in arguments.all("mount") { spec.addMount(try mount(text)) }
    if arguments.has("net-host") {
      spec.shareWithHost(["network"])
      for file in ["/etc/hosts", "/etc/resolv.conf"] {
        spec.addMount([
          "destination": .string(file), "type": "bind", "source": .string(file), "options": ["rbind", "ro"],
        ])
      }
    }
    for text in arguments.all("with-ns") {
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      guard parts.count == 2 else {
        throw ClientFailure("joining a Linux namespace using --with-ns requires the format 'nstype:path'")
      }
      spec.join(parts[0], parts[1])
    }
    try applyLimits(arguments, to: &spec)
  }

  private func applyLimits(_ arguments: ClientArguments, to spec: inout CtrSpec) throws {
    if let memory = try arguments.number("memory-limit") {
      spec.change("linux") { $0.change("resources") { $0["memory"] = ["limit": JSON(memory)] } }
    }
    var cpu: JSONObject = [:]
    if let text = arguments.value("cpus") {
      guard let cpus = Double(text), cpus > 0, cpus < 10_000 else {
        throw ClientFailure("invalid value \"\(text)\" for flag -cpus: parse error")
      }
      (cpu["quota"], cpu["period"]) = (JSON(Int(cpus * 100_000)), 100_000)
    }
    if let shares = try arguments.number("cpu-shares") { cpu["shares"] = JSON(shares) }
    if let cpus = arguments.value("cpuset-cpus") { cpu["cpus"] = .string(cpus) }
    if !cpu.isEmpty { spec.change("linux") { $0.change("resources") { $0["cpu"] = .object(cpu) } } }
  }

  /// `type=bind,src=/tmp,dst=/host,options=rbind:ro`.
  private func mount(_ text: String) throws -> JSON {
    var mount: JSONObject = [:]
    for part in text.split(separator: ",") {
      let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
      guard pair.count == 2 else {
        throw ClientFailure("invalid mount specification: expected key=val format: invalid argument")
      }
      switch pair[0] {
      case "type": mount["type"] = .string(pair[1])
      case "source", "src": mount["source"] = .string(pair[1])
      case "destination", "dst": mount["destination"] = .string(pair[1])
      case "options": mount["options"] = JSON(pair[1].split(separator: ":").map(String.init))
      default: throw ClientFailure("mount option \"\(pair[0])\" not supported: invalid argument")
      }
    }
    return .object(mount)
  }

  /// A user by number, or by the names of the image's /etc/passwd and /etc/group.
  private func lookUp(_ text: String, _ mounts: [MountRecord]) throws -> (uid: Int, gid: Int, groups: [Int]) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if let uid = Int(parts[0]), parts.count < 2 || Int(parts[1]) != nil {
      return (uid, parts.count > 1 ? Int(parts[1]) ?? 0 : 0, [])
    }
    let files = SimHostFiles(kernel)
    let folder = "/tmp/initialC\(world.hexID(8))"
    do throws(Errno) {
      try files.makeDirectory(folder, mode: 0o700)
      for mount in mounts {
        try files.mount(source: mount.source, target: folder, type: mount.type, options: mount.options)
      }
    } catch { throw ClientFailure("failed to mount \(folder): \(error.message)") }
    defer {
      try? files.unmount(folder)
      try? files.removeAll(folder)
    }
    func entries(_ file: String) -> [[String]] {
      String(decoding: (try? files.read(folder + file)) ?? [], as: UTF8.self).split(separator: "\n").map { line in
        line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      }
    }
    let users = entries("/etc/passwd")
    let groups = entries("/etc/group")
    guard let user = users.first(where: { $0[0] == parts[0] || ($0.count > 2 && $0[2] == parts[0]) }), user.count > 3,
      let uid = Int(user[2]), var gid = Int(user[3])
    else { throw ClientFailure("no users found") }
    if parts.count > 1 {
      guard let group = groups.first(where: { $0[0] == parts[1] || ($0.count > 2 && $0[2] == parts[1]) }),
        group.count > 2, let own = Int(group[2])
      else { throw ClientFailure("no groups found") }
      gid = own
    }
    let more = groups.filter { $0.count > 3 && $0[3].split(separator: ",").contains(Substring(user[0])) }
      .compactMap { Int($0[2]) }
    return (uid, gid, more)
  }

  // MARK: Starting

  /// A task for a container, and its start; attached, until it ends: its exit status.
  func start(_ id: String, _ arguments: ClientArguments, _ call: Call) async throws -> Int32 {
    _ = try await ask(Containers.Get(id: id), call)
    let record = try await ask(Containers.Get(id: id), call).container
    let mounts = try await ask(Snapshots.Mounts(snapshotter: record.snapshotter, key: record.snapshotKey), call).mounts
    _ = try await ask(Containers.Get(id: id), call)
    _ = try await ask(Containers.Get(id: id), call)
    let isDetached = arguments.has("detach")
    let terminal = record.spec["process"]?["terminal"]?.bool ?? false
    let streams = try streams(
      id, terminal: terminal, logURI: arguments.value("log-uri"), isNull: arguments.has("null-io"),
      isDetached: isDetached)
    do {
      _ = try await ask(
        Tasks.Create(
          containerId: id, rootfs: mounts, stdin: streams.stdin, stdout: streams.stdout, stderr: streams.stderr,
          terminal: terminal), call)
    } catch {
      streams.close()
      throw error
    }
    if isDetached {
      do { _ = try await ask(Tasks.Start(containerId: id), call) } catch {
        streams.close()
        throw error
      }
      // Nobody reads what it says; its FIFOs stay with the task.
      streams.drain(world)
      return 0
    }
    return try await attended(streams, call) {
      _ = try await self.ask(Tasks.Start(containerId: id), call)
    } end: {
      try await self.ask(Tasks.Wait(containerId: id), call).exitStatus
    } signal: { number in
      _ = try? await self.ask(Tasks.Kill(containerId: id, signal: Int(number)), call)
    } finish: {
      _ = try await self.ask(Tasks.Get(containerId: id), call)
      _ = try await self.ask(Tasks.Delete(containerId: id), call)
    }
  }

  /// Waits for a process from before its start to its end, with its streams on the client's.
  func attended(
    _ streams: CtrStreams, _ call: Call, start: @escaping @Sendable () async throws -> Void,
    end: @escaping @Sendable () async throws -> Int, signal: @escaping @Sendable (Int32) async -> Void,
    finish: @escaping @Sendable () async throws -> Void
  ) async throws -> Int32 {
    let exit = Later<Int>()
    world.spawn {
      do { exit.settle(.success(try await end())) } catch { exit.settle(.failure(error)) }
    }
    // It waits from before the start, so that no end is missed.
    await Task.yield()
    let copying = streams.copy(world, call.io)
    do { try await start() } catch {
      streams.close()
      _ = try? await finish()
      throw error
    }
    let signals = call.io.signals
    let forwarding = world.spawn { for await number in signals { await signal(number) } }
    defer { forwarding.cancel() }
    let status = try await exit.value()
    for copy in copying { await copy.value }
    try await finish()
    streams.close()
    return Int32(truncatingIfNeeded: status)
  }

  /// What is left of a container goes: `Delete(WithSnapshotCleanup)`.
  func delete(_ id: String, _ call: Call) async throws {
    if (try? await ask(Tasks.Get(containerId: id), call)) != nil {
      throw ClientFailure(
        "failed to delete container \"\(id)\": cannot delete a non stopped container: {running 0 0001-01-01 00:00:00 +0000 UTC}"
      )
    }
    let record = try await ask(Containers.Get(id: id), call).container
    if !record.snapshotKey.isEmpty {
      _ = try await ask(Snapshots.Remove(snapshotter: record.snapshotter, key: record.snapshotKey), call)
    }
    _ = try await ask(Containers.Delete(id: id), call)
  }
}
