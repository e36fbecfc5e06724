import JSONTree
import Seams

/// What a container's start and end mean for its networks.
extension ContainerService {
  var networkFiles: NetworkFiles { NetworkFiles(files: daemon.files, configuration: configuration) }

  /// Hostname and network files, before the container is made (moby's initializeNetworking).
  func prepareNetwork(_ container: Container) throws {
    let details = container.details
    guard !details.config.networkDisabled else { return }
    if let name = details.hostConfig.networkMode.container {
      // It sees the files of the one whose namespace it shares, and is called as that one is.
      let donor = try networkDonor(name, for: container.id).details
      container.update { details in
        details.networkFilesOf = donor.networkFilesOf ?? donor.id
        details.config.hostname = donor.config.hostname
        details.config.domainname = donor.config.domainname
      }
      return
    }
    try networkFiles.write(details, folder: folder(container.id), links: try linkedHosts(details))
  }

  /// `/etc/hosts` lines of legacy links.
  private func linkedHosts(_ details: ContainerDetails) throws -> [(names: [String], address: String)] {
    var hosts: [(names: [String], address: String)] = []
    for (alias, id) in details.links.sorted(by: { $0.key < $1.key }) {
      guard let child = registry[id] else { continue }
      guard child.state.isRunning else {
        throw EngineError(
          .unknown, "Cannot link to a non running container: /\(child.name) AS /\(details.name)/\(alias)")
      }
      let address = child.withRunning { $0.address }
      guard !address.isEmpty else { continue }
      let (name, hostname) = child.read { ($0.name, $0.config.hostname) }
      hosts.append(([alias, hostname] + (alias == name ? [] : [name]), address))
    }
    return hosts
  }

  /// The container as its networks see it.
  func sandbox(_ details: ContainerDetails, pid: Int) -> NetworkSandbox {
    NetworkSandbox(
      containerID: details.id, name: details.name, hostname: details.config.hostname,
      domainname: details.config.domainname, pid: pid, mode: details.hostConfig.networkMode.raw,
      endpoints: details.endpoints.members.map { ($0.key, $0.value) },
      portBindings: .object(details.hostConfig.portBindings),
      exposedPorts: exposedPorts(details), publishAll: details.hostConfig.publishAllPorts)
  }

  /// Ports of the image and `--expose`, and those that are published.
  private func exposedPorts(_ details: ContainerDetails) -> [String] {
    let published = details.hostConfig.portBindings.keys
    guard !published.isEmpty else { return details.config.exposedPorts }
    return Set(details.config.exposedPorts).union(published).sorted()
  }

  /// Puts the new container on its networks; its process waits meanwhile.
  func connectNetwork(_ container: Container, pid: Int) async throws {
    let details = container.details
    guard !details.config.networkDisabled, !details.hostConfig.networkMode.isContainer else { return }
    let state = try await daemon.networks.connect(sandbox(details, pid: pid))
    container.withRunning { $0.isConnected = true }
    takeAddresses(of: container, details, state)
  }

  /// What its networks gave it: kept for links, and written into `/etc/hosts`.
  func takeAddresses(of container: Container, _ details: ContainerDetails, _ state: SandboxState) {
    let addresses = state.networks.members.compactMap { $0.value["IPAddress"]?.string }.filter { !$0.isEmpty }
    let old = container.withRunning { running in
      defer { (running.address, running.addresses) = (state.primaryAddress, addresses) }
      return running.addresses
    }
    if old != addresses {
      networkFiles.updateOwnAddresses(from: old, to: addresses, details, folder: folder(container.id))
    }
  }

  func releaseNetwork(_ container: Container) async {
    let (wasConnected, hadNamespace) = container.withRunning { running in
      defer { (running.isConnected, running.address, running.addresses) = (false, "", []) }
      defer { running.hasNamespace = false }
      return (running.isConnected, running.hasNamespace)
    }
    if wasConnected { await daemon.networks.release(container.id) }
    if hadNamespace { await daemon.namespaces?.remove(for: container.id) }
  }
}
