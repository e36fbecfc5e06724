import Glibc
import LinuxKernel
import Runtime

/// `drydock-runc` from its arguments to its exit status.
public enum DrydockRunc {
  /// One execution of the runtime. The arguments include the program's own name; the result is the exit status.
  public static func main(_ arguments: [String]) -> Int32 {
    do throws(Failure) {
      let invocation = try Invocation(arguments)
      return try perform(invocation)
    } catch {
      writeError(error.message)
      return error.status ?? 1
    }
  }

  /// Each verb is a function of its own, `(Invocation) throws(Failure) -> exit status`.
  static func perform(_ invocation: Invocation) throws(Failure) -> Int32 {
    switch invocation.verb {
    default: throw Failure("unknown command: \(invocation.verb)")
    }
  }

  static func writeError(_ message: String) {
    let line = Array((message + "\n").utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
  }
}
