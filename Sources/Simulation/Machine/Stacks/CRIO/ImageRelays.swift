import Seams
import Synchronization

/// A pull of the docker client's that goes by way of the CRI: `PullImage` says nothing before its end, but the docker
/// client shows how far it is.
final class PullRelay: Sendable {
  @TaskLocal static var current: PullRelay?
  let request: APIRequest
  let channel = ByteChannel(capacity: .max)
  private struct State {
    var result: Result<APIResponse, any Error>?
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  init(_ request: APIRequest) { self.request = request }

  /// The pull has begun: what it says comes over `channel`.
  func open(_ headers: [NameValue]) { settle(.success(APIResponse(200, .stream(channel), headers: headers))) }

  /// The pull has ended.
  func finish(_ error: (any Error)?) {
    if let error { settle(.failure(error)) } else { settle(.success(APIResponse(200))) }
    channel.closeWriting()
  }

  private func settle(_ result: Result<APIResponse, any Error>) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard state.result == nil else { return nil }
      state.result = result
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// The answer to the docker client, as soon as it is known which.
  func response() async throws -> APIResponse {
    await withCheckedContinuation { continuation in
      let isSettled = state.withLock { state -> Bool in
        if state.result != nil { return true }
        state.waiter = continuation
        return false
      }
      if isSettled { continuation.resume() }
    }
    return try state.withLock { $0.result }?.get() ?? APIResponse(200)
  }
}

/// A removal of the docker client's that goes by way of the CRI: `RemoveImage` does not say what has been removed.
final class ImageRemoval: Sendable {
  @TaskLocal static var current: ImageRemoval?
  let request: APIRequest
  private let state = Mutex<APIResponse?>(nil)

  init(_ request: APIRequest) { self.request = request }
  func answered(_ response: APIResponse) { state.withLock { $0 = response } }
  var response: APIResponse? { state.withLock { $0 } }
}
