import JSONTree
import OCISpec
import Seams
import Synchronization

/// `ctr images`.
extension Ctr {
  func pull(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(
      call,
      valued: [["user", "u"], ["platform"], ["snapshotter"], ["label"], ["max-concurrent-downloads"], ["hosts-dir"]],
      switches: [
        ["skip-verify", "k"], ["plain-http"], ["all-platforms"], ["local"], ["print-chainid"], ["no-unpack"],
      ],
      mixed: true)
    guard let reference = arguments.operands.first else {
      throw ClientFailure("please provide an image reference to pull")
    }
    try checkReference(reference)
    var credentials: RegistryCredentials?
    if let user = arguments.value("user") {
      let parts = user.split(separator: ":", maxSplits: 1).map(String.init)
      credentials = RegistryCredentials(username: parts.first ?? "", password: parts.count > 1 ? parts[1] : "")
    }
    var platform = Platform.host
    if let text = arguments.value("platform") {
      guard let parsed = Platform(text) else {
        throw ClientFailure("\"\(text)\": unknown operating system or architecture: invalid argument")
      }
      platform = parsed
    }
    let begin = world.now
    let progress = Mutex(TransferProgress())
    let transfer = Transfer.Transfer(
      source: .registry(reference: reference, auth: credentials),
      destination: .imageStore(
        name: reference, platform: arguments.has("no-unpack") ? nil : platform,
        allPlatforms: arguments.has("all-platforms")),
      progress: { step in progress.withLock { $0.add(step) } })
    _ = try await ask(Introspection.Server(), call)
    try await underLease(call) {
      for name in ["progress", "auth"] { try await openStream(name) }
      _ = try await ask(transfer, call)
    }
    let (lines, total) = progress.withLock { ($0.lines(reference), $0.total) }
    for line in lines { await call.io.print(line) }
    await call.io.print(
      "Completed pull from OCI Registry (\(reference))\telapsed: \(seconds(world.now - begin))\ttotal: "
        + "\(Ctr.size(total))\t(\(Ctr.size(rate(total, world.now - begin)))/s)")
    return 0
  }

  private func seconds(_ nanoseconds: UInt64) -> String {
    let tenths = (nanoseconds + 50_000_000) / 100_000_000
    return "\(tenths / 10).\(tenths % 10)s"
  }

  private func rate(_ bytes: Int64, _ nanoseconds: UInt64) -> Int64 {
    nanoseconds == 0 ? 0 : Int64(Double(bytes) / (Double(nanoseconds) / 1e9))
  }

  /// containerd knows no short names: a reference has a host.
  private func checkReference(_ reference: String) throws {
    guard let slash = reference.firstIndex(of: "/") else {
      throw ClientFailure(
        reference.contains(":") && !reference.contains("@")
          ? "failed to parse reference \"\(reference)\": parse \"dummy://\(reference)\": invalid port "
            + "\":\(reference.split(separator: ":").last ?? "")\" after host"
          : "failed to resolve image: object required")
    }
    let host = reference[..<slash]
    guard host.contains(".") || host.contains(":") || host == "localhost" else {
      throw ClientFailure(
        "failed to resolve image: failed to do request: Head \"https://\(host)/v2/"
          + "\(reference[reference.index(after: slash)...].prefix { $0 != ":" })/manifests/"
          + "\(reference.split(separator: ":").dropFirst().last ?? "latest")\": dial tcp: lookup \(host): no such host")
    }
    if (try? ImageReference(reference)) == nil {
      throw ClientFailure("failed to parse reference \"\(reference)\": invalid reference format")
    }
  }

