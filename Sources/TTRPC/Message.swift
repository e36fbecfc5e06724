/// A message in protobuf's wire format.
public protocol ProtobufMessage: Sendable {
  /// Out of its fields; unknown ones are passed over, missing ones have their default.
  init(_ fields: ProtobufFields) throws(ProtobufError)
  func write(to writer: inout ProtobufWriter)
}

extension ProtobufMessage {
  public init(parsing bytes: [UInt8]) throws(ProtobufError) { try self.init(try ProtobufFields(bytes)) }
  public var bytes: [UInt8] { ProtobufWriter.message { write(to: &$0) } }
}

extension ProtobufWriter {
  /// A message within the message.
  public mutating func write(_ field: Int, _ message: some ProtobufMessage) { write(field, message: message.bytes) }
  /// uint32.
  public mutating func write(_ field: Int, uint32 value: UInt32) { write(field, UInt64(value)) }
  /// A time in nanoseconds since 1970 as google.protobuf.Timestamp; 0 is left out: it is none.
  public mutating func write(_ field: Int, time: UInt64) {
    if time != 0 { write(field, message: protobufTimestamp(time)) }
  }
}

extension ProtobufFields {
  public func uint32(_ number: Int) -> UInt32 { self[number]?.uint32 ?? 0 }
  /// google.protobuf.Timestamp as nanoseconds since 1970; 0 when there is none, or one before 1970 or after 2554.
  public func time(_ number: Int) throws(ProtobufError) -> UInt64 {
    guard let value = self[number] else { return 0 }
    let fields = try ProtobufFields(value.bytes)
    guard let seconds = UInt64(exactly: Int64(bitPattern: fields.number(1))) else { return 0 }
    let (product, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, isFurtherOver) = product.addingReportingOverflow(fields.number(2))
    return isOver || isFurtherOver ? 0 : sum
  }
  /// google.protobuf.Any; nil when there is none.
  public func any(_ number: Int) throws(ProtobufError) -> ProtobufAny? {
    guard let value = self[number] else { return nil }
    return try ProtobufAny(parsing: value.bytes)
  }
}

/// google.protobuf.Empty.
public struct ProtobufEmpty: ProtobufMessage, Hashable {
  public init() {}
  public init(_ fields: ProtobufFields) {}
  public func write(to writer: inout ProtobufWriter) {}
}

/// A request of a service, and what answers it.
public protocol ServiceRequest: ProtobufMessage {
  associatedtype Answer: ProtobufMessage
  /// `containerd.task.v3.Task`.
  static var service: String { get }
  /// `Create`.
  static var method: String { get }
}

extension ServiceRequest {
  /// As a ttrpc request; `timeout` in nanoseconds, 0 without end.
  public func request(timeout: UInt64 = 0, metadata: [Request.Metadata] = []) -> Request {
    Request(service: Self.service, method: Self.method, payload: bytes, timeout: timeout, metadata: metadata)
  }
}
