import Client
import Glibc
import JSONTree
import Seams
import Threads

/// `~/.docker/config.json` as the docker client has it: credentials in the file, in the store that it names
/// (`credsStore`), or in the helper of a registry (`credHelpers`); preferences beside them.
///
/// Every question reads the file anew: another client may have changed it. Blocking work (files, helpers) happens on a
/// thread of its own.
public final class UserConfiguration: ClientConfigurationStore {
  /// The file's path.
  public let path: String
  /// Where helpers are looked for: PATH.
  private let searchPath: String

  /// `DOCKER_CONFIG` names the folder, else it is `.docker` in `HOME`.
  public init(environment: [String: String]) {
    let folder =
      environment["DOCKER_CONFIG"].flatMap { $0.isEmpty ? nil : $0 } ?? (environment["HOME"] ?? "") + "/.docker"
    path = folder + "/config.json"
    searchPath = environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
  }

  // MARK: ClientConfigurationStore

  public func credentials(_ registry: String) async -> RegistryCredentials? {
    try? await DetachedThread.run {
      let file = try ConfigurationFile(self.path)
      if let helper = self.helper(of: registry, file) { return try helper.get(registry) }
      return file.credentials(registry)
    }
  }

  public func store(_ credentials: RegistryCredentials, for registry: String) async throws {
    try await DetachedThread.run {
      var file = try ConfigurationFile(self.path)
      if let helper = self.helper(of: registry, file) {
        try helper.store(credentials, for: registry)
        // Docker's sign that the registry is known, without a secret.
        file.auths[registry] = [:]
      } else {
        file.set(credentials, for: registry)
      }
      try file.save()
    }
  }

  public func erase(_ registry: String) async throws -> Bool {
    try await DetachedThread.run {
      var file = try ConfigurationFile(self.path)
      var wasThere = false
      if let helper = self.helper(of: registry, file) {
        wasThere = try helper.get(registry) != nil
        if wasThere { try helper.erase(registry) }
      }
      if file.remove(registry) {
        wasThere = true
        try file.save()
      }
      return wasThere
    }
  }

  public func preference(_ name: String) -> String? { (try? ConfigurationFile(path))?.root[name]?.string }

  public var plainTextLocation: String? {
    guard let file = try? ConfigurationFile(path) else { return path }
    return file.credentialStore.isEmpty ? path : nil
  }

  // MARK: Helpers

  private func helper(of registry: String, _ file: ConfigurationFile) -> CredentialHelper? {
    let name = file.helper(of: registry) ?? file.credentialStore
    return name.isEmpty ? nil : CredentialHelper(name, searchPath: searchPath)
  }
}
