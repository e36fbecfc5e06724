import Engine
import Handoff
import Runtime
import Seams

/// The OCI runtimes of a machine by name, each behind its own traced decorator.
struct RuntimeTable: RuntimeCLI {
  private let runtimes: [String: any RuntimeCLI]

  /// `caller` executes them: the shim, conmon. `adapt` changes what is executed into what the core needs.
  init(
    _ parts: SimParts, caller: Party, adapt: (@Sendable (RuntimeCommand) -> RuntimeCommand)? = nil
  ) {
    var runtimes: [String: any RuntimeCLI] = [:]
    for flavour in RuntimeFlavour.allCases {
      let party = Party(flavour.rawValue)
      let runtime = Runc(
        flavour: flavour, kernel: parts.kernel, files: SimHostFiles(parts.kernel), world: parts.world,
        kernelTap: parts.tap(party, .kernel, .syscall))
      let adapted: any RuntimeCLI = adapt.map { AdaptedRuntime(next: runtime, adapt: $0) } ?? runtime
      runtimes[flavour.rawValue] = TracedRuntimeCLI(adapted, tap: parts.tap(caller, party, .exec))
    }
    self.runtimes = runtimes
  }

  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    let name = command.name
    guard let runtime = runtimes[name] else {
      throw EngineError(
        .notFound,
        "unable to retrieve OCI runtime error: exec: \"\(command.runtime)\": executable file not found in $PATH: unknown"
      )
    }
    return try await runtime.execute(command)
  }
}

/// A runtime whose executions are changed before they are carried out, and after they were recorded.
private struct AdaptedRuntime: RuntimeCLI {
  let next: any RuntimeCLI
  let adapt: @Sendable (RuntimeCommand) -> RuntimeCommand
  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult { try await next.execute(adapt(command)) }
}
