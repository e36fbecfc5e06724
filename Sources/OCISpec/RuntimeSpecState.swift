import JSONTree

extension RuntimeSpec {
  /// Where a container is in its life (runtime.md, "State"); `paused` is runc's addition.
  public enum Status: String, Sendable, Hashable, CaseIterable {
    case creating, created, running, paused, stopped
  }

  /// The state of a container: what hooks read from stdin, and with `rootfs` and `created` what `runc state` prints.
  public struct State: Sendable, Hashable, JSONWritable {
    public var ociVersion: String
    public var id: String
    public var status: Status
    /// The host's number of the container's process; 0 when there is none.
    public var pid: Int
    public var bundle: String
    public var annotations: [String: String]
    public init(
      ociVersion: String = RuntimeSpec.version, id: String, status: Status, pid: Int, bundle: String,
      annotations: [String: String] = [:]
    ) {
      (self.ociVersion, self.id, self.status, self.pid) = (ociVersion, id, status, pid)
      (self.bundle, self.annotations) = (bundle, annotations)
    }

    public var json: JSON {
      var object: JSONObject = [
        "ociVersion": .string(ociVersion), "id": .string(id), "status": .string(status.rawValue),
      ]
      if pid != 0 { object["pid"] = JSON(pid) }
      object["bundle"] = .string(bundle)
      if !annotations.isEmpty { object["annotations"] = JSON(annotations) }
      return .object(object)
    }
    public func write(to writer: inout JSONWriter) { writer.write(json) }
  }

  /// What the seccomp agent gets with the notify descriptor (config-linux.md, "The Container Process State").
  public struct ContainerProcessState: Sendable, Hashable, JSONWritable {
    public var pid: Int
    public var metadata: String
    public var state: State
    public init(pid: Int, metadata: String, state: State) {
      (self.pid, self.metadata, self.state) = (pid, metadata, state)
    }

    public var json: JSON {
      var object: JSONObject = ["ociVersion": .string(RuntimeSpec.version), "fds": ["seccompFd"], "pid": JSON(pid)]
      if !metadata.isEmpty { object["metadata"] = .string(metadata) }
      object["state"] = state.json
      return .object(object)
    }
    public func write(to writer: inout JSONWriter) { writer.write(json) }
  }
}
