import Foundation
import Handoff
import OCISpec
import RegistryHarness
import Seams
import Testing

@testable import RealMachine

/// `DRYDOCK_RECORD=FILE swift test --filter RecordedPull` records traces/real/pull.jsonl anew, with the registry on
/// port 5000.
@Suite(
  "A real pull, recorded", .serialized, .enabled(if: GenuineRegistry.isHere || isCI, "docker-registry is not installed")
)
struct RecordedPullTests {
  @Test("its trace is read back as it was recorded, and has the spine of its handoffs")
  func recorded() async throws {
    let wanted = ProcessInfo.processInfo.environment["DRYDOCK_RECORD"]
    let path = wanted ?? MachineFixture.temporaryFolder("trace") + ".jsonl"
    defer { if wanted == nil { try? FileManager.default.removeItem(atPath: path) } }
    let (images, target) = PullSpineTests.alpine()
    try await GenuineRegistry.with(port: wanted == nil ? nil : 5000) { registry in
      try await registry.push(target, of: images, as: "library/alpine:latest")
      let name = "localhost:\(registry.host.split(separator: ":").last ?? "")/library/alpine"
      try await MachineFixture.with { engine in
        let recorder = engine.machine.recorder
        let file = try TraceFile(path: path, header: engine.machine.header)
        engine.keeper.forget()
        recorder.attach(file)
        for place in ["latest", "latest", "none"] {
          let command = recorder.beginCommand(line: "docker pull \(name):\(place)")
          let answer = try await TraceContext.$current.withValue(TraceContext(cmd: command)) {
            try await engine.pull("\(name):\(place)")
          }
          #expect((answer.error == nil) == (place == "latest"))
          recorder.record(cmd: command, .exit(status: answer.error == nil ? 0 : 1))
        }
        recorder.detach(file)
        #expect(file.finish() == nil)
        let reader = try TraceReader(path: path)
        #expect(reader.header.mode == "real")
        var read: [TraceRecord] = []
        while let record = reader.next() { read.append(record) }
        #expect(reader.damage == nil)
        #expect(Spine.of(read) == Spine.of(engine.keeper.records))
        #expect(read.count == engine.keeper.records.count)
        let vias = Set(
          read.compactMap { record -> Via? in
            if case .call(let call) = record.event { call.via } else { nil }
          })
        #expect(vias == [.http, .inproc])
      }
    }
  }
}
