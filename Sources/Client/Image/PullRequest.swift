import JSONTree
import OCISpec
import Seams

extension Session {
  /// Asks the daemon to pull `reference`; all its tags when it has none.
  func pull(_ reference: ImageReference, platform: String) async throws -> ByteChannel {
    var query = [("fromImage", reference.repository)]
    if let digest = reference.digest {
      query.append(("tag", "\(digest)"))
    } else if let tag = reference.tag {
      query.append(("tag", tag))
    }
    if !platform.isEmpty { query.append(("platform", platform)) }
    return try await stream(
      request(
        "POST", "/images/create", query: query, registryAuth: await RegistryAuth.header(for: reference, environment)))
  }
}

/// `--platform`.
enum PlatformFlag {
  /// As the client writes it: `os/arch[/variant]`, lower case.
  static func formatted(_ text: String) throws(CommandError) -> String {
    guard !text.isEmpty else { return "" }
    let parts = text.lowercased().parts("/")
    let known: Set<String> = [
      "386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x", "x86_64", "aarch64",
      "armhf", "armel", "i386", "mips64", "wasm", "ppc64",
    ]
    let systems: Set<String> = ["linux", "windows", "darwin", "freebsd", "wasip1", "wasi"]
    if parts.count == 1, !known.contains(parts[0]), !systems.contains(parts[0]) {
      throw CommandError(
        "error parsing specified platform: \(GoQuote.string(text)): unknown operating system or architecture: "
          + "invalid argument")
    }
    guard parts.count <= 3, parts.allSatisfy({ !$0.isEmpty }) else {
      throw CommandError(
        "error parsing specified platform: \(GoQuote.string(text)): cannot parse platform specifier: invalid argument")
    }
    if parts.count > 1 { return parts.joined(separator: "/") }
    return Platform(text)?.description ?? text
  }

  /// As the daemon takes it where an image is asked for: `{"architecture":"arm64","os":"linux"}`; nil when not given.
  static func json(_ text: String) throws(CommandError) -> String? {
    guard !text.isEmpty else { return nil }
    let parts = try formatted(text).parts("/")
    var json: JSONObject = ["architecture": .string(parts.count > 1 ? parts[1] : ""), "os": .string(parts[0])]
    if parts.count > 2 { json["variant"] = .string(parts[2]) }
    return JSON.object(json).text
  }
}
