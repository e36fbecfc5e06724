import Engine
import JSONTree
import OCISpec
import Seams

/// The image service. CRI-O pulls by containers/image, a library: it asks the registry itself, and names an image by the
/// digest of its config. Source: server/image_pull.go.
extension CRIService {
  func pullImage(_ request: JSON) async throws -> JSON {
    let name = request["image"]?["image"]?.string ?? ""
    let reference: ImageReference
    do { reference = try ImageReference(name) } catch {
      throw EngineError(.unknown, "\(name): invalid reference format")
    }
    var query = [NameValue("fromImage", name)]
    if reference.tag == nil, reference.digest == nil { query.append(NameValue("tag", "latest")) }
    var pull = PullRelay.current?.request ?? APIRequest("POST", "/images/create", query: query)
    if let auth = request["auth"], !auth.isNull {
      pull.registryAuth = [
        "username": auth["username"] ?? "", "password": auth["password"] ?? "",
        "serveraddress": auth["server_address"] ?? "",
      ]
    }
    let response = try await engine.ask(pull)
    if case .stream(let stream) = response.body {
      let relay = PullRelay.current
      relay?.open(response.headers)
      var said: [UInt8] = []
      while let bytes = await stream.read() {
        said += bytes
        relay?.channel.push(bytes)
      }
      // The last message tells whether it went well.
      for line in String(decoding: said, as: UTF8.self).split(whereSeparator: \.isNewline) {
        if let message = (try? JSON(parsing: String(line)))?["error"]?.string { throw EngineError(.unknown, message) }
      }
    }
    let image = try await engine.daemon.images.image(name)
    return ["image_ref": .string(CRIService.repoDigest(image, reference))]
  }

  private static func repoDigest(_ image: LocalImage, _ reference: ImageReference) -> String {
    "\(reference.domain)/\(reference.path)@\(image.id)"
  }

  private func hex(_ digest: Digest) -> String {
    digest.description.split(separator: ":").last.map(String.init) ?? digest.description
  }

  func listImages(_ request: JSON) async throws -> JSON {
    let filter = request["filter"]?["image"]?["image"]?.string ?? ""
    let listed = try await engine.ask(APIRequest("GET", "/images/json")).json.array ?? []
    var images: [JSON] = []
    for item in listed {
      guard let image = try await description(item) else { continue }
      let tags = image["repo_tags"]?.strings ?? []
      guard filter.isEmpty || tags.contains(where: { $0.contains(filter) }) else { continue }
      images.append(image)
    }
    return ["images": .array(images)]
  }

  /// An `Image` of an entry of the Engine API's list.
  private func description(_ item: JSON) async throws -> JSON? {
    guard let id = item["Id"]?.string, let image = try? await engine.daemon.images.image(id) else { return nil }
    func whole(_ name: String) -> String { (try? ImageReference(name)).map(\.description) ?? name }
    let tags = (item["RepoTags"]?.strings ?? []).map(whole)
    let digests = (item["RepoDigests"]?.strings ?? []).map(whole)
    return [
      "id": .string(hex(image.configDescriptor.digest)), "repo_tags": JSON(tags), "repo_digests": JSON(digests),
      "size": item["Size"] ?? 0, "uid": .null, "username": .string(image.config.config?.user ?? ""), "pinned": false,
    ]
  }

  /// An image by name, id or the beginning of an id; nil when there is none.
  private func find(_ name: String) async throws -> JSON? {
    let listed = try await listImages([:])["images"]?.array ?? []
    let whole = (try? ImageReference(name).tagged)?.description
    return listed.first { image in
      let id = image["id"]?.string ?? ""
      if id == name || (name.utf8.count >= 3 && id.hasPrefix(name)) || "sha256:" + id == name { return true }
      let names = (image["repo_tags"]?.strings ?? []) + (image["repo_digests"]?.strings ?? [])
      return names.contains { $0 == whole || $0 == name }
    }
  }

  func imageStatus(_ request: JSON) async throws -> JSON {
    let name = request["image"]?["image"]?.string ?? ""
    guard let image = try await find(name) else { return ["image": .null] }
    var answer: JSONObject = ["image": image]
    if request["verbose"]?.bool == true, let tag = image["repo_tags"]?.strings?.first ?? image["id"]?.string,
      let local = try? await engine.daemon.images.image(tag)
    {
      answer["info"] = ["imageSpec": (try? JSON(encoding: local.config)) ?? .null]
    }
    return .object(answer)
  }

  func removeImage(_ request: JSON) async throws -> JSON {
    let name = request["image"]?["image"]?.string ?? ""
    if let removal = ImageRemoval.current {
      removal.answered(try await engine.ask(removal.request))
      return [:]
    }
    guard let image = try await find(name) else { return [:] }
    for tag in image["repo_tags"]?.strings ?? [] {
      _ = try await engine.ask(
        APIRequest("DELETE", "/images/{name}", ["name": tag], query: [NameValue("force", "1")]))
    }
    return [:]
  }

  func imageFsInfo() -> JSON {
    let root = CRIOStack.storage
    let usage: JSON = [
      "timestamp": JSON(parts.world.unixTime), "fs_id": ["mountpoint": .string(root + "/overlay-images")],
      "used_bytes": ["value": .int(SimHostFiles(parts.kernel).usage(root))], "inodes_used": ["value": 0],
    ]
    return ["image_filesystems": [usage], "container_filesystems": [usage]]
  }
}
