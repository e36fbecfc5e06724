import JSONTree
import OCISpec
import Seams

/// Credentials as they travel to the daemon in `X-Registry-Auth`.
enum RegistryAuth {
  /// Docker Hub's key in `config.json`.
  static let hub = "https://index.docker.io/v1/"

  /// The key under which credentials for a reference's registry are kept.
  static func key(_ reference: ImageReference) -> String { key(domain: reference.domain) }

  static func key(domain: String) -> String {
    ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(domain) ? hub : domain
  }

  /// `https://reg.io/v2/` is the registry `reg.io`.
  static func host(_ address: String) -> String {
    var text = address[...]
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    return String(text).cut("/").0
  }

  /// The header's value, decoded; an empty object without credentials.
  static func header(for reference: ImageReference, _ environment: any ClientEnvironment) async -> JSON {
    await header(key: key(reference), environment)
  }

  static func header(key: String, _ environment: any ClientEnvironment) async -> JSON {
    guard let credentials = await environment.configuration.credentials(key) else { return [:] }
    var auth: JSONObject = [:]
    if !credentials.username.isEmpty { auth["username"] = .string(credentials.username) }
    if !credentials.password.isEmpty { auth["password"] = .string(credentials.password) }
    auth["serveraddress"] = .string(key)
    if !credentials.identityToken.isEmpty { auth["identitytoken"] = .string(credentials.identityToken) }
    return .object(auth)
  }
}

/// Image references as users type them.
enum References {
  static func parse(_ text: String) throws(CommandError) -> ImageReference {
    do { return try ImageReference(text) } catch { throw CommandError(error.description) }
  }
}
