import Foundation

/// Tests/CrashingEngine: an engine in a process of its own, which kills itself at a given moment of one request.
enum CrashingEngine {
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

  /// How it ended, and what it printed.
  static func run(
    _ root: String, _ moment: [String], _ request: [String]
  ) throws -> (isKilled: Bool, status: Int32, text: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = [root] + moment + request
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (
      process.terminationReason == .uncaughtSignal, process.terminationStatus, String(decoding: data, as: UTF8.self)
    )
  }

  /// The number behind a word of what it printed; 0 when it is not there.
  static func number(_ name: String, in text: String) -> Int {
    let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
    guard let place = words.firstIndex(of: Substring(name)), place + 1 < words.count else { return 0 }
    return Int(words[place + 1]) ?? 0
  }
}
