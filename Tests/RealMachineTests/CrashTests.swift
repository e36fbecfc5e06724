import Archive
import Foundation
import OCISpec
import RegistryHarness
import Testing

@testable import RealMachine

/// kill -9 of the engine (Tests/CrashingEngine does it to itself): before and after every change of its state, and at
/// moments in between. Afterwards the store is whole: what is named is there, nothing half is seen, the same request
/// does what it should have done, and in the end nothing is left over.
@Suite(
  "An engine that is killed", .serialized,
  .enabled(if: GenuineRegistry.isHere || isCI, "docker-registry is not installed"))
struct CrashTests {
  private static let program: String = {
    // Beside the tests' own executable.
    let tests = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    var folder = URL(fileURLWithPath: tests).deletingLastPathComponent()
    while folder.path.count > 1,
      !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("CrashingEngine").path)
    {
      folder = folder.deletingLastPathComponent()
    }
    return folder.appendingPathComponent("CrashingEngine").path
  }()

  /// How it ended: nil when it was killed, else what it printed.
  private func run(_ root: String, _ moment: [String], _ request: [String]) throws -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: CrashTests.program)
    process.arguments = [root] + moment + request
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    if process.terminationReason == .uncaughtSignal {
      #expect(process.terminationStatus == SIGKILL, "\(request) \(moment)")
      return nil
    }
    #expect(process.terminationStatus == 0, "\(request) \(moment)")
    return String(decoding: data, as: UTF8.self)
  }

  private func number(_ name: String, in text: String) -> Int {
    let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
    guard let place = words.firstIndex(of: Substring(name)), place + 1 < words.count else { return 0 }
    return Int(words[place + 1]) ?? 0
  }

  /// Kills `request` at every change of the state and at `moments` in between, in roots that `prepare` made, and looks
  /// at each with `check` afterwards.
  private func killEverywhere(
    _ request: [String], moments: Int, prepare: (String) throws -> Void,
    check: (MachineFixture, String) async throws -> Void
  ) async throws {
    let model = MachineFixture.temporaryFolder("crash-model")
    defer { try? FileManager.default.removeItem(atPath: model) }
    try prepare(model)
    func trial(_ moment: [String]) async throws -> (root: String, text: String?) {
      let root = MachineFixture.temporaryFolder("crash")
      if FileManager.default.fileExists(atPath: model) {
        try FileManager.default.copyItem(atPath: model, toPath: root)
      } else {
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
      }
      return (root, try run(root, moment, request))
    }
    let whole = try await trial(["none", "0"])
    defer { try? FileManager.default.removeItem(atPath: whole.root) }
    let text = try #require(whole.text)
    #expect(text.contains("status 200"), "\(text)")
    let (changes, time) = (number("changes", in: text), number("microseconds", in: text))
    #expect(changes > 0)
    var list = (1...max(1, changes)).flatMap { [["before", "\($0)"], ["after", "\($0)"]] }
    list += (1...moments).map { ["within", "\(max(1, time * $0 / (moments + 1)))"] }
    var killed = 0
    for moment in list {
      let (root, text) = try await trial(moment)
      defer { try? FileManager.default.removeItem(atPath: root) }
      if text == nil { killed += 1 }
      try await MachineFixture.with(root: root) { engine in
        try await check(engine, "\(request[1]) killed \(moment.joined(separator: " "))")
      }
    }
    // Moments may come after the end; changes never do.
    #expect(killed >= 2 * changes, "\(killed) of \(list.count)")
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
        ["POST", "/images/create?fromImage=\(registry.host)/app&tag=1"], moments: 12, prepare: { _ in },
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
        ["DELETE", "/images/\(name)"], moments: 4, prepare: { root in _ = try run(root, ["none", "0"], pull) },
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
        ["POST", "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D"], moments: 4,
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
        ["POST", "/images/load", file], moments: 4, prepare: { _ in },
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
}
