import Client
import Seams
import Synchronization

/// The simulated client's `config.json`: credentials for simulated registries, kept as long as the session.
final class SessionConfiguration: ClientConfigurationStore {
  private let kept = Mutex<[String: RegistryCredentials]>([:])

  func credentials(_ registry: String) -> RegistryCredentials? { kept.withLock { $0[registry] } }
  func store(_ credentials: RegistryCredentials, for registry: String) { kept.withLock { $0[registry] = credentials } }
  func erase(_ registry: String) -> Bool { kept.withLock { $0.removeValue(forKey: registry) != nil } }
  func preference(_ name: String) -> String? { nil }
  /// Forgets everything: the world begins anew.
  func clear() { kept.withLock { $0 = [:] } }
}
