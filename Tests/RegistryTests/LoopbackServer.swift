import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A registry as the tests want it to be, on a port of the loopback.
final class LoopbackServer: Sendable {
  /// One request as it came in.
  struct Request: Sendable {
    var method: String
    var uri: String
    var headers: HTTPHeaders
    var body: [UInt8]
  }
  /// What is answered: `cut` ends the connection after so many bytes of the body.
  struct Answer: Sendable {
    var status = 200
    var headers: [(String, String)] = []
    var body: [UInt8] = []
    var cut: Int?
  }

  let channel: any Channel
  var port: Int { channel.localAddress?.port ?? 0 }
  var host: String { "127.0.0.1:\(port)" }

  init(tls: TLSConfiguration? = nil, _ handle: @escaping @Sendable (Request) -> Answer) async throws {
    let context = try tls.map { try NIOSSLContext(configuration: $0) }
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Responder(handle))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  func close() async { try? await channel.close() }

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
        var headers = HTTPHeaders(answer.headers)
        if !headers.contains(name: "Content-Length") {
          headers.add(name: "Content-Length", value: String(answer.body.count))
        }
        let response = HTTPResponseHead(
          version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(response)), promise: nil)
        if head.method != .HEAD {
          context.write(
            wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body.prefix(answer.cut ?? .max))))), promise: nil
          )
        }
        if answer.cut != nil {
          context.flush()
          context.close(promise: nil)
        } else {
          context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
      }
    }
  }
}
