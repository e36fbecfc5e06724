import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// A registry as the tests want it to be, on a port of the loopback.
package final class LoopbackServer: Sendable {
  /// One request as it came in.
  package struct Request: Sendable {
    package var method: String
    package var uri: String
    package var headers: HTTPHeaders
    package var body: [UInt8]
    /// How often the same method and path were asked before.
    package var before = 0
  }
  /// What is answered: `cut` ends the connection after so many bytes of the body, `stall` sends no more than so many
  /// and leaves it open.
  package struct Answer: Sendable {
    package var status = 200
    package var headers: [(String, String)] = []
    package var body: [UInt8] = []
    package var cut: Int?
    package var stall: Int?
    /// Nothing is ever answered.
    package var isSilent = false
    package init(status: Int = 200, headers: [(String, String)] = [], body: [UInt8] = [], cut: Int? = nil) {
      (self.status, self.headers, self.body, self.cut) = (status, headers, body, cut)
    }
  }

  private let channel: any Channel
  private let log: Log
  package var port: Int { channel.localAddress?.port ?? 0 }
  package var host: String { "127.0.0.1:\(port)" }
  /// What was asked so far.
  package var requests: [Request] { log.requests }

  private final class Log: Sendable {
    private let kept = Mutex<[Request]>([])
    func add(_ request: Request) -> Request {
      kept.withLock { kept in
        var request = request
        request.before = kept.count { $0.method == request.method && $0.uri == request.uri }
        kept.append(request)
        return request
      }
    }
    var requests: [Request] { kept.withLock { $0 } }
  }

  package init(tls: TLSConfiguration? = nil, _ handle: @escaping @Sendable (Request) -> Answer) async throws {
    let log = Log()
    self.log = log
    let context = try tls.map { try NIOSSLContext(configuration: $0) }
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Responder { handle(log.add($0)) })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  package func close() async { try? await channel.close() }

  private final class Responder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let handle: @Sendable (Request) -> Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ handle: @escaping @Sendable (Request) -> Answer) { self.handle = handle }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head): (self.head, body) = (head, [])
      case .body(let part): body += Array(buffer: part)
      case .end:
        guard let head else { return }
        let answer = handle(
          Request(method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body))
        if answer.isSilent { return }
        var headers = HTTPHeaders(answer.headers)
        if !headers.contains(name: "Content-Length") {
          headers.add(name: "Content-Length", value: String(answer.body.count))
        }
        let response = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        if head.method != .HEAD {
          let sent = context.eventLoop.makePromise(of: Void.self)
          if answer.cut != nil {
            // All of it goes out before the end.
            let channel = context.channel
            sent.futureResult.whenComplete { _ in channel.close(promise: nil) }
          }
          context.writeAndFlush(
            wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body.prefix(answer.cut ?? .max))))),
            promise: sent)
        }
        if answer.cut != nil || answer.stall != nil, head.method != .HEAD {
          return
        } else {
          context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
      }
    }
  }
}
