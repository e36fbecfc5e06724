import Seams

/// Which code answers which operation of a seam, for something (`Subject`) that has many of them.
struct OperationTable<Subject: Sendable>: Sendable {
  /// Answers one operation.
  final class Handler<O: Operation>: Sendable {
    let run: @Sendable (O, Subject) async throws -> O.Answer
    init(_ run: @escaping @Sendable (O, Subject) async throws -> O.Answer) { self.run = run }
  }
  /// By operation, which says what `O` is.
  private var handlers: [ObjectIdentifier: any AnyObject & Sendable] = [:]

  mutating func on<O: Operation>(
    _ operation: O.Type, _ run: @escaping @Sendable (O, Subject) async throws -> O.Answer
  ) {
    handlers[ObjectIdentifier(operation)] = Handler(run)
  }

  func handler<O: Operation>(for operation: O.Type) -> Handler<O>? {
    handlers[ObjectIdentifier(operation)].map { unsafeDowncast($0, to: Handler<O>.self) }
  }
}
