import JSONTree
import Seams

/// `inspect` of every noun: asks for each name, prints what was found, then says what failed.
struct Inspection: Sendable {
  let invocation: Invocation

  typealias Getter = @Sendable (_ name: String) async throws -> JSON

  /// Optional fields of the Engine API's types: in templates they are nil when the daemon leaves them out.
  static let optionalFields: Set<String> = [
    "Health", "Healthcheck", "ExposedPorts", "StopSignal", "StopTimeout", "Shell", "Mounts", "Tmpfs", "Init", "Sysctls",
    "StorageOpt", "Annotations", "SizeRw", "SizeRootFs", "ImageManifestDescriptor", "GraphDriver", "Runtime",
    "MaskedPaths", "ReadonlyPaths", "NetworkDisabled", "ArgsEscaped", "OnBuild", "IPAMConfig", "Options", "Labels",
    "Descriptor", "Manifests", "Platform", "UsageData", "Status", "Comment", "Author", "Container", "Parent", "Variant",
    "OsVersion", "DockerVersion", "LastTagTime", "VirtualSize", "Secondary", "Peers", "ClusterVolume", "CreatedAt",
    "NoneExistingConfig", "Volumes", "Entrypoint", "Cmd", "User", "WorkingDir", "Env",
  ]

  func run(_ get: Getter) async throws -> Int32 {
    let format = invocation.flags.string("format")
    var template: Template?
    if !format.isEmpty, format != "json" {
      do { template = try Template(format) } catch {
        throw CommandError("template parsing error: \(error)", status: 64)
      }
    }
    var found: [JSON] = []
    var failures: [String] = []
    var status: Int32 = 0
    for name in invocation.arguments {
      do {
        let value = try await get(name)
        if let template {
          try await invocation.line(try execute(template, value))
        } else {
          found.append(value)
        }
      } catch let error as TemplateError {
        failures.append("template parsing error: \(error)")
        try await invocation.line("")
        status = 1
        break
      } catch let error where error is DaemonError || error is CommandError {
        failures.append(error.words)
        status = 1
      }
    }
    if template == nil { try await invocation.line(Inspection.text(found, compact: format == "json")) }
    for failure in failures { try await invocation.err(failure + "\n") }
    return status
  }

  private func execute(_ template: Template, _ value: JSON) throws -> String {
    var options = Template.Options()
    options.missingKeyFails = true
    options.optional = Inspection.optionalFields
    options.scalarType = "interface {}"
    return try template.execute(.json(value), options)
  }

  static func text(_ values: [JSON], compact: Bool) -> String {
    compact ? GoJSON.text(.array(values), escapingHTML: false) : JSON.array(values).pretty()
  }
}

extension Session {
  func inspectContainer(_ name: String, size: Bool) async throws -> JSON {
    try await json(request("GET", "/containers/{id}/json", ["id": name], query: size ? [("size", "1")] : []))
  }
  func inspectImage(_ name: String, platform: String? = nil) async throws -> JSON {
    try await json(
      request("GET", "/images/{name}/json", ["name": name], query: platform.map { [("platform", $0)] } ?? []))
  }
  func inspectNetwork(_ name: String, verbose: Bool = false) async throws -> JSON {
    try await json(
      request("GET", "/networks/{id}", ["id": name], query: verbose ? [("verbose", "true")] : []))
  }
  func inspectVolume(_ name: String) async throws -> JSON {
    try await json(request("GET", "/volumes/{name}", ["name": name]))
  }
}

