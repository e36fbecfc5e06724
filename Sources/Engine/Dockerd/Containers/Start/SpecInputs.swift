import JSONTree
import Runtime
import Seams

/// What the spec of a container needs to know of its host and of other containers.
extension ContainerService {
  /// The spec as it is handed to containerd.
  func makeSpec(_ container: Container, root: String) throws -> JSON {
    let details = container.details
    var spec = ContainerSpec(details: details, configuration: configuration, root: root)
    spec.user = try UserLookup(root: root, files: daemon.files).find(
      details.config.user, adding: details.hostConfig.groupAdd ?? [])
    spec.joined = try joinedNamespaces(details)
    spec.mounts = try specMounts(container, details)
    spec.devices = try deviceRules(details.hostConfig)
    for path in details.hostConfig.resources.limitedDevices { spec.blockDevices[path] = try blockDevice(path) }
    return try spec.json()
  }

  /// The processes whose namespaces the container joins.
  private func joinedNamespaces(_ details: ContainerDetails) throws -> [String: Int] {
    var joined: [String: Int] = [:]
    if let name = details.hostConfig.networkMode.container {
      joined["network"] = try networkDonor(name, for: details.id).state.pid
    }
    if let name = details.hostConfig.ipcMode.container {
      do { joined["ipc"] = try ipcDonor(name).state.pid } catch let error as EngineError {
        throw EngineError(error.code, "failed to join IPC namespace: \(error.message)")
      }
    }
    if let name = details.hostConfig.pidMode.container {
      do { joined["pid"] = try runningDonor(name).state.pid } catch let error as EngineError {
        throw EngineError(error.code, "failed to join PID namespace: \(error.message)")
      }
    }
    return joined
  }

  /// The container whose network namespace is shared.
  func networkDonor(_ name: String, for id: String) throws -> Container {
    let donor: Container
    do { donor = try registry.find(name) } catch {
      throw EngineError(.unknown, "joining network namespace of container: \(error.message)")
    }
    if donor.id == id { throw EngineError(.unknown, "cannot join own network namespace") }
    let (state, donorName) = (donor.state, donor.name)
    guard state.isRunning else {
      throw EngineError(
        .conflict,
        "cannot join network namespace of a non running container: container \(donorName) is \(state.status.rawValue)")
    }
    if state.isRestarting {
      throw EngineError(
        .unknown,
        "cannot join network namespace of container: \(ContainerState.restarting(name).message)")
    }
    return donor
  }

  private func runningDonor(_ name: String) throws -> Container {
    let donor: Container
    do { donor = try registry.find(name) } catch { throw EngineError(.invalidArgument, error.message) }
    let state = donor.state
    if let refusal = state.refusalWhenNotRunning(name) { throw refusal }
    if state.isRestarting { throw ContainerState.restarting(name) }
    return donor
  }

  private func ipcDonor(_ name: String) throws -> Container {
    let donor = try runningDonor(name)
    guard !donor.withRunning({ $0.shmPath }).isEmpty else {
      throw EngineError(
        .invalidArgument, "container \(name): non-shareable IPC (hint: use IpcMode:shareable for the donor container)")
    }
    return donor
  }

  /// `/dev/shm` of a shareable container, mounted on the host so that others can have it too.
  func setUpSharedMemory(_ container: Container) throws {
    let host = container.read { $0.hostConfig }
    var path = ""
    if let name = host.ipcMode.container {
      do { path = try ipcDonor(name).withRunning { $0.shmPath } } catch let error as EngineError {
        throw EngineError(error.code, "failed to join IPC namespace: \(error.message)")
      }
    } else if host.ipcMode.isHost {
      guard daemon.files.stat("/dev/shm") != nil else {
        throw EngineError(.unknown, "/dev/shm is not mounted, but must be for --ipc=host")
      }
      path = "/dev/shm"
    } else if host.ipcMode.isShareable, !container.read({ $0.mounts.contains { $0.destination == "/dev/shm" } }) {
      path = "\(folder(container.id))/mounts/shm"
      do throws(Errno) {
        try daemon.files.makeDirectory(path, mode: 0o700)
        try daemon.files.mount(
          source: "shm", target: path, type: "tmpfs",
          options: ["noexec", "nosuid", "nodev", "mode=1777", "size=\(host.shmSize)"])
      } catch {
        throw EngineError(.unknown, "mounting shm tmpfs: \(error.message)")
      }
    }
    container.withRunning { $0.shmPath = path }
  }

