import NIOCore
import Synchronization

/// One accepted socket as bytes in both directions, for tasks: reading asks the socket only when somebody wants bytes,
/// writing waits until the kernel has taken them.
final class WireConnection: Sendable {
  private struct State {
    var chunks: [ByteBuffer] = []
    /// The peer sends nothing more.
    var isEnded = false
    /// Both directions are gone.
    var isClosed = false
    var isIdle = true
    var reader: CheckedContinuation<Void, Never>?
    var onEnd: (@Sendable () -> Void)?
    var onClosed: (@Sendable () -> Void)?
  }
  private let state = Mutex(State())
  let channel: any Channel

  init(_ channel: any Channel) { self.channel = channel }

  // MARK: Reading

  /// The next bytes; nil when the peer has closed its direction.
  func read() async -> ByteBuffer? {
    while true {
      let (chunk, isEnded) = state.withLock { state -> (ByteBuffer?, Bool) in
        (state.chunks.isEmpty ? nil : state.chunks.removeFirst(), state.isEnded)
      }
      if let chunk { return chunk }
      if isEnded { return nil }
      await withCheckedContinuation { continuation in
        let now = state.withLock { state -> Bool in
          if !state.chunks.isEmpty || state.isEnded || state.reader != nil { return true }
          state.reader = continuation
          return false
        }
        if now { continuation.resume() } else { channel.read() }
      }
    }
  }

  /// Between two requests: nobody loses anything when the connection ends.
  var isIdle: Bool {
    get { state.withLock { $0.isIdle } }
    set { state.withLock { $0.isIdle = newValue } }
  }

  /// The peer's direction is closed already, or both are.
  var hasEnded: Bool { state.withLock { $0.isEnded } }

  /// Calls `body` when the peer closes its direction, or has done so; nil takes the last one back.
  func whenEnded(_ body: (@Sendable () -> Void)?) {
    let isEnded = state.withLock { state in
      state.onEnd = state.isEnded ? nil : body
      return state.isEnded
    }
    if isEnded { body?() }
  }

  /// Calls `body` when both directions are gone.
  func whenClosed(_ body: @escaping @Sendable () -> Void) {
    let isClosed = state.withLock { state in
      if !state.isClosed { state.onClosed = body }
      return state.isClosed
    }
    if isClosed { body() }
  }

  fileprivate func received(_ buffer: ByteBuffer) {
    state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.chunks.append(buffer)
      defer { state.reader = nil }
      return state.reader
    }?.resume()
  }

  fileprivate func ended(isClosed: Bool) {
    let (reader, onEnd, onClosed) = state.withLock { state in
      state.isEnded = true
      if isClosed { state.isClosed = true }
      defer {
        (state.reader, state.onEnd) = (nil, nil)
        if isClosed { state.onClosed = nil }
      }
      return (state.reader, state.onEnd, isClosed ? state.onClosed : nil)
    }
    reader?.resume()
    onEnd?()
    onClosed?()
  }

  // MARK: Writing

  /// False when the peer cannot be reached any more.
  @discardableResult
  func write(_ bytes: [UInt8]) async -> Bool {
    guard !bytes.isEmpty else { return true }
    do {
      try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
      return true
    } catch { return false }
  }

  /// Tells the peer that nothing more comes (shutdown(2), SHUT_WR; close_notify).
  func closeOutput() async { try? await channel.close(mode: .output).get() }

  /// Closes so that the peer still gets what was written last: with bytes unread the kernel would reset the connection,
  /// so what still comes is read and thrown away, for a second at most.
  func closeGently() async {
    await closeOutput()
    let channel = channel
    let timer = channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
    while await read() != nil {}
    timer.cancel()
    try? await channel.close().get()
  }

  func close() { channel.close(promise: nil) }
}

/// The end of a socket's pipeline: hands what happens to a `WireConnection`.
final class WireHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let connection: WireConnection
  private var begin: (@Sendable () -> Void)?

  /// `begin` is called when the socket is ready: what asks to read before that is not heard.
  init(_ connection: WireConnection, begin: @escaping @Sendable () -> Void) {
    (self.connection, self.begin) = (connection, begin)
  }

  func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { start() } }

  func channelActive(context: ChannelHandlerContext) {
    start()
    context.fireChannelActive()
  }

  private func start() {
    begin?()
    begin = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { connection.received(unwrapInboundIn(data)) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent { connection.ended(isClosed: false) }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.ended(isClosed: true)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    connection.ended(isClosed: true)
    context.close(promise: nil)
  }
}
