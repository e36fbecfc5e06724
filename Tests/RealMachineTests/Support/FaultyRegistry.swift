import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import OCISpec
import Synchronization

/// A registry on a port of the loopback that serves `TestImages`, and does wrong what a test wants it to.
final class FaultyRegistry: Sendable {
  struct Request: Sendable {
    var method: String
    /// Path and query.
    var uri: String
    var headers: HTTPHeaders
    var body: [UInt8]
    /// How often the same method and path were asked before.
    var before: Int
    var isBlob: Bool { uri.contains("/blobs/") }
    var isManifest: Bool { uri.contains("/manifests/") }
  }
  struct Answer: Sendable {
    var status = 200
    var headers: [(String, String)] = []
    var body: [UInt8] = []
    /// The connection ends after so many bytes of the body.
    var cut: Int?
  }

  private let channel: any Channel
  var port: Int { channel.localAddress?.port ?? 0 }
  var host: String { "127.0.0.1:\(port)" }
  private let log: Log

  final class Log: Sendable {
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
  var requests: [Request] { log.requests }

  init(_ handle: @escaping @Sendable (Request) -> Answer) async throws {
    let log = Log()
    self.log = log
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Responder { handle(log.add($0)) })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  func close() async { try? await channel.close() }

  /// What an honest registry answers; tags by name.
  static func honest(_ request: Request, _ images: TestImages, _ tags: [String: Descriptor]) -> Answer {
    let path = request.uri.split(separator: "?")[0].split(separator: "/").map(String.init)
    guard path.first == "v2" else { return Answer(status: 404) }
    if path.count == 1 { return Answer() }
    guard path.count >= 4, let name = path.last else { return Answer(status: 404) }
    let digest = Digest(name) ?? tags[name]?.digest
    guard let digest, let bytes = images.content[digest] else {
      return Answer(
        status: 404, body: Array(#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#.utf8))
    }
    var answer = Answer(headers: [("Docker-Content-Digest", digest.description)], body: bytes)
    if request.isManifest {
      let text = String(decoding: bytes, as: UTF8.self)
      let type = text.components(separatedBy: "\"mediaType\":\"").dropFirst().first?.components(separatedBy: "\"").first
      answer.headers.append(("Content-Type", type ?? MediaType.ociManifest))
    } else if let range = request.headers.first(name: "Range"), range.hasPrefix("bytes="), range.hasSuffix("-"),
      let start = Int(range.dropFirst(6).dropLast()), start < bytes.count
    {
      answer.status = 206
      answer.headers.append(("Content-Range", "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"))
      answer.body = Array(bytes[start...])
    }
    return answer
  }

  /// Runs `body` beside a registry of `images` whose answers `twist` changes.
  static func with(
    _ images: TestImages, tags: [String: Descriptor],
    twist: @escaping @Sendable (Request, inout Answer) -> Void = { _, _ in },
    _ body: (FaultyRegistry) async throws -> Void
  ) async throws {
    let registry = try await FaultyRegistry { request in
      var answer = honest(request, images, tags)
      twist(request, &answer)
      return answer
    }
    let result: Result<Void, any Error>
    do { result = .success(try await body(registry)) } catch { result = .failure(error) }
    await registry.close()
    try result.get()
  }

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
          Request(method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body, before: 0))
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
        if answer.cut != nil, head.method != .HEAD {
          return
        } else {
          context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
      }
    }
  }
}