  // MARK: Mounts

  private func specMounts(_ container: Container, _ details: ContainerDetails) throws -> [SpecMount] {
    let host = details.hostConfig
    var mounts: [SpecMount] = []
    let shm = container.withRunning { $0.shmPath }
    if !shm.isEmpty, !host.ipcMode.isPrivate, !host.ipcMode.isNone,
      !details.mounts.contains(where: { $0.destination == "/dev/shm" })
    {
      mounts.append(SpecMount(source: shm, destination: "/dev/shm", propagation: MountParser.defaultPropagation))
    }
    for destination in host.tmpfs.keys.sorted() {
      mounts.append(
        SpecMount(source: "tmpfs", destination: DockerPath.clean(destination), data: host.tmpfs[destination] ?? ""))
    }
    for mount in details.mounts where mount.type == "tmpfs" {
      mounts.append(
        SpecMount(
          source: "tmpfs", destination: mount.destination, isWritable: mount.isWritable,
          data: MountParser.options(of: mount.spec.tmpfs, readOnly: mount.spec.readOnly)))
    }
    let tmpfs = Set(mounts.filter { $0.source == "tmpfs" }.map(\.destination))
    var own: [SpecMount] = []
    var network: [String: SpecMount] = [:]
    for mount in details.mounts where mount.type != "tmpfs" && !tmpfs.contains(mount.destination) {
      let spec = try specMount(mount, container.id)
      if NetworkFiles.paths[mount.destination] != nil { network[mount.destination] = spec } else { own.append(spec) }
    }
    mounts += SpecMount.sorted(own)
    if !details.config.networkDisabled {
      let folder = folder(details.networkFilesOf ?? details.id)
      for (destination, file) in [
        ("/etc/resolv.conf", "resolv.conf"), ("/etc/hostname", "hostname"), ("/etc/hosts", "hosts"),
      ] {
        mounts.append(
          network[destination]
            ?? SpecMount(
              source: "\(folder)/\(file)", destination: destination, isWritable: !host.readonlyRootfs,
              propagation: MountParser.defaultPropagation))
      }
    } else {
      mounts += network.values.sorted { $0.destination < $1.destination }
    }
    return mounts
  }

  private func specMount(_ mount: MountPoint, _ container: String) throws -> SpecMount {
    var source = mount.source
    let subpath = mount.spec.volume?.subpath ?? mount.spec.imageSubpath ?? ""
    if mount.type == "volume" || mount.type == "image", !subpath.isEmpty {
      source = try daemon.files.resolve("/" + subpath, root: source)
      guard daemon.files.stat(source) != nil else {
        throw EngineError(.notFound, "cannot access path \(source): no such file or directory")
      }
    }
    if mount.type == "bind", !mount.skipsCreation, daemon.files.stat(source) == nil {
      do throws(Errno) { try daemon.files.makeDirectory(source, mode: 0o755) } catch {
        throw EngineError(
          .unknown, "error while creating mount source path '\(source)': mkdir \(source): \(error.message)")
      }
    }
    if mount.type == "volume" {
      daemon.events.publish(
        type: "volume", action: "mount", id: mount.name,
        attributes: [
          "driver": mount.driver, "container": container, "destination": mount.destination,
          "read/write": mount.isWritable ? "true" : "false", "propagation": mount.propagation,
        ])
    }
    let bind = mount.spec.bind
    if !mount.spec.readOnly, bind?.readOnlyNonRecursive ?? false {
      throw EngineError(.unknown, "mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive")
    }
    if !mount.spec.readOnly, bind?.readOnlyForceRecursive ?? false {
      throw EngineError(.unknown, "mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive")
    }
    return SpecMount(
      source: source, destination: mount.destination, isWritable: mount.isWritable, propagation: mount.propagation,
      nonRecursive: bind?.nonRecursive ?? false, readOnlyNonRecursive: bind?.readOnlyNonRecursive ?? false,
      readOnlyForceRecursive: bind?.readOnlyForceRecursive ?? false)
  }

  // MARK: Devices

