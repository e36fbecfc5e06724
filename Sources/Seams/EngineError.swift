/// What went wrong, in the words that the part on the other side of a seam would use.
public struct EngineError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The kind of failure. Each has its HTTP status (Remote API) and its gRPC code (containerd).
  public enum Code: String, Sendable, Hashable {
    case notModified, invalidArgument, unauthenticated, permissionDenied, notFound, alreadyExists, conflict
    case failedPrecondition, notImplemented, unavailable, resourceExhausted, deadlineExceeded, canceled, unknown
  }
  public var code: Code
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }

  /// The Remote API's status for this kind (moby's error classes).
  public var httpStatus: Int {
    switch code {
    case .notModified: 304
    case .invalidArgument: 400
    case .unauthenticated: 401
    case .permissionDenied: 403
    case .notFound: 404
    case .alreadyExists, .conflict: 409
    case .failedPrecondition: 500
    case .resourceExhausted: 429
    case .notImplemented: 501
    case .unavailable: 503
    case .deadlineExceeded, .canceled, .unknown: 500
    }
  }

  /// The gRPC status code (grpc.io, status codes).
  public var grpcCode: Int {
    switch code {
    case .notModified: 0
    case .canceled: 1
    case .unknown: 2
    case .invalidArgument: 3
    case .deadlineExceeded: 4
    case .notFound: 5
    case .alreadyExists: 6
    case .permissionDenied: 7
    case .resourceExhausted: 8
    case .failedPrecondition, .conflict: 9
    case .notImplemented: 12
    case .unavailable: 14
    case .unauthenticated: 16
    }
  }
}
