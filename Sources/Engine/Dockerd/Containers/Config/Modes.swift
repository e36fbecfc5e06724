/// The parts after `container:` of a mode that shares a namespace with another container.
private func sharedContainer(_ mode: String) -> String? {
  mode.hasPrefix("container:") ? String(mode.dropFirst("container:".count)) : nil
}

/// Which network namespace a container has (`--network`).
struct NetworkMode: Sendable, Hashable {
  var raw: String
  init(_ raw: String) { self.raw = raw }

  var isDefault: Bool { raw == "default" }
  var isBridge: Bool { raw == "bridge" }
  var isHost: Bool { raw == "host" }
  var isNone: Bool { raw == "none" }
  var isContainer: Bool { raw.hasPrefix("container:") }
  /// The container whose namespace is shared.
  var container: String? { sharedContainer(raw) }
  /// A namespace of its own.
  var isPrivate: Bool { !isHost && !isContainer }
  var isUserDefined: Bool { !raw.isEmpty && !isDefault && !isBridge && !isHost && !isNone && !isContainer }
  /// The network that the mode names.
  var networkName: String { isContainer ? "container" : isDefault || raw.isEmpty ? "bridge" : raw }
}

/// Which IPC namespace a container has (`--ipc`).
struct IPCMode: Sendable, Hashable {
  var raw: String
  init(_ raw: String) { self.raw = raw }

  var isPrivate: Bool { raw == "private" }
  var isHost: Bool { raw == "host" }
  var isShareable: Bool { raw == "shareable" }
  var isNone: Bool { raw == "none" }
  var container: String? { sharedContainer(raw) }
  var isValid: Bool { raw.isEmpty || isNone || isPrivate || isHost || isShareable || container != nil }
}

/// Which PID namespace a container has (`--pid`).
struct PIDMode: Sendable, Hashable {
  var raw: String
  init(_ raw: String) { self.raw = raw }

  var isHost: Bool { raw == "host" }
  var container: String? { sharedContainer(raw) }
  var isPrivate: Bool { !isHost && container == nil }
  var isValid: Bool { raw.isEmpty || isHost || container.map { !$0.isEmpty } ?? false }
}

/// When a container is started again (`--restart`).
struct RestartPolicy: Sendable, Hashable {
  /// `no`, `always`, `on-failure`, `unless-stopped`; empty in an update that leaves it alone.
  var name = ""
  var maximumRetryCount = 0

  var isNone: Bool { name.isEmpty || name == "no" }
}
