import Engine
import Handoff
import JSONTree
import Seams
import Synchronization

/// CRI-O's services: pods, containers, images, as the CRI asks for them, on the cores as libraries.
final class CRIService: CRIAPI {
  struct Pod: Sendable {
    var id: String
    var config: JSON
    var createdAt: UInt64
    var isReady = true
    var usesHostNetwork = false
    var runtime: String

    var metadata: JSON { config[member: "metadata"] }
    var name: String { metadata["name"]?.string ?? "" }
    var hostname: String {
      let own = config["hostname"]?.string ?? ""
      return own.isEmpty ? name : own
    }
  }
  struct Member: Sendable {
    var id: String
    var pod: String
    var config: JSON
    var createdAt: UInt64
    var attempt: Int
    /// It has been created at the runtime, and not started yet.
    var isCreated = false
  }
  struct State {
    /// In the order of creation.
    var pods: [Pod] = []
    var members: [Member] = []
    /// What an `Exec` or `Attach` that nobody has opened yet will do.
    var streams: [String: @Sendable () async throws -> CRIStream] = [:]
  }
  let engine: LibraryEngine
  let pins: PinnedNamespaces
  let conmon: Conmon
  let parts: SimParts
  let pinning: Tap
  let state = Mutex(State())
  static let version = "1.34.0"

  init(_ parts: SimParts, engine: LibraryEngine, pins: PinnedNamespaces, conmon: Conmon) {
    (self.parts, self.engine, self.pins, self.conmon) = (parts, engine, pins, conmon)
    pinning = parts.tap(.crio, .pinns, .exec)
  }

  func call(_ method: String, _ request: JSON) async throws -> JSON {
    switch method {
    case "RuntimeService/Version":
      return [
        "version": "0.1.0", "runtime_name": "cri-o", "runtime_version": .string(CRIService.version),
        "runtime_api_version": "v1",
      ]
    case "RuntimeService/Status": return status(request)
    case "RuntimeService/RunPodSandbox": return try await runPod(request)
    case "RuntimeService/StopPodSandbox": return try await stopPod(request)
    case "RuntimeService/RemovePodSandbox": return try await removePod(request)
    case "RuntimeService/PodSandboxStatus": return try await podStatus(request)
    case "RuntimeService/ListPodSandbox": return listPods(request)
    case "RuntimeService/CreateContainer": return try await createContainer(request)
    case "RuntimeService/StartContainer": return try await startContainer(request)
    case "RuntimeService/StopContainer": return try await stopContainer(request)
    case "RuntimeService/RemoveContainer": return try await removeContainer(request)
    case "RuntimeService/ListContainers": return try await listContainers(request)
    case "RuntimeService/ContainerStatus": return try await containerStatus(request)
    case "RuntimeService/UpdateContainerResources": return try await updateContainer(request)
    case "RuntimeService/ExecSync": return try await execSync(request)
    case "RuntimeService/Exec": return try await exec(request)
    case "RuntimeService/Attach": return try await attach(request)
    case "RuntimeService/ListContainerStats": return try await containerStats(request)
    case "RuntimeService/ContainerStats": return try await containerStats(request)
    case "RuntimeService/GetContainerEvents": return [:]
    case "ImageService/ListImages": return try await listImages(request)
    case "ImageService/ImageStatus": return try await imageStatus(request)
    case "ImageService/PullImage": return try await pullImage(request)
    case "ImageService/RemoveImage": return try await removeImage(request)
    case "ImageService/ImageFsInfo": return imageFsInfo()
    default:
      throw EngineError(.notImplemented, "unknown method \(method.split(separator: "/").last ?? "")")
    }
  }

  func open(_ path: String) async throws -> CRIStream {
    guard let token = path.split(separator: "/").last.map(String.init),
      let source = state.withLock({ $0.streams.removeValue(forKey: token) })
    else { throw EngineError(.notFound, "404 page not found") }
    return try await source()
  }

  private func status(_ request: JSON) -> JSON {
    var answer: JSONObject = [
      "status": [
        "conditions": [
          ["type": "RuntimeReady", "status": true, "reason": "", "message": ""],
          ["type": "NetworkReady", "status": true, "reason": "", "message": ""],
        ]
      ]
    ]
    if request["verbose"]?.bool == true {
      answer["info"] = ["config": ["sandboxImage": "registry.k8s.io/pause:3.10"]]
    }
    return .object(answer)
  }

  // MARK: Finding

  /// A pod by its id, or the beginning of it.
  func pod(_ id: String) throws -> Pod {
    let found = state.withLock { state in
      state.pods.filter { $0.id == id || (!id.isEmpty && $0.id.hasPrefix(id)) }
    }
    guard let pod = found.first else {
      throw EngineError(
        .notFound, "could not find pod \"\(id)\": PodSandbox with ID starting with \(id) not found: ID does not exist")
    }
    guard found.count == 1 || pod.id == id else {
      throw EngineError(
        .invalidArgument, "could not find pod \"\(id)\": multiple IDs found with provided prefix: \(id)")
    }
    return pod
  }

  /// A container by its id, or the beginning of it.
  func member(_ id: String) throws -> Member {
    let found = state.withLock { state in
      state.members.filter { $0.id == id || (!id.isEmpty && $0.id.hasPrefix(id)) }
    }
    guard let member = found.first else {
      throw EngineError(
        .notFound,
        "could not find container \"\(id)\": container with ID starting with \(id) not found: ID does not exist")
    }
    guard found.count == 1 || member.id == id else {
      throw EngineError(
        .invalidArgument, "could not find container \"\(id)\": multiple IDs found with provided prefix: \(id)")
    }
    return member
  }

  func change(member id: String, _ body: (inout Member) -> Void) {
    state.withLock { state in
      if let index = state.members.firstIndex(where: { $0.id == id }) { body(&state.members[index]) }
    }
  }

  /// The pod of a container; nil when it is none of ours.
  func podID(of container: String) -> String? { state.withLock { $0.members.first { $0.id == container }?.pod } }
  func members(of pod: String) -> [Member] { state.withLock { $0.members.filter { $0.pod == pod } } }
}
