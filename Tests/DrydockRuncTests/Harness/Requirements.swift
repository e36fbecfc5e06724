import Glibc
import Testing

/// What this machine can do. On CI a missing need is a failure, elsewhere it skips the test and says why.
enum Machine {
  static let isCI = getenv("CI").map { String(cString: $0) } == "true"

  /// Root with CAP_SYS_ADMIN; nil, or why not.
  static let lackOfRoot: String? = {
    guard geteuid() == 0 else { return "real containers need root" }
    guard let line = Files.textIfAny("/proc/self/status")?.lines.first(where: { $0.hasPrefix("CapEff:") }),
      let hex = line.words.last, let set = UInt64(hex, radix: 16), set & (1 << 21) != 0
    else { return "real containers need CAP_SYS_ADMIN" }
    guard RuntimeUnderTest.current != nil else { return "drydock-runc has not been built (make runc)" }
    guard Files.program("busybox") != nil else { return "busybox (package busybox-static) is not installed" }
    return nil
  }()

  static func lack(of programs: [String]) -> String? {
    programs.first { Files.program($0) == nil }.map { "\($0) is not installed" }
  }
}

/// A need of a test that this machine does not meet.
struct Unmet: Error, CustomStringConvertible {
  let description: String
}

extension Trait where Self == ConditionTrait {
  /// Root, the runtime's binary and busybox. On CI the test runs all the same, and the sandbox fails it with the reason.
  static var requireRoot: Self {
    .enabled(if: Machine.lackOfRoot == nil || Machine.isCI, Comment(rawValue: Machine.lackOfRoot ?? ""))
  }

  /// A program of another package, such as podman.
  static func requires(_ programs: String...) -> Self {
    let lack = Machine.lack(of: programs)
    return .enabled(if: lack == nil || Machine.isCI, Comment(rawValue: lack ?? ""))
  }

  /// Runtime-spec 1.2 and 1.3: not in the genuine runc 1.1 against which these tests are themselves checked.
  static var newerThanRunc: Self { .enabled(if: RuntimeUnderTest.isNewerThanRunc, "runc 1.1 lacks it") }
  /// Only drydock-runc promises it.
  static var ours: Self { .enabled(if: RuntimeUnderTest.isOurs, "a promise of drydock-runc") }
}