  func push(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(
      call, valued: [["user", "u"], ["platform"], ["manifest"]],
      switches: [["skip-verify", "k"], ["plain-http"], ["local"], ["allow-non-distributable-blobs"]], mixed: true)
    guard let reference = arguments.operands.first else {
      throw ClientFailure("please provide a remote image reference to push")
    }
    let local = arguments.operands.count > 1 ? arguments.operands[1] : reference
    var credentials: RegistryCredentials?
    if let user = arguments.value("user") {
      let parts = user.split(separator: ":", maxSplits: 1).map(String.init)
      credentials = RegistryCredentials(username: parts.first ?? "", password: parts.count > 1 ? parts[1] : "")
    }
    _ = try await ask(Introspection.Server(), call)
    try await underLease(call) {
      for name in ["progress", "auth"] { try await openStream(name) }
      _ = try await ask(
        Transfer.Transfer(
          source: .imageStore(name: local, platform: nil, allPlatforms: false),
          destination: .registry(reference: reference, auth: credentials), progress: { _ in }), call)
    }
    await call.io.print("Completed push to OCI Registry (\(reference))")
    return 0
  }

  func images(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"]], mixed: true)
    let images = try await ask(Images.List(filters: arguments.operands), call).images
    if arguments.has("quiet") {
      for image in images { await call.io.print(image.name) }
      return 0
    }
    var table = ColumnTable(
      ["REF", "TYPE", "DIGEST", "SIZE", "PLATFORMS", "LABELS"], minimum: 1, padding: 1, fillsLast: true)
    for image in images {
      let (size, platforms) = try await facts(image.target, call)
      table.add([
        image.name, image.target.mediaType, image.target.digest.description, Ctr.size(size),
        platforms.isEmpty ? "-" : platforms.joined(separator: ","), Ctr.labels(image.labels),
      ])
    }
    await call.io.write(table.text)
    return 0
  }

  static func labels(_ labels: [String: String]) -> String {
    labels.isEmpty ? "-" : labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  }

  /// The size of what an image consists of for this host, and the platforms that its index has.
  private func facts(_ target: Descriptor, _ call: Call) async throws -> (size: Int64, platforms: [String]) {
    let bytes = try await ask(Content.Read(digest: target.digest), call).data.bytes
    var size = target.size
    var platforms: [String] = []
    var manifest = try JSON(parsing: bytes)
    if MediaType.isIndex(target.mediaType) {
      let index: ImageIndex = try manifest.decode()
      platforms = index.manifests.compactMap { $0.platform?.description }.filter { !$0.contains("unknown") }
      guard let child = index.manifests.first(where: { $0.platform.map(Platform.host.accepts) ?? false }),
        let document = try? await ask(Content.Read(digest: child.digest), call).data.bytes
      else { return (size, platforms) }
      size += child.size
      manifest = try JSON(parsing: document)
    }
    let parts: ImageManifest = try manifest.decode()
    size += parts.config.size + parts.layers.reduce(0) { $0 + $1.size }
    if platforms.isEmpty { platforms = [Platform.host.description] }
    return (size, platforms)
  }