extension Command {
  static let inspect = Command(
    "inspect", usage: "[OPTIONS] NAME|ID [NAME|ID...]", short: "Return low-level information on Docker objects",
    rule: .atLeast(1),
    flags: [
      Flag("format", "f", .string(""), formatHelp, completes: .words(Words.formats)),
      Flag("size", "s", .bool(false), "Display total file sizes if the type is container"),
      Flag("type", .string(""), "Only inspect objects of the given type", completes: .words(Words.objectTypes)),
    ], completes: [.objects]
  ) { invocation in
    let (session, flags) = (invocation.session, invocation.flags)
    let type = flags.string("type")
    let size = flags.bool("size")
    guard type.isEmpty || Words.objectTypes.contains(type) else {
      throw CommandError(
        "unknown type: \(GoQuote.string(type)): must be one of "
          + Words.objectTypes.map(GoQuote.string).joined(separator: ", "))
    }
    let kinds: [(String, Inspection.Getter)] = [
      ("container", { try await session.inspectContainer($0, size: size) }),
      ("image", { try await session.inspectImage($0) }),
      ("network", { try await session.inspectNetwork($0) }),
      ("volume", { try await session.inspectVolume($0) }),
      ("plugin", { try await session.json(request("GET", "/plugins/{name}/json", ["name": $0])) }),
    ]
    return try await Inspection(invocation: invocation).run { name in
      if !type.isEmpty {
        guard let kind = kinds.first(where: { $0.0 == type }) else {
          throw CommandError(
            "Error response from daemon: This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm "
              + "join\" to connect this node to swarm and try again.")
        }
        return try await kind.1(name)
      }
      for (kind, get) in kinds {
        // Swarm's objects are asked for only where there is a swarm.
        if kind == "plugin" { _ = try await session.json(request("GET", "/info")) }
        do { return try await get(name) } catch let error as DaemonError where error.isNotFound { continue }
      }
      throw CommandError("Error: No such object: \(name)")
    }
  }

  static let containerInspect = Command(
    "inspect", usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    short: "Display detailed information on one or more containers", rule: .atLeast(1),
    flags: [
      Flag("format", "f", .string(""), formatHelp, completes: .words(Words.formats)),
      Flag("size", "s", .bool(false), "Display total file sizes"),
    ], completes: [.containers]
  ) { invocation in
    let size = invocation.flags.bool("size")
    return try await Inspection(invocation: invocation).run {
      try await invocation.session.inspectContainer($0, size: size)
    }
  }

  static let imageInspect = Command(
    "inspect", usage: "[OPTIONS] IMAGE [IMAGE...]", short: "Display detailed information on one or more images",
    rule: .atLeast(1),
    flags: [
      Flag("format", "f", .string(""), formatHelp, completes: .words(Words.formats)),
      Flag(
        "platform", .string(""),
        "Inspect a specific platform of the multi-platform image.\nIf the image or the server is not "
          + "multi-platform capable, the command will error out if the platform does not match.\n"
          + "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
        completes: .words(Words.platforms)),
    ], completes: [.images]
  ) { invocation in
    let platform = try PlatformFlag.json(invocation.flags.string("platform"))
    return try await Inspection(invocation: invocation).run {
      try await invocation.session.inspectImage($0, platform: platform)
    }
  }

  static let networkInspect = Command(
    "inspect", usage: "[OPTIONS] NETWORK [NETWORK...]", short: "Display detailed information on one or more networks",
    rule: .atLeast(1),
    flags: [
      Flag("format", "f", .string(""), formatHelp, completes: .words(Words.formats)),
      Flag("verbose", "v", .bool(false), "Verbose output for diagnostics"),
    ], completes: [.networks]
  ) { invocation in
    let verbose = invocation.flags.bool("verbose")
    return try await Inspection(invocation: invocation).run {
      try await invocation.session.inspectNetwork($0, verbose: verbose)
    }
  }

  static let volumeInspect = Command(
    "inspect", usage: "[OPTIONS] VOLUME [VOLUME...]", short: "Display detailed information on one or more volumes",
    rule: .atLeast(1),
    flags: [
      Flag("format", "f", .string(""), formatHelp, completes: .words(Words.formats))
    ], completes: [.volumes]
  ) { invocation in
    try await Inspection(invocation: invocation).run { name in
      // Decoded and written again by the genuine client: its members, sorted.
      let volume = try await invocation.session.inspectVolume(name)
      var known: [String: JSON] = [
        "Driver": "", "Labels": .null, "Mountpoint": "", "Name": "", "Options": .null, "Scope": "",
      ]
      for member in volume.object?.members ?? [] { known[member.key] = member.value }
      return .object(JSONObject(known.sorted { $0.key < $1.key }.map { .init($0.key, $0.value) }))
    }
  }
}
