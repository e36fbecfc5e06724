import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Seams
import Synchronization

/// The containerd → registry seam's real end: requests over HTTP, one at a time or many, bodies as streams.
///
/// It carries and nothing else: redirects, signing in and repeating are `RegistryClient`'s. TLS trusts the system's
/// authorities and those of the registry's folder in `certs.d`; proxies come from the environment.
public final class HTTPDistribution: DistributionAPI {
  /// How to reach registries.
  public struct Options: Sendable {
    /// Folders with a folder for each registry (`HOST` or `HOST:PORT`), in which `*.crt` are authorities to trust and
    /// `NAME.cert` with `NAME.key` is the client's certificate (Docker's layout).
    public var certificates: [String] = ["/etc/docker/certs.d"]
    public var proxies = Proxies()
    /// Seconds until a connection must stand.
    public var connectTimeout: Int64 = 30
    /// Seconds without a byte after which a connection counts as broken.
    public var idleTimeout: Int64 = 60
    public init() {}
  }

  private let options: Options
  private let group: any EventLoopGroup
  /// One client for each way of reaching: certificates and proxy.
  private let clients = Mutex<[Way: HTTPClient]>([:])

  private struct Way: Hashable {
    /// The registry whose folder in `certs.d` counts; nil for those that have none.
    var registry: String?
    var proxy: Proxies.Server?
  }

  public init(_ options: Options = .init(), group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton) {
    (self.options, self.group) = (options, group)
  }

  /// Whether a registry has a folder in one of `certificates`.
  public static func hasCertificates(for host: String, in certificates: [String]) -> Bool {
    CertificateFolder(of: host, in: certificates) != nil
  }

  /// Ends all connections. Nothing can be sent any more.
  public func shutdown() async {
    let open = clients.withLock { clients in
      defer { clients = [:] }
      return Array(clients.values)
    }
    for client in open { try? await client.shutdown() }
  }

  public func send(_ request: RegistryRequest) async throws -> RegistryResponse {
    let client: HTTPClient
    do { client = try self.client(for: request) } catch let error as CertificateFolder.Problem {
      throw EngineError(.unavailable, error.description)
    }
    do {
      let response = try await client.execute(
        HTTPDistribution.message(request), deadline: .distantFuture, logger: nil)
      return HTTPDistribution.answer(response, to: request)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw EngineError(.unavailable, ConnectionProblem.words(error, host: request.host))
    }
  }

  // MARK: Clients

  private func client(for request: RegistryRequest) throws -> HTTPClient {
    let folder = request.scheme == "https" ? CertificateFolder(of: request.host, in: options.certificates) : nil
    let way = Way(
      registry: folder.map { _ in request.host }, proxy: options.proxies.server(for: request.scheme, request.host))
    if let client = clients.withLock({ $0[way] }) { return client }
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.decompression = .disabled
    configuration.timeout = .init(connect: .seconds(options.connectTimeout), read: .seconds(options.idleTimeout))
    // Trying again is decided further up, where one can say so.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
    var tls = TLSConfiguration.makeClientConfiguration()
    try folder?.apply(to: &tls)
    configuration.tlsConfiguration = tls
    if let proxy = way.proxy {
      configuration.proxy = .server(
        host: proxy.host, port: proxy.port,
        authorization: proxy.user.map { .basic(username: $0, password: proxy.password ?? "") })
    }
    let fresh = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
    let client = clients.withLock { clients in
      // Somebody may have been quicker.
      if let client = clients[way] { return client }
      clients[way] = fresh
      return fresh
    }
    if client !== fresh { Task { try? await fresh.shutdown() } }
    return client
  }

  // MARK: Messages

  static func url(_ request: RegistryRequest) -> String {
    var url = "\(request.scheme)://\(request.host)\(escaped(request.path, keeping: "/:@!$&'()*+,;=~"))"
    for (index, item) in request.query.enumerated() {
      url += index == 0 ? "?" : "&"
      url += escaped(item.name, keeping: "~") + "=" + escaped(item.value, keeping: "/:~")
    }
    return url
  }

  private static func message(_ request: RegistryRequest) -> HTTPClientRequest {
    var message = HTTPClientRequest(url: url(request))
    message.method = HTTPMethod(rawValue: request.method)
    var declared: Int64?
    for header in request.headers {
      if header.name.lowercased() == "content-length" {
        declared = Int64(header.value)
      } else {
        message.headers.add(name: header.name, value: header.value)
      }
    }
    if let upload = request.upload {
      message.body = .stream(
        ChannelBytes(channel: upload), length: declared.map { .known($0) } ?? .unknown)
    } else if !request.body.isEmpty || ["POST", "PUT", "PATCH"].contains(request.method) {
      message.body = .bytes(ByteBuffer(bytes: request.body))
    }
    return message
  }

  private static func answer(_ response: HTTPClientResponse, to request: RegistryRequest) -> RegistryResponse {
    let headers = response.headers.map { NameValue($0.name, $0.value) }
    let status = Int(response.status.code)
    if request.method == "HEAD" || status == 204 || status == 304 {
      return RegistryResponse(status, headers: headers)
    }
    // The reader sets the pace: what it does not take stays in the connection.
    let channel = ByteChannel(capacity: 1 << 20)
    let body = response.body
    let bringing = Task {
      do {
        for try await part in body {
          guard await channel.write(Array(buffer: part)) else { break }
        }
      } catch {
        // A body that breaks is shorter than was declared; whoever reads it sees to that.
      }
      channel.closeWriting()
    }
    // Who waits for a registry that says nothing more does not notice by itself.
    channel.whenUnread { bringing.cancel() }
    return RegistryResponse(status, headers: headers, stream: channel)
  }
}

/// RFC 3986 §2.1, for a path or a component of a query.
func escaped(_ text: String, keeping kept: String) -> String {
  let kept = Set(kept.utf8)
  var out: [UInt8] = []
  out.reserveCapacity(text.utf8.count)
  let digits = Array("0123456789ABCDEF".utf8)
  for byte in text.utf8 {
    switch byte {
    case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      out.append(byte)
    case _ where kept.contains(byte): out.append(byte)
    default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return String(decoding: out, as: UTF8.self)
}

/// A channel's bytes as a request's body.
private struct ChannelBytes: AsyncSequence, Sendable {
  typealias Element = ByteBuffer
  let channel: ByteChannel

  struct AsyncIterator: AsyncIteratorProtocol {
    let channel: ByteChannel
    func next() async -> ByteBuffer? { await channel.read(1 << 18).map { ByteBuffer(bytes: $0) } }
  }
  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(channel: channel) }
}
