/// google.rpc.Status: why a call was refused.
public struct Status: Error, Sendable, Hashable, CustomStringConvertible {
  /// google.rpc.Code.
  public enum Code: Int32, Sendable, Hashable {
    case ok = 0
    case canceled, unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied
    case resourceExhausted, failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable, dataLoss
    case unauthenticated
  }
  public var code: Code
  public var message: String

  public init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }
  public var description: String { message }
}

/// ttrpc.Request.
public struct Request: Sendable, Hashable {
  /// `containerd.task.v2.Task`.
  public var service: String
  public var method: String
  public var payload: [UInt8]
  /// How long the caller waits, in nanoseconds; 0: without end.
  public var timeout: UInt64
  /// ttrpc.KeyValue: what is said beside the message.
  public struct Metadata: Sendable, Hashable {
    public var key: String
    public var value: String
    public init(_ key: String, _ value: String) { (self.key, self.value) = (key, value) }
  }
  public var metadata: [Metadata]

  public init(service: String, method: String, payload: [UInt8], timeout: UInt64 = 0, metadata: [Metadata] = []) {
    (self.service, self.method, self.payload) = (service, method, payload)
    (self.timeout, self.metadata) = (timeout, metadata)
  }

  /// The first value under a name.
  public func metadata(_ key: String) -> String? { metadata.first { $0.key == key }?.value }

  public init(parsing bytes: [UInt8]) throws(ProtobufError) {
    let fields = try ProtobufFields(bytes)
    let timeout = Int64(bitPattern: fields.number(4))
    var metadata: [Metadata] = []
    for value in fields.all(5) {
      let pair = try ProtobufFields(value.bytes)
      metadata.append(Metadata(pair.text(1), pair.text(2)))
    }
    self.init(
      service: fields.text(1), method: fields.text(2), payload: fields.bytes(3), timeout: UInt64(max(0, timeout)),
      metadata: metadata)
  }

  public var bytes: [UInt8] {
    ProtobufWriter.message {
      $0.write(1, service)
      $0.write(2, method)
      $0.write(3, bytes: payload)
      $0.write(4, timeout)
      for pair in metadata {
        $0.write(5) {
          $0.write(1, pair.key)
          $0.write(2, pair.value)
        }
      }
    }
  }
}

/// ttrpc.Response.
public struct Response: Sendable {
  public var result: Result<[UInt8], Status>

  public init(_ result: Result<[UInt8], Status>) { self.result = result }
  public init(parsing bytes: [UInt8]) throws(ProtobufError) {
    let fields = try ProtobufFields(bytes)
    let status = try ProtobufFields(fields.bytes(1))
    let code = Int32(truncatingIfNeeded: status.number(1))
    result =
      code == 0 ? .success(fields.bytes(2)) : .failure(Status(Status.Code(rawValue: code) ?? .unknown, status.text(2)))
  }

  public var bytes: [UInt8] {
    ProtobufWriter.message { writer in
      switch result {
      case .success(let payload): writer.write(2, bytes: payload)
      case .failure(let status):
        writer.write(1) {
          $0.write(1, signed: Int64(status.code.rawValue))
          $0.write(2, status.message)
        }
      }
    }
  }
}
