import HTTPCodec

/// What every answer says of the daemon, and which versions of the Engine API it speaks.
public struct ServerIdentity: Sendable {
  /// The newest and the oldest version of the Engine API: `1.52`, `1.24`.
  public var api: String
  public var minimumAPI: String
  /// The engine's own version: `29.0.0`.
  public var version: String
  public var os: String

  public init(api: String, minimumAPI: String, version: String, os: String = "linux") {
    (self.api, self.minimumAPI, self.version, self.os) = (api, minimumAPI, version, os)
  }

  /// Why a client that asks for `version` is refused (status 400, moby's words); nil when it is served.
  func refusal(of version: String) -> String? {
    if ServerIdentity.isOlder(version, minimumAPI) {
      return "client version \(version) is too old. Minimum supported API version is \(minimumAPI), please upgrade "
        + "your client to a newer version"
    }
    if ServerIdentity.isOlder(api, version) {
      return "client version \(version) is too new. Maximum supported API version is \(api)"
    }
    return nil
  }

  /// The headers of every answer.
  func complete(_ headers: inout HTTPHeaders) {
    headers.addIfMissing("Api-Version", api)
    headers.addIfMissing("Docker-Experimental", "false")
    headers.addIfMissing("Ostype", os)
    headers.addIfMissing("Server", "Docker/\(version) (\(os))")
  }

  /// Compares versions part by part, as numbers.
  static func isOlder(_ a: String, _ b: String) -> Bool {
    let (a, b) = (parts(a), parts(b))
    for index in 0..<max(a.count, b.count) {
      let (left, right) = (index < a.count ? a[index] : 0, index < b.count ? b[index] : 0)
      if left != right { return left < right }
    }
    return false
  }

  private static func parts(_ version: String) -> [Int] { version.split(separator: ".").map { Int($0) ?? 0 } }
}
