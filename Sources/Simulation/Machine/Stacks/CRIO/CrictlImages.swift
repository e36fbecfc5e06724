import Engine
import JSONTree
import Seams

/// crictl's commands about images, and about CRI-O itself.
extension Crictl {
  func pull(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["creds"], ["auth"], ["annotation", "a"], ["pod-config"], ["pull-timeout"]])
    guard let name = arguments.operands.first else {
      throw ClientFailure("Image name cannot be empty")
    }
    var auth: JSON?
    if let credentials = arguments.value("creds") {
      let parts = credentials.split(separator: ":", maxSplits: 1).map(String.init)
      auth = ["username": .string(parts.first ?? ""), "password": .string(parts.count > 1 ? parts[1] : "")]
    }
    try await connect()
    await io.print("Image is up to date for \(try await pull(name, auth: auth))")
    return 0
  }

  /// Pulls an image; its reference.
  func pull(_ name: String, auth: JSON? = nil) async throws -> String {
    var request: JSONObject = ["image": ["image": .string(name)]]
    if let auth { request["auth"] = auth }
    return try await asking("pulling image") { try await images("PullImage", .object(request)) }["image_ref"]?.string
      ?? ""
  }

  func images(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(
      words, valued: [["output", "o"], ["filter", "f"]],
      switches: [["quiet", "q"], ["verbose", "v"], ["digests"], ["no-trunc"], ["pinned"]])
    try await connect()
    let answer = try await asking("listing images") {
      try await images("ListImages", ["filter": ["image": ["image": .string(arguments.operands.first ?? "")]]])
    }
    if try await showed(arguments, answer, io) { return 0 }
    let listed = answer["images"]?.array ?? []
    if arguments.has("quiet") {
      for image in listed { await io.print(image["id"]?.string ?? "") }
      return 0
    }
    var header = ["IMAGE", "TAG"]
    if arguments.has("digests") { header.append("DIGEST") }
    header += ["IMAGE ID", "SIZE"]
    if arguments.has("pinned") { header.append("PINNED") }
    var table = ColumnTable(header, minimum: 20)
    for image in listed {
      let digest = image["repo_digests"]?.strings?.first?.split(separator: "@").last.map(String.init) ?? "<none>"
      let id = image["id"]?.string ?? ""
      for pair in Crictl.pairs(image) {
        var row = [pair.name, pair.tag]
        if arguments.has("digests") { row.append(arguments.has("no-trunc") ? digest : Crictl.short(digest)) }
        row += [
          arguments.has("no-trunc") ? id : Crictl.short(id),
          humanSize(
            Int64(image["size"]?.int ?? 0), units: ["B", "kB", "MB", "GB", "TB"], base: 1000, digits: 3),
        ]
        if arguments.has("pinned") { row.append(image["pinned"]?.bool == true ? "true" : "false") }
        table.add(row)
      }
    }
    await io.write(table.text)
    return 0
  }

  /// Names and tags; `<none>` where there are none.
  private static func pairs(_ image: JSON) -> [(name: String, tag: String)] {
    let tags = image["repo_tags"]?.strings ?? []
    guard !tags.isEmpty else {
      let name = image["repo_digests"]?.strings?.first?.split(separator: "@").first.map(String.init)
      return [(name ?? "<none>", "<none>")]
    }
    return tags.map { tag in
      guard let colon = tag.lastIndex(of: ":") else { return (tag, "<none>") }
      return (String(tag[..<colon]), String(tag[tag.index(after: colon)...]))
    }
  }

  func inspectImage(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, valued: [["output", "o"], ["template"]], switches: [["quiet", "q"]])
    guard !arguments.operands.isEmpty else { throw ClientFailure("ID cannot be empty") }
    try await connect()
    for name in arguments.operands {
      let answer = try await images("ImageStatus", ["image": ["image": .string(name)], "verbose": true])
      guard let image = answer["image"], !image.isNull else { throw ClientFailure("no such image \"\(name)\" present") }
      await show(["status": image, "info": answer["info"] ?? [:]], io)
    }
    return 0
  }

  func removeImages(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let arguments = try parsed(words, switches: [["all", "a"], ["prune", "q"]])
    try await connect()
    var names = arguments.operands
    if arguments.has("all") || arguments.has("prune") {
      let listed = try await images("ListImages", ["filter": [:]])["images"]?.array ?? []
      var used: Set<String> = []
      if arguments.has("prune") {
        let containers = try await runtime("ListContainers", ["filter": [:]])["containers"]?.array ?? []
        used = Set(containers.compactMap { $0["image_ref"]?.string })
      }
      names = listed.compactMap { $0["id"]?.string }.filter { !used.contains($0) }
    }
    guard !names.isEmpty || arguments.has("all") || arguments.has("prune") else {
      throw ClientFailure("ID cannot be empty")
    }
    var status: Int32 = 0
    for name in names {
      let found = try await images("ImageStatus", ["image": ["image": .string(name)]])
      guard let image = found["image"], !image.isNull else {
        await io.complain("ERRO[0000] no such image \"\(name)\"")
        status = 1
        continue
      }
      _ = try await asking("error of removing image \"\(name)\"") {
        try await images("RemoveImage", ["image": ["image": .string(name)]])
      }
      let tags = image["repo_tags"]?.strings ?? []
      for tag in tags.isEmpty ? image["repo_digests"]?.strings ?? [] : tags { await io.print("Deleted: \(tag)") }
    }
    if status != 0 { await io.complain("FATA[0000] unable to remove the image(s)") }
    return status
  }

  func imageFsInfo(_ words: [String], _ io: StackIO) async throws -> Int32 {
    try await connect()
    await show(["status": try await images("ImageFsInfo", [:])], io)
    return 0
  }

  func version(_ words: [String], _ io: StackIO) async throws -> Int32 {
    let answer = try await runtime("Version", ["version": "v1"])
    await io.print("Version:  \(answer["version"]?.string ?? "")")
    await io.print("RuntimeName:  \(answer["runtime_name"]?.string ?? "")")
    await io.print("RuntimeVersion:  \(answer["runtime_version"]?.string ?? "")")
    await io.print("RuntimeApiVersion:  \(answer["runtime_api_version"]?.string ?? "")")
    return 0
  }

  func info(_ words: [String], _ io: StackIO) async throws -> Int32 {
    _ = try parsed(words, valued: [["output", "o"]], switches: [["quiet", "q"]])
    try await connect()
    await show(try await runtime("Status", ["verbose": true]), io)
    return 0
  }

  func timestamp(_ nanoseconds: UInt64) -> String { RFC3339Time.text(nanoseconds) }
}
