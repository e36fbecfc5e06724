import Crypto
import Foundation
import Synchronization

/// A token service as the distribution project describes it ("Docker Registry v2 authentication via central service"),
/// whose tokens the genuine registry believes: they are signed with a key whose certificate the registry is given.
package final class TokenService: Sendable {
  /// What somebody may do: by prefix of a repository's name.
  package struct Account: Sendable {
    package var password: String
    package var may: [String: Set<String>]
    package init(password: String, may: [String: Set<String>]) { (self.password, self.may) = (password, may) }
  }

  private let server: LoopbackServer
  private let certificates: Certificates
  package var host: String { server.host }
  /// What was asked so far, as text: `GET /token?…`, `POST /token grant_type=…`.
  package var requests: [String] {
    server.requests.map { "\($0.method) \($0.uri) \(String(decoding: $0.body, as: UTF8.self))" }
  }
  package static let service = "drydock-tests"

  /// - Parameters:
  ///   - anonymous: what anybody may do.
  ///   - knowsOAuth: without it a POST is refused, as by services that only know GET.
  package init(_ accounts: [String: Account], anonymous: [String: Set<String>] = [:], knowsOAuth: Bool = true)
    async throws
  {
    let certificates = try Certificates(["token"])
    self.certificates = certificates
    let key = try P256.Signing.PrivateKey(
      pemRepresentation: String(contentsOfFile: certificates.path("token.key"), encoding: .utf8))
    let pem = try String(contentsOfFile: certificates.path("token.pem"), encoding: .utf8)
    let chain = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
    let desk = Desk(accounts: accounts, anonymous: anonymous, knowsOAuth: knowsOAuth, key: key, chain: chain)
    server = try await LoopbackServer { desk.answer($0) }
  }

  package func close() async {
    await server.close()
    certificates.remove()
  }

  /// A registry's settings that send it here; its folder gets the certificate by `prepare`.
  package var settings: String {
    """
    auth: {token: {realm: "http://\(host)/token", service: \(TokenService.service), issuer: drydock-issuer,
      rootcertbundle: FOLDER/token-ca.pem}}
    """
  }

  package func prepare(_ folder: String) throws {
    try FileManager.default.copyItem(atPath: certificates.path("ca.pem"), toPath: folder + "/token-ca.pem")
  }

  /// Runs `body` beside a service and a genuine registry that believes it.
  package static func with(
    _ accounts: [String: Account], anonymous: [String: Set<String>] = [:], knowsOAuth: Bool = true,
    _ body: (TokenService, GenuineRegistry) async throws -> Void
  ) async throws {
    let service = try await TokenService(accounts, anonymous: anonymous, knowsOAuth: knowsOAuth)
    let result: Result<Void, any Error>
    do {
      try await GenuineRegistry.with(settings: service.settings, prepare: service.prepare) { registry in
        try await body(service, registry)
      }
      result = .success(())
    } catch { result = .failure(error) }
    await service.close()
    try result.get()
  }

  // MARK: Answers

  private struct Desk: Sendable {
    let accounts: [String: Account]
    let anonymous: [String: Set<String>]
    let knowsOAuth: Bool
    let key: P256.Signing.PrivateKey
    /// The certificate, as `x5c` wants it.
    let chain: String

    func answer(_ request: LoopbackServer.Request) -> LoopbackServer.Answer {
      let parts = request.uri.split(separator: "?", maxSplits: 1).map(String.init)
      guard parts.first == "/token" else { return .init(status: 404) }
      let isPost = request.method == "POST"
      if isPost, !knowsOAuth { return .init(status: 405) }
      let fields = Self.fields(isPost ? String(decoding: request.body, as: UTF8.self) : parts.count > 1 ? parts[1] : "")
      func values(_ name: String) -> [String] { fields.filter { $0.0 == name }.map(\.1) }
      var user: String?
      if isPost {
        switch values("grant_type").first {
        case "password":
          user = values("username").first
          guard let user, accounts[user]?.password == values("password").first else { return refused }
        case "refresh_token":
          user = values("refresh_token").first.flatMap { $0.hasPrefix("refresh-") ? String($0.dropFirst(8)) : nil }
          guard let user, accounts[user] != nil else { return refused }
        default: return .init(status: 400)
        }
      } else if let header = request.headers.first(name: "Authorization") {
        let pair = header.hasPrefix("Basic ") ? Data(base64Encoded: String(header.dropFirst(6))) : nil
        let words = String(decoding: pair ?? Data(), as: UTF8.self).split(separator: ":", maxSplits: 1).map(String.init)
        guard words.count == 2, accounts[words[0]]?.password == words[1] else { return refused }
        user = words[0]
      }
      guard values("service").first == TokenService.service else { return .init(status: 400) }
      let scopes = values("scope").flatMap { $0.split(separator: " ").map(String.init) }
      let token = sign(user: user ?? "", access: scopes.compactMap { grant($0, user) })
      var reply = ["access_token": token, "issued_at": "2026-01-01T00:00:00Z"]
      if !isPost { reply["token"] = token }
      if let user, isPost || values("offline_token").first == "true" { reply["refresh_token"] = "refresh-\(user)" }
      var text = reply.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }
      text.append("\"expires_in\":300")
      return .init(
        headers: [("Content-Type", "application/json")], body: Array("{\(text.joined(separator: ","))}".utf8))
    }

    private var refused: LoopbackServer.Answer {
      .init(status: 401, body: Array(#"{"details":"incorrect username or password"}"#.utf8))
    }

    /// `repository:team/app:pull,push`, as far as it is granted.
    private func grant(_ scope: String, _ user: String?) -> String? {
      let parts = scope.split(separator: ":").map(String.init)
      guard parts.count == 3, parts[0] == "repository" else { return nil }
      var granted: Set<String> = []
      let rules = [anonymous, user.flatMap { accounts[$0]?.may } ?? [:]]
      for (prefix, actions) in rules.flatMap({ $0 }) where parts[1].hasPrefix(prefix) { granted.formUnion(actions) }
      let actions = parts[2].split(separator: ",").map(String.init).filter(granted.contains)
      let list = actions.map { "\"\($0)\"" }.joined(separator: ",")
      return "{\"type\":\"repository\",\"name\":\"\(parts[1])\",\"actions\":[\(list)]}"
    }

    /// A JWT (RFC 7519), signed by ES256.
    private func sign(user: String, access: [String]) -> String {
      func encoded(_ data: Data) -> String {
        data.base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
          .replacingOccurrences(of: "=", with: "")
      }
      let now = Int(Date().timeIntervalSince1970)
      let header = "{\"typ\":\"JWT\",\"alg\":\"ES256\",\"x5c\":[\"\(chain)\"]}"
      let claims =
        "{\"iss\":\"drydock-issuer\",\"sub\":\"\(user)\",\"aud\":\"\(TokenService.service)\",\"exp\":\(now + 300),"
        + "\"nbf\":\(now - 10),\"iat\":\(now),\"jti\":\"\(UUID().uuidString)\",\"access\":[\(access.joined(separator: ","))]}"
      let text = encoded(Data(header.utf8)) + "." + encoded(Data(claims.utf8))
      guard let signature = try? key.signature(for: Data(text.utf8)) else { return "" }
      return text + "." + encoded(signature.rawRepresentation)
    }

    /// application/x-www-form-urlencoded.
    private static func fields(_ text: String) -> [(String, String)] {
      text.split(separator: "&").map { field in
        let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { part in
          part.replacingOccurrences(of: "+", with: " ").removingPercentEncoding ?? String(part)
        }
        return (parts[0], parts.count > 1 ? parts[1] : "")
      }
    }
  }
}
