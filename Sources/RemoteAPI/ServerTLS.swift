import NIOSSL
import Seams

/// TLS as dockerd's options name it: `--tlscert`, `--tlskey`, and with `--tlsverify` the authority (`--tlscacert`) whose
/// clients are let in.
public struct ServerTLS: Sendable {
  public var certificate: String
  public var key: String
  /// PEM file of the authorities of client certificates; nil lets everybody in.
  public var clientAuthorities: String?

  public init(certificate: String, key: String, clientAuthorities: String?) {
    (self.certificate, self.key, self.clientAuthorities) = (certificate, key, clientAuthorities)
  }

  func context() throws -> NIOSSLContext {
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(certificate)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) },
        privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["http/1.1"]
      if let clientAuthorities {
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(clientAuthorities))
        // Clients have names of their own: what counts is who signed them.
        configuration.certificateVerification = .noHostnameVerification
      }
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw EngineError(
        .invalidArgument,
        "could not load X509 key pair (cert: \"\(certificate)\", key: \"\(key)\"\(clientAuthorities.map { ", ca: \"\($0)\"" } ?? "")): \(error)"
      )
    }
  }
}
