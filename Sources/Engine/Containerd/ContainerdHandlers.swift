import Seams

/// Which code answers which operation.
struct ContainerdHandlers: Sendable {
  /// Answers one operation for a namespace.
  final class Handler<O: ContainerdOperation>: Sendable {
    let run: @Sendable (O, ContainerdNamespace) async throws -> O.Answer
    init(_ run: @escaping @Sendable (O, ContainerdNamespace) async throws -> O.Answer) { self.run = run }
  }
  private var handlers: [ObjectIdentifier: any Sendable] = [:]

  mutating func on<O: ContainerdOperation>(
    _ operation: O.Type, _ run: @escaping @Sendable (O, ContainerdNamespace) async throws -> O.Answer
  ) {
    handlers[ObjectIdentifier(operation)] = Handler(run)
  }

  func handler<O: ContainerdOperation>(for operation: O.Type) -> Handler<O>? {
    handlers[ObjectIdentifier(operation)] as? Handler<O>
  }
}
