import Foundation

/// Certificates made by openssl(1), in a folder of their own: an authority (`ca.pem`) and what it vouches for, each
/// for 127.0.0.1.
package struct Certificates {
  package let folder: URL

  package init(_ names: [String] = ["server", "client"]) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-tls-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    try openssl(
      ["req", "-x509"] + curve + ["-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test Authority"])
    try Data("subjectAltName=IP:127.0.0.1\n".utf8).write(to: folder.appendingPathComponent("ext"))
    for name in names {
      try openssl(["req"] + curve + ["-keyout", "\(name).key", "-out", "\(name).csr", "-subj", "/CN=\(name)"])
      try openssl([
        "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "ext", "-out", "\(name).pem",
      ])
    }
  }

  package func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  package func remove() { try? FileManager.default.removeItem(at: folder) }

  private struct Failed: Error { var arguments: [String] }

  private func openssl(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    process.currentDirectoryURL = folder
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(arguments: arguments) }
  }
}
