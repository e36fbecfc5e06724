import Engine
import JSONTree
import OCISpec
import Seams

/// `ctr snapshots`, `content`, `namespaces`, `leases`, `plugins`, `version`.
extension Ctr {
  func timestamp(_ nanoseconds: UInt64) -> String { RFC3339Time.text(nanoseconds) }

  func version(_ call: Call) async throws -> Int32 {
    await call.io.write("Client:\n  Version:  \(Ctr.version)\n  Revision: 1c4457e00facac03ce1d75f7b6777a7a851e5c41\n\n")
    let server = try await ask(ContainerdVersion.Version(), call)
    let uuid = try await ask(Introspection.Server(), call).uuid
    await call.io.write("Server:\n  Version:  \(server.version)\n  Revision: \(server.revision)\n  UUID: \(uuid)\n")
    return 0
  }

  func plugins(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"], ["detailed", "d"]], mixed: true)
    let plugins = try await ask(Introspection.Plugins(filters: arguments.operands), call).plugins
    var table = ColumnTable(["TYPE", "ID", "PLATFORMS", "STATUS"], minimum: 4, padding: 4, fillsLast: true)
    for plugin in plugins {
      let platform = plugin["platforms"]?[0]
      if arguments.has("quiet") {
        await call.io.print(plugin["id"]?.string ?? "")
        continue
      }
      table.add([
        plugin["type"]?.string ?? "", plugin["id"]?.string ?? "",
        platform.map { "\($0["os"]?.string ?? "")/\($0["architecture"]?.string ?? "")" } ?? "-", "ok",
      ])
    }
    if !arguments.has("quiet") { await call.io.write(table.text) }
    return 0
  }

  // MARK: Snapshots

  private static func kind(_ kind: SnapshotInfo.Kind) -> String {
    kind.rawValue.prefix(1).uppercased() + kind.rawValue.dropFirst()
  }

  private func allSnapshots(_ call: Call) async throws -> [SnapshotInfo] {
    try await ask(Snapshots.List(snapshotter: "overlayfs"), call).info
  }

  func snapshots(_ call: Call) async throws -> Int32 {
    _ = try parsed(call, valued: [["snapshotter"]], mixed: true)
    var table = ColumnTable(["KEY", "PARENT", "KIND"], minimum: 4, padding: 4, fillsLast: true)
    for snapshot in try await allSnapshots(call) {
      table.add([snapshot.name, snapshot.parent, Ctr.kind(snapshot.kind)])
    }
    await call.io.write(table.text)
    return 0
  }

  func snapshotTree(_ call: Call) async throws -> Int32 {
    let all = try await allSnapshots(call)
    var lines: [String] = []
    func add(below parent: String, depth: Int) {
      guard depth < 200 else { return }
      for snapshot in all where snapshot.parent == parent {
        lines.append(
          depth == 0 ? " " + snapshot.name : String(repeating: " ", count: 2 * depth) + "\\_ " + snapshot.name)
        add(below: snapshot.name, depth: depth + 1)
      }
    }
    add(below: "", depth: 0)
    for line in lines { await call.io.print(line) }
    return 0
  }

  func snapshotInfo(_ call: Call) async throws -> Int32 {
    guard let key = try parsed(call, mixed: true).operands.first else {
      throw ClientFailure("snapshot key must be provided")
    }
    let info = try await ask(Snapshots.Stat(snapshotter: "overlayfs", key: key), call).info
    let json: JSON = [
      "Kind": .string(Ctr.kind(info.kind)), "Name": .string(info.name), "Parent": .string(info.parent),
      "Labels": JSON(info.labels), "Created": .string(timestamp(info.createdAt)),
      "Updated": .string(timestamp(info.updatedAt)),
    ]
    await call.io.print(json.pretty())
    return 0
  }

  func snapshotMounts(_ call: Call) async throws -> Int32 {
    let operands = try parsed(call, mixed: true).operands
    guard operands.count == 2 else { throw ClientFailure("a target and a snapshot key must be provided") }
    for mount in try await ask(Snapshots.Mounts(snapshotter: "overlayfs", key: operands[1]), call).mounts {
      let options = mount.options.isEmpty ? "" : " -o " + mount.options.joined(separator: ",")
      await call.io.print("mount -t \(mount.type) \(mount.source) \(operands[0])\(options)")
    }
    return 0
  }