  func removeImages(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["sync"]], mixed: true)
    var status: Int32 = 0
    for (index, name) in arguments.operands.enumerated() {
      do {
        _ = try await ask(
          Images.Delete(name: name, sync: arguments.has("sync") && index == arguments.operands.count - 1), call)
        await call.io.print(name)
      } catch let error as EngineError where error.code == .notFound {
        await call.io.complain("ctr: \(error.message)")
        status = 1
      }
    }
    return status
  }

  func tag(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["force"], ["local"]], mixed: true)
    guard arguments.operands.count >= 2 else {
      throw ClientFailure(
        arguments.operands.isEmpty
          ? "please provide an image reference to tag from"
          : "please provide an image reference to tag to")
    }
    var image = try await ask(Images.Get(name: arguments.operands[0]), call).image
    for name in arguments.operands.dropFirst() {
      image.name = name
      do { _ = try await ask(Images.Create(image: image), call) } catch let error as EngineError
        where error.code == .alreadyExists && arguments.has("force")
      {
        _ = try await ask(Images.Delete(name: name), call)
        _ = try await ask(Images.Create(image: image), call)
      }
      await call.io.print(name)
    }
    return 0
  }

  func labelImage(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["replace-all", "r"]], mixed: true)
    guard let name = arguments.operands.first else { throw ClientFailure("please specify an image") }
    var image = try await ask(Images.Get(name: name), call).image
    if arguments.has("replace-all") { image.labels = [:] }
    for label in arguments.operands.dropFirst() {
      let parts = label.split(separator: "=", maxSplits: 1).map(String.init)
      image.labels[parts[0]] = parts.count > 1 ? parts[1] : nil
    }
    let updated = try await ask(Images.Update(image: image), call).image
    await call.io.print(Ctr.labels(updated.labels))
    return 0
  }

  func check(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["quiet", "q"]], mixed: true)
    var table = ColumnTable(
      ["REF", "TYPE", "DIGEST", "STATUS", "SIZE", "UNPACKED"], minimum: 1, padding: 1, fillsLast: true)
    for image in try await ask(Images.List(filters: arguments.operands), call).images {
      let read = try? await ImageDocuments(wire, call.namespace).read(image.target)
      let layers = (read?.manifest.layers ?? []).count
      let chain = read.flatMap { chainID(of: $0.config.rootfs.diffIDs) }
      var unpacked = false
      if let chain {
        unpacked = (try? await ask(Snapshots.Stat(snapshotter: "overlayfs", key: chain.description), call)) != nil
      }
      let size = (read?.manifest.layers ?? []).reduce(0) { $0 + $1.size } + (read?.manifest.config.size ?? 0)
      if arguments.has("quiet") {
        if read != nil { await call.io.print(image.name) }
        continue
      }
      let status = read == nil ? "incomplete" : "complete (\(layers + 2)/\(layers + 2))"
      table.add([
        image.name, image.target.mediaType, image.target.digest.description, status,
        "\(Ctr.size(size))/\(Ctr.size(size))", unpacked ? "true" : "false",
      ])
    }
    if !arguments.has("quiet") { await call.io.write(table.text) }
    return 0
  }

  func inspectImage(_ call: Call) async throws -> Int32 {
    let arguments = try parsed(call, switches: [["content"]], mixed: true)
    guard let name = arguments.operands.first else { throw ClientFailure("image name must be provided") }
    let image = try await ask(Images.Get(name: name), call).image
    let read = try await ImageDocuments(wire, call.namespace).read(image.target)
    await call.io.print(image.name)
    await call.io.print("└──\(image.target.mediaType) @\(image.target.digest) (\(image.target.size) bytes)")
    await call.io.print(
      "   ├──\(read.manifest.config.mediaType) @\(read.manifest.config.digest) (\(read.manifest.config.size) bytes)")
    for (index, layer) in read.manifest.layers.enumerated() {
      let branch = index == read.manifest.layers.count - 1 ? "└──" : "├──"
      await call.io.print("   \(branch)\(layer.mediaType) @\(layer.digest) (\(layer.size) bytes)")
    }
    return 0
  }
}

/// What a transfer has told, as the tree that ctr shows at its end.
struct TransferProgress: Sendable {
  private var steps: [Digest: (descriptor: Descriptor, event: String)] = [:]
  private var order: [Digest] = []
  private(set) var total: Int64 = 0

  mutating func add(_ step: Transfer.Progress) {
    guard let descriptor = step.descriptor else { return }
    if steps[descriptor.digest] == nil { order.append(descriptor.digest) }
    if step.event == "complete" { total += descriptor.size }
    steps[descriptor.digest] = (descriptor, step.event)
  }

  func lines(_ reference: String) -> [String] {
    var lines = [pad(reference, 56) + " saved"]
    for (index, digest) in order.enumerated() {
      guard let step = steps[digest] else { continue }
      let type = step.descriptor.mediaType
      let kind =
        MediaType.isIndex(type)
        ? "index" : MediaType.isManifest(type) ? "manifest" : MediaType.isLayer(type) ? "layer" : "config"
      let hex = digest.description.split(separator: ":").last.map { String($0.prefix(12)) } ?? ""
      let branch = index == 0 ? "└──" : index == order.count - 1 ? "   └──" : "   ├──"
      lines.append(pad("\(branch)\(kind) (\(hex))", 56) + " complete       |++++++++++++++++++++++++++++++++++++++|")
    }
    return lines
  }

  private func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
