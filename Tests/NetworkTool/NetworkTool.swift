import CLinux
import Dispatch
import Glibc
import Seams

/// Networks as a process of its own, in a network namespace of its own: the host that the tests work on is never the
/// real one. `LinuxNetworkTests` runs it, a scenario a process; a check that fails is told, and makes the status 1.
///
///     network-tool SCENARIO
///     network-tool measure ROUNDS          what an endpoint costs
///     network-tool hold                    a "container": its own namespace until standard input ends
///     network-tool build                   makes networks and endpoints without end, until it is killed
@main
struct NetworkTool {
  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    guard let verb = arguments.first else { stop("network-tool SCENARIO") }
    // Before there is any other thread: they inherit it. A builder works on its parent's host.
    if verb != "build" {
      let refused = clinux_call(Int(SYS_unshare), 0x4000_0000 /* CLONE_NEWNET */, 0, 0, 0, 0, 0)
      if refused != 0 { stop("unshare: \(String(cString: strerror(Int32(-refused))))") }
    }
    if verb == "hold" { hold() }
    Task {
      let checks = Checks()
      do { try await Scenarios(checks: checks).run(verb, Array(arguments.dropFirst())) } catch {
        checks.fail("\(verb) ended with an error", "\(error)")
      }
      exit(checks.hasFailed ? 1 : 0)
    }
    dispatchMain()
  }

  /// The namespace lives as long as this process, and this process as long as the pipe that it reads.
  private static func hold() -> Never {
    write(STDOUT_FILENO, "r", 1)
    var byte: UInt8 = 0
    while read(STDIN_FILENO, &byte, 1) > 0 {}
    exit(0)
  }

  static func stop(_ words: String) -> Never {
    write(STDERR_FILENO, words + "\n", words.utf8.count + 1)
    exit(2)
  }
}
