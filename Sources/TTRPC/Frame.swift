/// One ttrpc message: a header of ten bytes (length, stream, type, flags; big-endian) and its payload.
public struct Frame: Sendable, Hashable {
  public enum Kind: UInt8, Sendable, Hashable {
    case request = 1
    case response = 2
    case data = 3
  }
  public var stream: UInt32
  /// As it came: `Kind` names those that are known.
  public var type: UInt8
  public var flags: UInt8
  public var payload: [UInt8]

  public static let headerLength = 10
  /// Longer payloads are refused by every implementation.
  public static let longestPayload = 4 << 20

  public init(_ kind: Kind, stream: UInt32, flags: UInt8 = 0, payload: [UInt8]) {
    (self.stream, self.type, self.flags, self.payload) = (stream, kind.rawValue, flags, payload)
  }
  init(type: UInt8, stream: UInt32, flags: UInt8, payload: [UInt8]) {
    (self.stream, self.type, self.flags, self.payload) = (stream, type, flags, payload)
  }

  public var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Frame.headerLength + payload.count)
    for number in [UInt32(truncatingIfNeeded: payload.count), stream] {
      for shift in stride(from: UInt32(24), through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: number >> shift))
      }
    }
    bytes.append(type)
    bytes.append(flags)
    return bytes + payload
  }
}

/// Frames out of a stream of bytes that arrives in pieces.
public struct FrameReader: Sendable {
  /// What came out.
  public enum Event: Sendable, Hashable {
    case frame(Frame)
    /// A payload longer than is allowed; its bytes are passed over.
    case oversized(stream: UInt32, length: Int)
  }
  private var buffer: [UInt8] = []
  private var passOver = 0

  public init() {}

  /// Takes the next bytes of the stream.
  public mutating func append(_ bytes: some Collection<UInt8>) {
    let skipped = min(passOver, bytes.count)
    passOver -= skipped
    buffer += bytes.dropFirst(skipped)
  }

  /// The next frame that is there as a whole.
  public mutating func next() -> Event? {
    guard buffer.count >= Frame.headerLength else { return nil }
    func number(_ at: Int) -> UInt32 { buffer[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    let (length, stream) = (Int(number(0)), number(4))
    if length > Frame.longestPayload {
      let rest = buffer.count - Frame.headerLength
      passOver = max(0, length - rest)
      buffer.removeFirst(Frame.headerLength + min(length, rest))
      return .oversized(stream: stream, length: length)
    }
    let end = Frame.headerLength + length
    guard buffer.count >= end else { return nil }
    let frame = Frame(
      type: buffer[8], stream: stream, flags: buffer[9], payload: Array(buffer[Frame.headerLength..<end]))
    // A fresh array: a long message leaves no long buffer behind.
    buffer = Array(buffer[end...])
    return .frame(frame)
  }
}
