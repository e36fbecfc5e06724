import Archive
import Foundation
import OCISpec
import RegistryHarness
import Testing

@testable import RealMachine

/// kill -9 of the engine (Tests/CrashingEngine does it to itself): before and after every change of its state, and just
/// before system calls of each kind, drawn by a seed from all that the request makes (DRYDOCK_CRASH=N for N times as
/// many). Afterwards the store is whole: what is named is there, nothing half is seen, the same request does what it
/// should have done, and in the end nothing is left over.
///
/// The roots are in memory: what a killed process has written is in the kernel's hands, wherever that keeps it.
@Suite(
  "An engine that is killed", .serialized,
  .enabled(if: GenuineRegistry.isHere || isCI, "docker-registry is not installed"))
struct CrashTests {
  /// How it ended: nil when it was killed, else what it printed.
  private func run(_ root: String, _ moment: [String], _ request: [String]) throws -> String? {
    let run = try CrashingEngine.run(root, moment, request)
    if run.isKilled {
      #expect(run.status == SIGKILL, "\(request) \(moment)")
      return nil
    }
    #expect(run.status == 0, "\(request) \(moment): \(run.text)")
    return run.text
  }

  private static func folder(_ name: String) -> String {
    let name = MachineFixture.temporaryFolder(name)
    guard access("/dev/shm", W_OK) == 0 else { return name }
    return "/dev/shm/" + (name.split(separator: "/").last ?? "")
  }