  private func deviceRules(_ host: HostConfig) throws -> DeviceRules {
    var rules = DeviceRules()
    if host.privileged {
      rules.allowsAll = true
      rules.nodes = hostDevices("/dev").map { Self.node($0.path, $0.info) }
    }
    for mapping in host.resources.devices {
      if host.privileged, mapping.pathOnHost == mapping.pathInContainer { continue }
      for (path, info) in try devices(at: mapping) {
        guard let device = info.device else { continue }
        rules.nodes.append(Self.node(path, info))
        rules.rules.append(
          DeviceRules.rule(
            allow: true, device.type, device.major, device.minor,
            mapping.cgroupPermissions.isEmpty ? "rwm" : mapping.cgroupPermissions))
      }
    }
    if !host.privileged {
      for rule in host.resources.deviceCgroupRules ?? [] { rules.rules.append(try Self.parse(rule: rule)) }
    }
    if let request = host.resources.deviceRequests.first {
      let capabilities = (request["Capabilities"]?.array ?? []).map { "[\(($0.strings ?? []).joined(separator: " "))]" }
      throw EngineError(
        .invalidArgument,
        "could not select device driver \"\(request["Driver"]?.string ?? "")\" with capabilities: "
          + "[\(capabilities.joined(separator: " "))]")
    }
    return rules
  }

  /// One device, or those of a folder.
  private func devices(at mapping: DeviceMapping) throws -> [(path: String, info: HostFileInfo)] {
    guard let info = daemon.files.stat(mapping.pathOnHost) else {
      throw EngineError(
        .unknown,
        "error gathering device information while adding custom device \"\(mapping.pathOnHost)\": no such file or "
          + "directory")
    }
    if info.device != nil { return [(mapping.pathInContainer, info)] }
    let inside = info.kind == .directory ? hostDevices(mapping.pathOnHost) : []
    guard !inside.isEmpty else {
      throw EngineError(
        .unknown,
        "error gathering device information while adding custom device \"\(mapping.pathOnHost)\": not a device node")
    }
    return inside.map { (mapping.pathInContainer + $0.path.dropFirst(mapping.pathOnHost.count), $0.info) }
  }

  /// The device nodes below a folder, except those that every container has of its own.
  private func hostDevices(_ folder: String) -> [(path: String, info: HostFileInfo)] {
    var found: [(path: String, info: HostFileInfo)] = []
    var pending = [folder]
    while let folder = pending.popLast(), found.count < 10_000 {
      for name in ((try? daemon.files.list(folder)) ?? []).sorted() {
        let path = "\(folder)/\(name)"
        guard let info = daemon.files.lstat(path) else { continue }
        switch info.kind {
        case .directory where !["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"].contains(name):
          pending.append(path)
        case .other where info.device != nil && path != "/dev/console": found.append((path, info))
        default: break
        }
      }
    }
    return found
  }

  private static func node(_ path: String, _ info: HostFileInfo) -> JSON {
    [
      "path": .string(path), "type": .string(info.device?.type ?? "c"), "major": .int(info.device?.major ?? 0),
      "minor": .int(info.device?.minor ?? 0), "fileMode": JSON(info.mode), "uid": JSON(info.uid), "gid": JSON(info.gid),
    ]
  }

  /// `c 42:* rmw`.
  private static func parse(rule: String) throws -> JSON {
    let invalid = EngineError(.unknown, "invalid device cgroup rule format: '\(rule)'")
    let words = rule.split(separator: " ").map(String.init)
    guard words.count == 3, ["a", "b", "c"].contains(words[0]), words[2].allSatisfy({ "rwm".contains($0) }),
      words[2].count <= 3
    else { throw invalid }
    let numbers = words[1].split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard numbers.count == 2 else { throw invalid }
    func number(_ text: String) throws -> Int64 {
      if text == "*" { return -1 }
      guard let value = Int64(text), value >= 0 else { throw invalid }
      return value
    }
    return DeviceRules.rule(allow: true, words[0], try number(numbers[0]), try number(numbers[1]), words[2])
  }

  private func blockDevice(_ path: String) throws -> HostDevice {
    guard let info = daemon.files.stat(path) else {
      throw EngineError(.unknown, "stat \(path): no such file or directory")
    }
    guard let device = info.device else { throw EngineError(.unknown, "stat \(path): not a device node") }
    return device
  }
}
