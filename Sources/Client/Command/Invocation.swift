import JSONTree
import Seams

/// A command with what the user gave to it.
struct Invocation: Sendable {
  let command: Command
  /// The command's words: `docker container ls`.
  let path: String
  let flags: Flags
  let arguments: [String]
  let session: Session

  var environment: any ClientEnvironment { session.environment }

  func out(_ text: String) async throws { try await session.out(text) }
  func err(_ text: String) async throws { try await session.err(text) }
  /// A line on standard output.
  func line(_ text: String) async throws { try await session.out(text + "\n") }

  /// The first positional argument; the command's rule vouches for it.
  var argument: String { arguments.first ?? "" }

  /// Asks the same of several things; what fails is said, and the command ends with status 1.
  ///
  /// - Parameter action: returns what to print for a name; nil prints nothing.
  func forEach(
    _ names: [String], _ action: (String) async throws -> String?
  ) async throws -> Int32 {
    var failures: [String] = []
    for name in names {
      do {
        if let text = try await action(name) { try await line(text) }
      } catch let error as DaemonError {
        failures.append(error.description)
      } catch let error as CommandError where !error.message.isEmpty {
        failures.append(error.message)
      }
    }
    for failure in failures { try await err(failure + "\n") }
    return failures.isEmpty ? 0 : 1
  }
}

/// A request with its query in the order of Go's url.Values: by name.
func request(
  _ method: String, _ template: String, _ parameters: [String: String] = [:], query: [(String, String)] = [],
  body: JSON? = nil, upload: ByteChannel? = nil, registryAuth: JSON? = nil, hijack: Bool = false
) -> APIRequest {
  var values: [NameValue] = []
  values.reserveCapacity(query.count)
  for (name, value) in query {
    var index = values.count
    while index > 0, values[index - 1].name > name { index -= 1 }
    values.insert(NameValue(name, value), at: index)
  }
  return APIRequest(
    method, template, parameters, query: values, body: body, upload: upload, registryAuth: registryAuth, hijack: hijack)
}
