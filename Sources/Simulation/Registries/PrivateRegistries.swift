import JSONTree
import Seams

/// A part of the registry world: one registry with all its hosts.
protocol RegistryHost: Sendable {
  func answer(_ request: RegistryRequest) async -> RegistryResponse
}

/// The distribution project's `registry:2` as people run it themselves: open, or behind a password file.
final class PrivateRegistry: RegistryHost {
  let store: RegistryStore
  private let service: DistributionService
  private let accounts: [RegistryAccounts.Account]?

  /// `accounts` are those of its htpasswd file; nil for a registry that asks nobody who they are.
  init(world: any World, store: RegistryStore = .init(), accounts: [RegistryAccounts.Account]?) {
    (self.store, self.accounts) = (store, accounts)
    service = DistributionService(store: store, world: world)
  }

  func answer(_ request: RegistryRequest) async -> RegistryResponse {
    guard let route = DistributionRoute(request.path) else { return .notFound }
    if let accounts {
      guard let (name, password) = request.basicCredentials,
        RegistryAccounts.match(accounts, name, password) != nil
      else {
        let response = RegistryResponse.refusal(
          401, "UNAUTHORIZED", "authentication required",
          headers: [NameValue("WWW-Authenticate", "Basic realm=\"Registry Realm\""), DistributionService.version])
        return request.method == "HEAD" ? response.withoutBody : response
      }
    }
    return await service.answer(request, route)
  }
}