  func snapshotUsage(_ call: Call) async throws -> Int32 {
    let keys = try parsed(call, switches: [["b"]], mixed: true).operands
    var table = ColumnTable(["KEY", "SIZE", "INODES"], minimum: 4, padding: 4, fillsLast: true)
    for key in keys.isEmpty ? try await allSnapshots(call).map(\.name) : keys {
      let usage = try await ask(Snapshots.Usage(snapshotter: "overlayfs", key: key), call)
      table.add([key, Ctr.size(usage.size), "\(usage.inodes)"])
    }
    await call.io.write(table.text)
    return 0
  }

  func removeSnapshots(_ call: Call) async throws -> Int32 {
    for key in try parsed(call, mixed: true).operands {
      _ = try await ask(Snapshots.Remove(snapshotter: "overlayfs", key: key), call)
    }
    return 0
  }

  // MARK: Content

  func content(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"]], mixed: true)
    let infos = try await ask(Content.List(filters: arguments.operands), call).infos
    if arguments.has("quiet") {
      for info in infos { await call.io.print(info.digest.description) }
      return 0
    }
    var table = ColumnTable(["DIGEST", "SIZE", "AGE", "LABELS"], minimum: 1, padding: 1, fillsLast: true)
    for info in infos {
      let age = world.unixTime > info.createdAt ? world.unixTime - info.createdAt : 0
      table.add([info.digest.description, Ctr.size(info.size), humanDuration(age), Ctr.labels(info.labels)])
    }
    await call.io.write(table.text)
    return 0
  }

  private func digest(_ text: String) throws -> Digest {
    guard let digest = Digest(text) else { throw ClientFailure("invalid checksum digest format") }
    return digest
  }

  func contentGet(_ call: Call) async throws -> Int32 {
    guard let text = try parsed(call, mixed: true).operands.first else {
      throw ClientFailure("invalid checksum digest format")
    }
    let digest = try digest(text)
    _ = try await ask(Content.Info(digest: digest), call)
    _ = await call.io.output(try await ask(Content.Read(digest: digest), call).data.bytes)
    return 0
  }

  func deleteContent(_ call: Call) async throws -> Int32 {
    for text in try parsed(call, mixed: true).operands {
      _ = try await ask(Content.Delete(digest: try digest(text)), call)
      await call.io.print(text)
    }
    return 0
  }

  // MARK: Namespaces and leases

  func namespaces(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"]], mixed: true)
    var table = ColumnTable(["NAME", "LABELS"], minimum: 1, padding: 1, fillsLast: true)
    for name in try await ask(Namespaces.List(), call).namespaces {
      if arguments.has("quiet") {
        await call.io.print(name)
        continue
      }
      let labels = (try? await ask(Namespaces.Get(name: name), call).labels) ?? [:]
      table.add([name, labels.isEmpty ? "" : Ctr.labels(labels)])
    }
    if !arguments.has("quiet") { await call.io.write(table.text) }
    return 0
  }

  func createNamespace(_ call: Call) async throws -> Int32 {
    let operands = try parsed(call, mixed: true).operands
    guard let name = operands.first else { throw ClientFailure("please specify a namespace: invalid argument") }
    var labels: [String: String] = [:]
    for label in operands.dropFirst() {
      let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      labels[parts[0]] = parts.count > 1 ? parts[1] : ""
    }
    _ = try await ask(Namespaces.Create(name: name, labels: labels), call)
    return 0
  }

  func removeNamespaces(_ call: Call) async throws -> Int32 {
    var status: Int32 = 0
    for name in try parsed(call, switches: [["cgroup", "c"]], mixed: true).operands {
      do {
        _ = try await ask(Namespaces.Delete(name: name), call)
        await call.io.print(name)
      } catch let error as EngineError {
        await call.io.complain("ctr: unable to delete \(name): \(error.message)")
        status = 1
      }
    }
    return status
  }

  func leases(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"]], mixed: true)
    var table = ColumnTable(["ID", "CREATED AT", "LABELS"], minimum: 1, padding: 1, fillsLast: true)
    for id in try await ask(Leases.List(), call).ids {
      if arguments.has("quiet") { await call.io.print(id) } else { table.add([id, "-", "-"]) }
    }
    if !arguments.has("quiet") { await call.io.write(table.text) }
    return 0
  }

  func createLease(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, valued: [["id"], ["expires", "x"]], mixed: true)
    let id = arguments.value("id") ?? "\(world.unixTime)-\(world.hexID(4))"
    await call.io.print(try await ask(Leases.Create(id: id), call).id)
    return 0
  }

  func deleteLeases(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["sync"]], mixed: true)
    for id in arguments.operands {
      _ = try await ask(Leases.Delete(id: id, sync: arguments.has("sync")), call)
      await call.io.print(id)
    }
    return 0
  }
}
