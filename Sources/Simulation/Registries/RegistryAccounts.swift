/// The accounts of the simulated registries, in one place. Lessons tell them to the learner; none is a secret.
///
/// | registry | user | password | may |
/// |---|---|---|---|
/// | Docker Hub | `ana` | `drydock`, or the access token `dckr_pat_ana-read-only` | pull everything public and `ana/*`; push `ana/*` with the password only; 200 pulls in 6 hours |
/// | Docker Hub | `paula` | `drydock` | the same for `paula/*`; a paid plan, without a limit |
/// | `registry.example.com` | `ana`, `ci` | `drydock`, `drydock-ci` | everything |
/// | `*.dkr.ecr.*.amazonaws.com` | `AWS` | `drydock` in the session's first 12 hours, then one of `RegistryWorld.ecrPassword` | everything |
/// | `harbor.example.com` | `admin` | `Harbor12345` | everything |
/// | `harbor.example.com` | `ana` | `drydock` | pull and push `shop/*` and `sandbox/*` |
/// | `harbor.example.com` | `robot$shop+ci` | `drydock-ci` | pull and push `shop/*` |
/// | `harbor.example.com` | `robot$shop+deploy` | `drydock-deploy` | pull `shop/*` |
///
/// `localhost:5000` is open to everybody and speaks plain HTTP.
public enum RegistryAccounts {
  /// Somebody who can sign in.
  public struct Account: Sendable, Hashable {
    public var name: String
    public var password: String
    /// Access tokens that can pull only.
    public var readOnlyTokens: [String] = []
    /// Docker Hub: pulls in six hours; nil without a limit.
    public var pullLimit: Int?
  }

  public static let hub = [
    Account(name: "ana", password: "drydock", readOnlyTokens: ["dckr_pat_ana-read-only"], pullLimit: 200),
    Account(name: "paula", password: "drydock", pullLimit: nil),
  ]
  public static let privateRegistry = [
    Account(name: "ana", password: "drydock"), Account(name: "ci", password: "drydock-ci"),
  ]
  public static let harbor = [
    Account(name: "admin", password: "Harbor12345"), Account(name: "ana", password: "drydock"),
    Account(name: "robot$shop+ci", password: "drydock-ci"),
    Account(name: "robot$shop+deploy", password: "drydock-deploy"),
  ]

  /// How credentials fit.
  enum Match: Sendable, Hashable {
    case full(Account)
    case readOnly(Account)

    var account: Account {
      switch self {
      case .full(let account), .readOnly(let account): account
      }
    }
  }

  static func match(_ accounts: [Account], _ name: String, _ password: String) -> Match? {
    guard let account = accounts.first(where: { $0.name == name }) else { return nil }
    if account.password == password { return .full(account) }
    return account.readOnlyTokens.contains(password) ? .readOnly(account) : nil
  }
}
