#if canImport(Glibc)
  import Glibc
#endif
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Why a registry cannot be reached, in the words of Go's net/http, which is what users of Docker search for.
enum ConnectionProblem {
  static func words(_ error: any Error, host: String) -> String {
    let (name, port) = Proxies.split(host)
    switch error {
    case let error as NIOConnectionError:
      if error.connectionErrors.isEmpty { return "dial tcp: lookup \(name): no such host" }
      if let cause = error.connectionErrors.first?.error as? IOError {
        return "dial tcp \(name):\(port ?? error.port): connect: \(reason(cause))"
      }
      return "dial tcp \(name):\(port ?? error.port): \(error.connectionErrors[0].error)"
    case let error as IOError:
      let isDialling = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT].contains(error.errnoCode)
      return "\(isDialling ? "dial" : "read") tcp \(host): \(isDialling ? "connect: " : "")\(reason(error))"
    case let error as HTTPClientError:
      switch error {
      case .connectTimeout: return "dial tcp \(host): i/o timeout"
      case .readTimeout, .deadlineExceeded, .writeTimeout:
        return "net/http: request canceled (Client.Timeout exceeded while awaiting headers)"
      case .remoteConnectionClosed: return "unexpected EOF"
      default: return "\(error.description)"
      }
    case let error as NIOSSLError: return tls("\(error)")
    case let error as BoringSSLError: return tls("\(error)")
    default:
      let text = String(describing: error)
      if text.contains("certificate") || text.contains("SSL") { return tls(text) }
      return text
    }
  }

  private static func reason(_ error: IOError) -> String {
    String(cString: strerror(error.errnoCode)).lowercased()
  }

  private static func tls(_ text: String) -> String {
    if text.contains("CERTIFICATE_VERIFY_FAILED") || text.contains("certificate verify failed") {
      return "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    }
    if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
      return "http: server gave HTTP response to HTTPS client"
    }
    if text.contains("unableToValidateCertificate") || text.contains("noSuitableValidatedHostname") {
      return "tls: failed to verify certificate: x509: certificate is not valid for this name"
    }
    return "remote error: tls: \(text)"
  }
}
