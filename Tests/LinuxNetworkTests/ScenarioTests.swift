import Foundation
import Testing

/// Real bridges, veth pairs, rules, ports and names, in network namespaces: each scenario is a process of
/// `network-tool`, whose checks are its lines. Needs root.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root")) struct ScenarioTests {
  @Test("bridges: made, used when there, refused, removed") func bridges() throws { try scenario("bridges") }
  @Test("endpoints: interfaces, routes, isolation, joining and leaving while running, addresses that are given on")
  func endpoints() throws { try scenario("endpoints") }

  private func scenario(_ name: String) throws {
    let tool = Process()
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    tool.executableURL = package.appendingPathComponent(".build/debug/network-tool")
    tool.arguments = [name]
    let output = Pipe()
    (tool.standardOutput, tool.standardError, tool.standardInput) = (output, output, FileHandle.nullDevice)
    try tool.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    tool.waitUntilExit()
    let wrong = text.split(separator: "\n").filter { !$0.hasPrefix("ok ") }
    #expect(tool.terminationStatus == 0 && wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    // A scenario that looks at nothing proves nothing.
    #expect(text.split(separator: "\n").count > 5)
  }
}
