import Glibc
import JSONTree
import OCISpec
import Runtime

/// `--log`, `--log-format` and `--debug`: one line an event, as logrus writes them and containerd and podman read them.
///
/// Without a file the log is stderr. With one, errors stand on stderr too, as plain text.
struct Log: Sendable {
  enum Level: String { case debug, info, warning, error, fatal }

  /// Empty for stderr.
  let path: String
  let isJSON: Bool
  let isDebug: Bool

  /// stderr, as text.
  static let standard = Log(path: "", isJSON: false, isDebug: false)

  init(path: String, isJSON: Bool, isDebug: Bool) { (self.path, self.isJSON, self.isDebug) = (path, isJSON, isDebug) }

  init(_ arguments: RuntimeArguments) throws(RuntimeArguments.Misuse) {
    self.init(
      path: arguments.global("log") ?? "", isJSON: try arguments.logsJSON(), isDebug: arguments.hasGlobal("debug"))
  }

  /// What the command ends with: in the log, and for people on stderr.
  func error(_ message: String) {
    write(.error, message)
    if !path.isEmpty { Log.say(message) }
  }
  func warn(_ message: String) { write(.warning, message) }
  /// Capabilities that cannot be given are done without. Those that Linux does not know are told of, as runc does
  /// (config.md, "Linux Process"); those that are refused for want of others (ambient ones must be inheritable: runc's
  /// own `spec` asks for such) only with `--debug`, for runc says nothing of them.
  func warn(ofCapabilities sets: RuntimeSpec.Capabilities?) {
    guard let sets, isDebug || !CapabilityNames.areKnown(sets) else { return }
    let refused = CapabilityNames.refused(sets)
    let unknown = refused.filter { !CapabilityNames.all.contains($0) }
    if !unknown.isEmpty {
      warn("ignoring unknown or unavailable capabilities: [\(unknown.joined(separator: " "))]")
    }
    let partial = refused.filter(CapabilityNames.all.contains)
    if !partial.isEmpty {
      debug(
        "capabilities that cannot be had in every set they are asked for (ambient ones must be inheritable, too): "
          + "[\(partial.joined(separator: " "))]")
    }
  }
  /// Only with `--debug`; otherwise the message is not even made.
  func debug(_ message: @autoclosure () -> String) {
    if isDebug { write(.debug, message()) }
  }

  private func write(_ level: Level, _ message: String) {
    let line = line(level, message)
    if !path.isEmpty {
      let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0o644)
      if file >= 0 {
        defer { close(file) }
        if (try? HostFile.write(line.utf8, to: file)) != nil { return }
      }
      // A log that cannot be written must not hide what it was to tell.
      Log.say("open \(path): \(Errno.last)")
    }
    _ = try? HostFile.write(line.utf8, to: 2)
  }

  func line(_ level: Level, _ message: String) -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let time = RFC3339.text(UInt64(max(0, now.tv_sec)) * 1_000_000_000, fraction: false)
    if isJSON {
      let json: JSON = ["level": .string(level.rawValue), "msg": .string(message), "time": .string(time)]
      return json.text + "\n"
    }
    if path.isEmpty, isatty(2) == 1 { return "\(level.rawValue.uppercased().prefix(4))[0000] \(message)\n" }
    return "time=\"\(time)\" level=\(level.rawValue) msg=\(Log.isPlain(message) ? message : GoText.quoted(message))\n"
  }

  /// What logrus writes without quotes.
  private static func isPlain(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "-._/@^+".utf8.contains(byte)
        }
      }
  }

  /// A line on stderr.
  static func say(_ text: String) { _ = try? HostFile.write((text + "\n").utf8, to: 2) }
}
