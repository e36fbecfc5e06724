#if canImport(Glibc)
  import Glibc
#endif
import NIOSSL

/// A registry's folder in Docker's `certs.d`.
struct CertificateFolder {
  let path: String

  /// What is wrong with a folder.
  struct Problem: Error, CustomStringConvertible {
    let description: String
  }

  /// The first of `folders` that has one for `host` (`registry.example.com:5000`).
  init?(of host: String, in folders: [String]) {
    // A host comes from a reference that was checked, or from a redirect that was not.
    guard !host.contains("/"), host != ".", host != ".." else { return nil }
    for folder in folders {
      let path = "\(folder)/\(host)"
      var info = stat()
      if stat(path, &info) == 0, info.st_mode & S_IFMT == S_IFDIR {
        self.path = path
        return
      }
    }
    return nil
  }

  /// Adds the folder's authorities and client certificate. Throws what Docker says of a key without a certificate.
  func apply(to tls: inout TLSConfiguration) throws {
    let names = try entries()
    var authorities: [NIOSSLCertificate] = []
    for name in names where name.hasSuffix(".crt") {
      do { authorities += try NIOSSLCertificate.fromPEMFile("\(path)/\(name)") } catch {
        throw Problem(description: "\(path)/\(name): no certificates in PEM form")
      }
    }
    if !authorities.isEmpty { tls.additionalTrustRoots.append(.certificates(authorities)) }
    for name in names where name.hasSuffix(".key") {
      guard names.contains(name.dropLast(4) + ".cert") else {
        throw Problem(
          description: "missing client certificate \(name.dropLast(4)).cert for key \(path)/\(name)")
      }
    }
    for name in names where name.hasSuffix(".cert") {
      let stem = name.dropLast(5)
      guard names.contains(stem + ".key") else {
        throw Problem(
          description:
            "missing key \(stem).key for client certificate \(path)/\(name). CA certificates must use the extension .crt"
        )
      }
      do {
        tls.certificateChain = try NIOSSLCertificate.fromPEMFile("\(path)/\(name)").map { .certificate($0) }
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: "\(path)/\(stem).key", format: .pem))
      } catch {
        throw Problem(description: "\(path)/\(name): no certificate and key in PEM form")
      }
    }
  }

  private func entries() throws -> [String] {
    guard let folder = opendir(path) else {
      throw Problem(description: "open \(path): \(String(cString: strerror(errno)).lowercased())")
    }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      names.append(name)
    }
    return names.sorted()
  }
}
