import Engine
import LinuxHost
import OCISpec
import Registry
import RegistryHarness
import Seams

extension GenuineRegistry {
  /// Puts an image there.
  func push(
    _ target: Descriptor, of images: TestImages, as name: String, credentials: RegistryCredentials? = nil
  ) async throws {
    let api = HTTPDistribution()
    let result: Result<Void, any Error>
    do {
      let client = RegistryClient(world: SystemWorld(), api: api)
      let repository = client.repository(try ImageReference("\(host)/\(name)"), credentials: credentials)
      result = .success(_ = try await repository.push(target, from: images))
    } catch { result = .failure(error) }
    await api.shutdown()
    try result.get()
  }
}
