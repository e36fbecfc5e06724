import Runtime
import Seams

/// The runtimes of a host, by the names under which `--runtime` and the shim's options know them.
public struct RuntimeTable: RuntimeCLI {
  private let runtimes: [String: any RuntimeCLI]

  /// `runtimes`: by the executable's name (`runc`, `crun`, `railcar`), each with its own decorator.
  public init(_ runtimes: [String: any RuntimeCLI]) { self.runtimes = runtimes }

  public func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    let name = command.runtime.split(separator: "/").last.map(String.init) ?? command.runtime
    guard let runtime = runtimes[command.runtime] ?? runtimes[name] else {
      let reason =
        command.runtime.contains("/")
        ? "fork/exec \(command.runtime): no such file or directory"
        : "exec: \"\(command.runtime)\": executable file not found in $PATH"
      throw EngineError(.notFound, reason)
    }
    return try await runtime.execute(command)
  }
}