  /// Some calls of each kind: the first, the last, and others by chance.
  private func calls(in text: String, _ seed: UInt64, each: Int) -> [[String]] {
    guard let start = text.firstRange(of: "calls ")?.upperBound else { return [] }
    let words = text[start...].prefix { $0 != "\n" }.split(separator: " ").map(String.init)
    var state = seed
    var moments: [[String]] = []
    for place in stride(from: 0, to: words.count - 1, by: 2) {
      guard let count = Int(words[place + 1]), count > 0 else { continue }
      var numbers: Set<Int> = [1, count]
      for _ in 0..<min(each, count) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        numbers.insert(1 + Int(state >> 33) % count)
      }
      moments += numbers.sorted().map { ["call:\(words[place])", "\($0)"] }
    }
    return moments
  }

  /// Kills `request` at every change of the state and at system calls in between, in roots that `prepare` made, and
  /// looks at each with `check` afterwards.
  private func killEverywhere(
    _ request: [String], prepare: (String) throws -> Void,
    check: (MachineFixture, String) async throws -> Void, before: (String, String) throws -> Void = { _, _ in }
  ) async throws {
    let times = ProcessInfo.processInfo.environment["DRYDOCK_CRASH"].flatMap { Int($0) } ?? 1
    let model = CrashTests.folder("crash-model")
    defer { try? FileManager.default.removeItem(atPath: model) }
    try prepare(model)
    func trial(_ moment: [String]) throws -> (root: String, text: String?) {
      let root = CrashTests.folder("crash")
      if FileManager.default.fileExists(atPath: model) {
        // Devices and xattrs, too.
        let copy = Process()
        copy.executableURL = URL(fileURLWithPath: "/bin/cp")
        copy.arguments = ["-a", model, root]
        try copy.run()
        copy.waitUntilExit()
        #expect(copy.terminationStatus == 0)
      } else {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      }
      return (root, try run(root, moment, request))
    }
    let whole = try trial(["count", "0"])
    defer { try? FileManager.default.removeItem(atPath: whole.root) }
    let text = try #require(whole.text)
    #expect(text.contains("status 200"), "\(text)")
    let changes = CrashingEngine.number("changes", in: text)
    #expect(changes > 0)
    var list = (1...max(1, changes)).flatMap { [["before", "\($0)"], ["after", "\($0)"]] }
    let calls = calls(in: text, UInt64(changes), each: times)
    #expect(calls.count >= 10, "\(text)")
    list += calls
    var killed = 0
    for moment in list {
      let (root, text) = try trial(moment)
      defer { try? FileManager.default.removeItem(atPath: root) }
      if text == nil { killed += 1 }
      let name = "\(request[1]) killed \(moment.joined(separator: " "))"
      try before(root, name)
      try await MachineFixture.with(root: root) { engine in try await check(engine, name) }
    }
    // What other threads do between two calls differs from time to time, so the last of a kind may not come.
    #expect(killed >= 2 * changes + calls.count / 2, "\(killed) of \(list.count)")
  }

  private struct Leftovers: Equatable {
    var blobs: [String]
    var snapshots: Int
    var ingests: Int
  }

  private func leftovers(_ engine: MachineFixture) -> Leftovers {
    Leftovers(blobs: engine.blobs, snapshots: engine.snapshots.count, ingests: engine.ingests.count)
  }

  /// What `image prune` gives up, and what an image's removal leaves: nothing.
  private func removed(_ engine: MachineFixture, _ names: [String], _ moment: String) async throws {
    for name in names { _ = try await engine.delete("/images/\(name)?force=1") }
    _ = try await engine.post("/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D")
    let rest = leftovers(engine)
    #expect(rest == Leftovers(blobs: [], snapshots: 0, ingests: 0), "\(moment): \(rest)")
  }

  @Test("while it pulls")
  func pull() async throws {
    var images = TestImages()
    let target = images.image([
      TestImages.layer("a", size: 300_000, seed: 1), TestImages.layer("b", size: 200_000, seed: 2),
    ])
    let blobs = images.content.keys.map(\.encoded).sorted()
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      let name = "\(registry.host)/app:1"
      try await killEverywhere(
        ["POST", "/images/create?fromImage=\(registry.host)/app&tag=1"], prepare: { _ in },
        check: { engine, moment in
          // No half image is seen: it is listed whole or not at all.
          let listed = try await engine.get("/images/json").json.array ?? []
          if !listed.isEmpty {
            #expect(engine.blobs == blobs, "\(moment)")
            #expect(engine.snapshots.count == 2, "\(moment)")
            #expect(try await engine.get("/images/\(name)/json").status == 200, "\(moment)")
          }
          // The next pull goes on and comes to the end.
          let answer = try await engine.pull(name)
          #expect(answer.error == nil, "\(moment): \(answer.text)")
          #expect(leftovers(engine) == Leftovers(blobs: blobs, snapshots: 2, ingests: 0), "\(moment)")
          try await removed(engine, [name], moment)
        })
    }
  }

  @Test("while it removes an image, prunes and loads")
  func others() async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a", size: 50_000, seed: 3)])
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      let name = "\(registry.host)/app:1"
      let pull = ["POST", "/images/create?fromImage=\(registry.host)/app&tag=1"]
      try await killEverywhere(
        ["DELETE", "/images/\(name)"], prepare: { root in _ = try run(root, ["none", "0"], pull) },
        check: { engine, moment in
          let listed = try await engine.get("/images/json").json.array ?? []
          if !listed.isEmpty { #expect(leftovers(engine).snapshots == 1, "\(moment)") }
          if listed.isEmpty {
            #expect(leftovers(engine) == Leftovers(blobs: [], snapshots: 0, ingests: 0), "\(moment)")
          }
          #expect(try await engine.pull(name).error == nil, "\(moment)")
          try await removed(engine, [name], moment)
        })
      try await killEverywhere(
        ["POST", "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D"],
        prepare: { root in _ = try run(root, ["none", "0"], pull) },
        check: { engine, moment in
          #expect(try await engine.pull(name).error == nil, "\(moment)")
          try await removed(engine, [name], moment)
        })
      let file = MachineFixture.temporaryFolder("saved") + ".tar"
      defer { try? FileManager.default.removeItem(atPath: file) }
      try await MachineFixture.with { engine in
        try await engine.pull(name)
        try Data(try await engine.get("/images/get?names=\(name)").bytes).write(to: URL(fileURLWithPath: file))
      }
      try await killEverywhere(
        ["POST", "/images/load", file], prepare: { _ in },
        check: { engine, moment in
          let again = try await engine.post(
            "/images/load", upload: [UInt8](try Data(contentsOf: URL(fileURLWithPath: file))))
          #expect(again.text.contains("Loaded image: \(name)"), "\(moment): \(again.text)")
          #expect(
            try await engine.get("/images/\(name)/json").json["RootFS"]?["Layers"]?.array?.count == 1, "\(moment)")
          #expect(engine.snapshots.count == 1, "\(moment)")
        })
    }
  }

  @Test("while it makes a layer and an image of what changed, as docker commit does")
  func commit() async throws {
    var images = TestImages()
    let target = images.image([TestImages.layer("a", size: 50_000, seed: 4)])
    try await GenuineRegistry.with { registry in
      try await registry.push(target, of: images, as: "app:1")
      let name = "\(registry.host)/app:1"
      try await killEverywhere(
        ["COMMIT", name],
        prepare: { root in
          _ = try run(
            root, ["none", "0"], ["POST", "/images/create?fromImage=\(registry.host)/app&tag=1"])
          _ = try run(root, ["none", "0"], ["PREPARE", name])
        },
        check: { engine, moment in
          #expect(engine.snapshots.count == 2, "\(moment)")
          #expect(engine.ingests.isEmpty, "\(moment)")
          let inspected = try await engine.get("/images/committed:1/json").json
          #expect(inspected["RootFS"]?["Layers"]?.array?.count == 2, "\(moment)")
          try await removed(engine, [name, "committed:1"], moment)
        },
        before: { root, moment in
          // Again, and the whole image is there; then the container goes.
          for verb in ["COMMIT", "END"] {
            let text = try run(root, ["none", "0"], [verb, name]) ?? ""
            #expect(text.contains("status 200"), "\(moment): \(text)")
          }
        })
    }
  }
}
