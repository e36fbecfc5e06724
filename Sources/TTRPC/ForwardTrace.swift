/// How an engine that is watched learns what a shim hands on: with a request it sends the number of the call that the
/// request is; the shim answers only when everything that it did for it has been forwarded.
public enum TraceForwarding {
  /// Metadata of a request: the number of the engine's call that the request is.
  public static let parent = "drydock-trace-parent"
  /// Metadata of a request: the number of the command that the call belongs to.
  public static let command = "drydock-trace-cmd"
}

/// `drydock.trace.v1.Trace/Forward`, at the same socket as events: records of a trace, in their order.
///
/// Each line is a record in the trace's form, except: `t` is CLOCK_MONOTONIC in nanoseconds; there is no `seq`; `id` is
/// negative, and means the same call within one shim's life; `parent` is such a number, or a positive one: the engine's.
public struct ForwardTrace: ServiceRequest, Hashable {
  public static var service: String { "drydock.trace.v1.Trace" }
  public static var method: String { "Forward" }
  /// JSON Lines; each ends with a newline.
  public var lines: [UInt8]
  /// The id of the shim (its first container's), so that records of two shims are told apart.
  public var shim: String

  public init(lines: [UInt8], shim: String) { (self.lines, self.shim) = (lines, shim) }
  public init(_ fields: ProtobufFields) { (lines, shim) = (fields.bytes(1), fields.text(2)) }
  public func write(to writer: inout ProtobufWriter) {
    writer.write(1, bytes: lines)
    writer.write(2, shim)
  }
  public typealias Answer = ProtobufEmpty
}
