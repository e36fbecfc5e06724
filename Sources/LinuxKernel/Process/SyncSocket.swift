import CLinux
import Glibc
import Runtime

/// What the processes of a plan tell each other: how far they are, or that a step was refused.
public struct SyncMessage: Sendable, Hashable {
  public enum Kind: UInt8, Sendable, Hashable {
    /// Every step of the sender up to this one is finished; the value is the step's result.
    case done
    /// The step was refused: the value is the errno, the text is what to say.
    case refused
    /// A terminal's near end comes along; the value is its number.
    case terminal
  }
  public var kind: Kind
  /// Of whom this is told: the number of a role. The sender's own, unless it is passed on.
  public var role: UInt8
  public var step: Int32
  public var value: Int64
  public var text: String

  public init(_ kind: Kind, role: UInt8, step: Int, value: Int = 0, text: String = "") {
    (self.kind, self.role, self.text) = (kind, role, text)
    (self.step, self.value) = (Int32(clamping: step), Int64(value))
  }
}

/// One end of a pair of connected SOCK_SEQPACKET sockets: messages arrive whole, and the death of the other side is the
/// end of file.
public struct SyncSocket: Sendable, Hashable {
  /// Close-on-exec; -1 once closed.
  public private(set) var descriptor: Int32
  private static let header = 14

  /// A message, and the descriptor that came with it (-1: none).
  public struct Received: Sendable {
    public var message: SyncMessage
    public var descriptor: Int32
  }

  private static let longest = 16_384

  /// Two ends.
  public static func pair() throws(Errno) -> (SyncSocket, SyncSocket) {
    var ends: (Int32, Int32) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      clinux_call(
        Int(SYS_socketpair), Int(AF_UNIX), Int(SOCK_SEQPACKET.rawValue) | Int(O_CLOEXEC), 0, Int(bitPattern: $0), 0, 0)
    }
    try checked(result)
    return (SyncSocket(descriptor: ends.0), SyncSocket(descriptor: ends.1))
  }

  public mutating func close() {
    if descriptor >= 0 { _ = Glibc.close(descriptor) }
    descriptor = -1
  }

  /// write(2), or sendmsg(2) when a descriptor goes with it: a seccomp filter that is in force already has to allow
  /// write only. EPIPE when the other side is gone (SIGPIPE has to be ignored or blocked for that).
  public func send(_ message: SyncMessage, descriptor passed: Int32 = -1) throws(Errno) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(64)
    bytes.append(message.kind.rawValue)
    bytes.append(message.role)
    withUnsafeBytes(of: message.step) { bytes += $0 }
    withUnsafeBytes(of: message.value) { bytes += $0 }
    bytes += message.text.utf8.prefix(SyncSocket.longest - SyncSocket.header)
    let socket = descriptor
    let result = bytes.withUnsafeBytes { buffer in
      while true {
        let result =
          passed >= 0
          ? clinux_send(socket, buffer.baseAddress, buffer.count, passed)
          : clinux_call(Int(SYS_write), Int(socket), Int(bitPattern: buffer.baseAddress), buffer.count, 0, 0, 0)
        if result != -Int(EINTR) { return result }
      }
    }
    try checked(result)
  }

  /// The next message; nil when the other side is gone.
  /// EAGAIN when `blocks` is false and there is none.
  public func receive(blocks: Bool = true, takesDescriptors: Bool = true) throws(Errno) -> Received? {
    let socket = descriptor
    var passed: Int32 = -1
    var result = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: SyncSocket.longest) { buffer, count in
      repeat {
        result =
          takesDescriptors
          ? clinux_receive(socket, buffer.baseAddress, buffer.count, &passed, blocks ? 0 : Int32(MSG_DONTWAIT))
          : clinux_call(Int(SYS_read), Int(socket), Int(bitPattern: buffer.baseAddress), buffer.count, 0, 0, 0)
      } while result == -Int(EINTR)
      count = max(0, result)
    }
    if result == 0 || result == -Int(ECONNRESET) { return nil }
    try checked(result)
    guard bytes.count >= SyncSocket.header, let kind = SyncMessage.Kind(rawValue: bytes[0]) else { throw .EIO }
    let (step, value) = bytes.withUnsafeBytes {
      ($0.loadUnaligned(fromByteOffset: 2, as: Int32.self), $0.loadUnaligned(fromByteOffset: 6, as: Int64.self))
    }
    let text =
      bytes.count == SyncSocket.header ? "" : String(decoding: bytes[SyncSocket.header...], as: UTF8.self)
    return Received(
      message: SyncMessage(kind, role: bytes[1], step: Int(step), value: Int(value), text: text), descriptor: passed)
  }
}
