import Engine
import Foundation
import JSONTree
import OCISpec
import Registry
import RegistryHarness
import Seams
import Testing

@testable import RealMachine

/// Signing in to the genuine docker-registry, by tokens, passwords and certificates.
@Suite(
  "Registries that want to know who asks", .serialized,
  .enabled(if: GenuineRegistry.isHere || isCI, "docker-registry is not installed"))
struct AuthTests {
  private func tag(_ engine: MachineFixture, _ name: String, as repository: String) async throws {
    let answer = try await engine.ask(
      APIRequest(
        "POST", "/images/{name}/tag", ["name": name], query: [NameValue("repo", repository), NameValue("tag", "1")]))
    #expect(answer.status == 201, "\(answer.text)")
  }

  /// Runs `body` with an engine that has the image `local/app:1`.
  private func with(
    _ change: (inout RealMachine.Options) -> Void = { _ in },
    _ body: (MachineFixture, Descriptor) async throws -> Void
  ) async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a", size: 1_500_000, seed: 1), TestImages.layer("b", seed: 2)])
    let served = images
    try await MachineFixture.with(change) { engine in
      try await FaultyRegistry.with(served, tags: ["1": target]) { registry in
        #expect(try await engine.pull("\(registry.host)/app:1").error == nil)
        try await tag(engine, "\(registry.host)/app:1", as: "local/app")
        _ = try await engine.delete("/images/\(registry.host)/app:1")
      }
      try await body(engine, target)
    }
  }

  @Test("tokens: scopes, anonymous and named, by OAuth and where only GET is known", arguments: [true, false])
  func tokens(knowsOAuth: Bool) async throws {
    let accounts = [
      "writer": TokenService.Account(password: "pässword&+ =", may: ["team/": ["pull", "push"]]),
      "reader": TokenService.Account(password: "r", may: ["team/": ["pull"]]),
    ]
    try await TokenService.with(accounts, anonymous: ["team/open": ["pull"]], knowsOAuth: knowsOAuth) {
      service, registry in
      let writer: JSON = ["username": "writer", "password": "pässword&+ ="]
      try await with { engine, target in
        for name in ["team/open", "team/secret"] {
          let reference = "\(registry.host)/\(name)"
          try await tag(engine, "local/app:1", as: reference)
          for auth: JSON in [[:], ["username": "reader", "password": "r"], ["username": "writer", "password": "no"]] {
            let refused = try await engine.push("\(reference):1", auth: auth)
            let isPasswordWrong = auth["password"]?.string == "no"
            #expect(
              refused.error?.contains(isPasswordWrong ? "unauthorized: incorrect username or password" : "denied")
                == true,
              "\(name) \(auth.text): \(refused.text)")
          }
          let pushed = try await engine.push("\(reference):1", auth: writer)
          #expect(pushed.error == nil, "\(pushed.text)")
          #expect(pushed.text.contains("digest: \(target.digest)"))
        }
        let asked = service.requests.map { $0.removingPercentEncoding ?? $0 }
        #expect(asked.contains { $0.contains("repository:team/secret:pull,push") })
        #expect(asked.contains { $0.hasPrefix("POST") })
        // The layers of the second repository came from the first one, for which a token was asked as well.
        #expect(asked.contains { $0.contains("team/open") && $0.contains("team/secret") }, "\(asked)")
        // Nobody's secrets are in the trace.
        let trace = engine.keeper.records.map { record -> String in
          var writer = JSONWriter()
          record.write(line: &writer)
          return String(decoding: writer.bytes, as: UTF8.self)
        }.joined()
        #expect(!trace.contains("pässword") && !trace.contains("p%C3%A4ssword") && !trace.contains("eyJ"))
      }
      for (name, auth, isAllowed): (String, JSON?, Bool) in [
        ("team/open", nil, true), ("team/secret", nil, false), ("team/secret", writer, true),
        ("team/secret", ["username": "reader", "password": "r"], true),
        ("team/secret", ["username": "reader", "password": "wrong"], false),
        ("team/secret", ["identitytoken": "refresh-reader"], knowsOAuth),
        ("team/secret", ["identitytoken": "made-up"], false),
      ] {
        try await MachineFixture.with { engine in
          let answer = try await engine.pull("\(registry.host)/\(name):1", auth: auth)
          #expect((answer.error == nil) == isAllowed, "\(name) \(auth?.text ?? ""): \(answer.text)")
          #expect(engine.blobs.isEmpty == !isAllowed)
        }
      }
    }
  }

  @Test("a token is fetched once for all layers of a pull; login by tokens gives an identity token")
  func once() async throws {
    let accounts = ["me": TokenService.Account(password: "s", may: ["app": ["pull", "push"]])]
    try await TokenService.with(accounts) { service, registry in
      let me: JSON = ["username": "me", "password": "s"]
      try await with { engine, _ in
        try await tag(engine, "local/app:1", as: "\(registry.host)/app")
        #expect(try await engine.push("\(registry.host)/app:1", auth: me).error == nil)
      }
      try await MachineFixture.with { engine in
        let before = service.requests.count
        #expect(try await engine.pull("\(registry.host)/app:1", auth: me).error == nil)
        #expect(service.requests.count == before + 1)
        for (password, status) in [("s", 200), ("wrong", 401)] {
          let answer = try await engine.post(
            "/auth",
            body: ["username": "me", "password": .string(password), "serveraddress": .string(registry.host)])
          #expect(answer.status == status, "\(answer.text)")
          if status == 200 { #expect(answer.json["IdentityToken"]?.string == "refresh-me") }
        }
      }
    }
  }

  @Test("a password: pushed with it, refused without or with a wrong one")
  func basic() async throws {
    try await GenuineRegistry.with(
      settings: "auth: {htpasswd: {realm: drydock, path: FOLDER/htpasswd}}",
      prepare: { folder in
        // me:s3cret
        try "me:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n".write(
          toFile: folder + "/htpasswd", atomically: true, encoding: .utf8)
      }
    ) { registry in
      try await with { engine, target in
        try await tag(engine, "local/app:1", as: "\(registry.host)/app")
        let name = "\(registry.host)/app:1"
        for auth: JSON in [[:], ["username": "me", "password": "wrong"]] {
          #expect(try await engine.push(name, auth: auth).error != nil)
        }
        let right: JSON = ["username": "me", "password": "s3cret"]
        let pushed = try await engine.push(name, auth: right)
        #expect(pushed.text.contains("digest: \(target.digest)"), "\(pushed.text)")
        _ = try await engine.delete("/images/\(name)")
        #expect(try await engine.pull(name, auth: right).error == nil)
      }
    }
  }

  @Test("TLS with an authority of one's own and a client's certificate: push and pull; refused without them")
  func tls() async throws {
    let certificates = try Certificates()
    defer { certificates.remove() }
    let path = certificates.path
    try await GenuineRegistry.with(
      http: ", tls: {certificate: \(path("server.pem")), key: \(path("server.key")), clientcas: [\(path("ca.pem"))]}"
    ) { registry in
      let name = "\(registry.host)/app:1"
      let own = path("certs.d") + "/" + registry.host
      func engine(_ body: (MachineFixture, Descriptor) async throws -> Void) async throws {
        // What is on the loopback is spoken to in the clear, unless there are certificates for it.
        try await with({ $0.registries.certificates = [path("certs.d")] }, body)
      }
      try await engine { engine, _ in
        try await tag(engine, "local/app:1", as: "\(registry.host)/app")
        #expect(try await engine.push(name).error?.contains("400") == true)
      }
      try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: path("ca.pem"), toPath: own + "/ca.crt")
      try await engine { engine, _ in
        try await tag(engine, "local/app:1", as: "\(registry.host)/app")
        let error = try await engine.push(name).error ?? ""
        // The server hangs up: it wants a certificate.
        #expect(error.contains("tls") || error.contains("certificate") || error.contains("EOF"), "\(error)")
      }
      try FileManager.default.copyItem(atPath: path("client.pem"), toPath: own + "/client.cert")
      try FileManager.default.copyItem(atPath: path("client.key"), toPath: own + "/client.key")
      try await engine { engine, target in
        try await tag(engine, "local/app:1", as: "\(registry.host)/app")
        let pushed = try await engine.push(name)
        #expect(pushed.text.contains("digest: \(target.digest)"), "\(pushed.text)")
        for image in [name, "local/app:1"] { _ = try await engine.delete("/images/\(image)") }
        #expect(engine.blobs.isEmpty)
        let pulled = try await engine.pull(name)
        #expect(pulled.error == nil, "\(pulled.text)")
        #expect(
          engine.keeper.records.contains { if case .call(let call) = $0.event { call.via == .https } else { false } })
      }
    }
  }
}
