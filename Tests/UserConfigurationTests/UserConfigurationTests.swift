import Foundation
import JSONTree
import Seams
import Testing

@testable import UserConfiguration

/// docker's config.json, read and written beside whatever else is in it.
@Suite("The user's configuration of docker")
struct UserConfigurationTests {
  private func with(
    _ text: String?, helpers: [String: String] = [:], _ body: (UserConfiguration, String) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-config-\(UUID().uuidString)")
      .path
    try FileManager.default.createDirectory(atPath: folder + "/bin", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try text?.write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
    for (name, script) in helpers {
      let path = "\(folder)/bin/docker-credential-\(name)"
      // Written by another process: a program that some other test starts while this one has the script open for
      // writing would keep it open, and the script would be busy (ETXTBSY).
      let writer = Process()
      let text = Pipe()
      writer.executableURL = URL(fileURLWithPath: "/bin/sh")
      writer.arguments = ["-c", "cat >\"$0\" && chmod 755 \"$0\"", path]
      writer.standardInput = text
      try writer.run()
      text.fileHandleForWriting.write(Data("#!/bin/sh\nD=\(folder)\n\(script)\n".utf8))
      try text.fileHandleForWriting.close()
      writer.waitUntilExit()
      #expect(writer.terminationStatus == 0)
    }
    try await body(
      UserConfiguration(environment: ["DOCKER_CONFIG": folder, "PATH": folder + "/bin:/usr/bin:/bin"]), folder)
  }

  /// Keeps one registry's credentials in a file, as the protocol asks.
  private static let helper = """
    case $1 in
      store) cat > $D/kept ;;
      get) read url; grep -q "\\"ServerURL\\":\\"$url\\"" $D/kept 2>/dev/null && cat $D/kept || { echo "credentials not found in native keychain"; exit 1; } ;;
      erase) cat > /dev/null; rm $D/kept ;;
    esac
    """

  @Test("credentials in the file: exactly, by host of an old URL, with an identity token; none where there are none")
  func read() async throws {
    let text = """
      {"auths": {"reg.example:5000": {"auth": "bWU6czNjOnJldA=="}, "https://old.example/v1/": {"auth": "YTpi"},
       "token.example": {"auth": "bWU6", "identitytoken": "long"}, "empty.example": {}}}
      """
    try await with(text) { configuration, _ in
      #expect(await configuration.credentials("reg.example:5000") == .init(username: "me", password: "s3c:ret"))
      #expect(await configuration.credentials("old.example") == .init(username: "a", password: "b"))
      #expect(
        await configuration.credentials("token.example") == .init(username: "me", password: "", identityToken: "long"))
      #expect(await configuration.credentials("empty.example") == nil)
      #expect(await configuration.credentials("nobody.example") == nil)
    }
  }

  @Test("signing in and out keeps everything else in the file, which only its owner can read")
  func write() async throws {
    let text =
      #"{"psFormat": "table {{.ID}}", "plugins": {"x": {"on": "true"}}, "auths": {"a.example": {"auth": "YTpi"}}}"#
    try await with(text) { configuration, folder in
      #expect(configuration.preference("psFormat") == "table {{.ID}}")
      #expect(configuration.plainTextLocation == folder + "/config.json")
      try await configuration.store(.init(username: "me", password: "s3cret"), for: "b.example")
      #expect(await configuration.credentials("b.example") == .init(username: "me", password: "s3cret"))
      try await configuration.store(.init(username: "me", password: "", identityToken: "t"), for: "c.example")
      let tree = try JSON(parsing: [UInt8](try Data(contentsOf: URL(fileURLWithPath: folder + "/config.json"))))
      #expect(tree["plugins"]?["x"]?["on"]?.string == "true")
      #expect(tree["auths"]?["a.example"]?["auth"]?.string == "YTpi")
      #expect(tree["auths"]?["b.example"]?["auth"]?.string == "bWU6czNjcmV0")
      #expect(tree["auths"]?["c.example"]?["identitytoken"]?.string == "t")
      let mode = try FileManager.default.attributesOfItem(atPath: folder + "/config.json")[.posixPermissions] as? Int
      #expect(mode == 0o600)
      #expect(try await configuration.erase("b.example"))
      #expect(try await configuration.erase("b.example") == false)
      #expect(await configuration.credentials("a.example") == .init(username: "a", password: "b"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["bin", "config.json"])
    }
  }

  @Test("without a file one is made; a damaged one is refused and stays")
  func missingAndDamaged() async throws {
    try await with(nil) { configuration, folder in
      try await configuration.store(.init(username: "u", password: "p"), for: "r.example")
      #expect(await configuration.credentials("r.example")?.password == "p")
    }
    try await with("{\"auths\": ") { configuration, folder in
      await #expect(throws: (any Error).self) {
        try await configuration.store(.init(username: "u", password: "p"), for: "r.example")
      }
      let kept = try String(contentsOfFile: folder + "/config.json", encoding: .utf8)
      #expect(kept == "{\"auths\": ")
    }
  }

  @Test("a link to the file stays a link")
  func link() async throws {
    try await with(nil) { configuration, folder in
      try "{}".write(toFile: folder + "/real.json", atomically: true, encoding: .utf8)
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/config.json", withDestinationPath: folder + "/real.json")
      try await configuration.store(.init(username: "u", password: "p"), for: "r.example")
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/config.json") == folder + "/real.json")
      #expect(try String(contentsOfFile: folder + "/real.json", encoding: .utf8).contains("r.example"))
    }
  }

  @Test("credsStore: secrets go to the helper and come from it; the file has none")
  func store() async throws {
    try await with(#"{"credsStore": "test"}"#, helpers: ["test": Self.helper]) { configuration, folder in
      #expect(configuration.plainTextLocation == nil)
      #expect(await configuration.credentials("r.example") == nil)
      try await configuration.store(.init(username: "me", password: "s3cret"), for: "r.example")
      #expect(await configuration.credentials("r.example") == .init(username: "me", password: "s3cret"))
      let text = try String(contentsOfFile: folder + "/config.json", encoding: .utf8)
      #expect(text.contains("r.example"))
      #expect(!text.contains("bWU6czNjcmV0"))
      try await configuration.store(.init(username: "me", password: "", identityToken: "tok"), for: "r.example")
      #expect(await configuration.credentials("r.example") == .init(username: "", password: "", identityToken: "tok"))
      #expect(try await configuration.erase("r.example"))
      #expect(await configuration.credentials("r.example") == nil)
    }
  }

  @Test("credHelpers: one registry has a helper of its own, others have not; one that is missing is named")
  func helpers() async throws {
    let text =
      #"{"credHelpers": {"1234.dkr.ecr.eu-west-1.amazonaws.com": "ecr-like", "gone.example": "gone"}, "auths": {"a.example": {"auth": "YTpi"}}}"#
    let script = #"cat > /dev/null; echo '{"ServerURL":"x","Username":"AWS","Secret":"12h"}'"#
    try await with(text, helpers: ["ecr-like": script]) { configuration, _ in
      #expect(
        await configuration.credentials("1234.dkr.ecr.eu-west-1.amazonaws.com")
          == .init(username: "AWS", password: "12h"))
      #expect(await configuration.credentials("a.example")?.username == "a")
      let error = await #expect(throws: (any Error).self) {
        try await configuration.store(.init(username: "u", password: "p"), for: "gone.example")
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains("docker-credential-gone"))
    }
  }
}
