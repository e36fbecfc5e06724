import Client
import Encodings
import Glibc
import JSONTree
import Seams

/// docker's `config.json`: read whole, changed, and written back with everything in it that is not ours.
struct ConfigurationFile {
  let path: String
  var root: JSONObject

  /// Nothing there is an empty configuration; throws `ClientFileError` for what cannot be read or is no JSON, so that
  /// it is never written over.
  init(_ path: String) throws {
    self.path = path
    guard let bytes = try ConfigurationFile.read(path) else {
      root = [:]
      return
    }
    do {
      let tree = bytes.allSatisfy { $0 == 0x20 || $0 == 0x0a } ? .object([:]) : try JSON(parsing: bytes, maxDepth: 64)
      guard let object = tree.object else { throw ClientFileError("\(path): not a JSON object") }
      root = object
    } catch let error as ClientFileError {
      throw error
    } catch {
      throw ClientFileError("\(path): \(error)")
    }
  }

  // MARK: Content

  var auths: JSONObject {
    get { root["auths"]?.object ?? [:] }
    set { root["auths"] = .object(newValue) }
  }
  /// The helper that keeps all credentials; empty when the file does.
  var credentialStore: String { root["credsStore"]?.string ?? "" }

  /// The helper that keeps a registry's; nil when none is named.
  func helper(of registry: String) -> String? {
    let helpers = root["credHelpers"]?.object ?? [:]
    return (helpers[registry] ?? helpers[ConfigurationFile.host(registry)])?.string.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The credentials that stand in the file itself.
  func credentials(_ registry: String) -> RegistryCredentials? {
    guard let key = key(registry), let entry = auths[key] else { return nil }
    var credentials = RegistryCredentials(
      username: entry["username"]?.string ?? "", password: entry["password"]?.string ?? "",
      identityToken: entry["identitytoken"]?.string ?? "")
    if let auth = entry["auth"]?.string, let text = Base64.decode(auth) {
      let parts = String(decoding: text, as: UTF8.self).split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 {
        credentials.username = String(parts[0])
        // Old clients filled it up with NULs.
        credentials.password = String(parts[1].prefix { $0 != "\0" })
      }
    }
    if !credentials.identityToken.isEmpty { credentials.password = "" }
    return credentials == RegistryCredentials(username: "", password: "") ? nil : credentials
  }

  mutating func set(_ credentials: RegistryCredentials, for registry: String) {
    var entry: JSONObject = [:]
    let password = credentials.identityToken.isEmpty ? credentials.password : ""
    entry["auth"] = .string(Base64.encode("\(credentials.username):\(password)".utf8))
    if !credentials.identityToken.isEmpty { entry["identitytoken"] = .string(credentials.identityToken) }
    auths[registry] = .object(entry)
  }

  /// False when there was nothing.
  mutating func remove(_ registry: String) -> Bool {
    guard let key = key(registry) else { return false }
    auths[key] = nil
    return true
  }

  /// The entry for a registry: exactly, or (old files have URLs) one of the same host.
  private func key(_ registry: String) -> String? {
    let keys = auths.keys
    if keys.contains(registry) { return registry }
    let host = ConfigurationFile.host(registry)
    return keys.first { ConfigurationFile.host($0) == host }
  }

  /// `https://reg.io/v2/` is the registry `reg.io`.
  private static func host(_ address: String) -> String {
    var text = address[...]
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    return String(text.prefix { $0 != "/" })
  }

  // MARK: The file

  private static func read(_ path: String) throws -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw failure("open", path)
    }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw failure("read", path) }
      if count == 0 { return bytes }
      bytes += buffer.prefix(count)
      guard bytes.count <= 16 << 20 else { throw ClientFileError("\(path): larger than a configuration can be") }
    }
  }

  /// Writes it beside and renames it, readable by its owner alone: whoever reads sees the old file or the new one. A
  /// file that is a link stays one.
  func save() throws {
    var target = path
    if let real = realpath(path, nil) {
      target = String(cString: real)
      free(real)
    } else {
      let folder = target.lastIndex(of: "/").map { String(target[..<$0]) } ?? "."
      guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw ConfigurationFile.failure("mkdir", folder) }
    }
    var template = Array("\(target).XXXXXX".utf8CString)
    let file = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { mkstemp($0) } ?? -1
    }
    guard file >= 0 else { throw ConfigurationFile.failure("open", "\(target).XXXXXX") }
    let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do {
      defer { close(file) }
      _ = fcntl(file, F_SETFD, FD_CLOEXEC)
      // Docker keeps the owner of the file that there is (a user's, written by root).
      var status = stat()
      if stat(target, &status) == 0 { _ = fchown(file, status.st_uid, status.st_gid) }
      guard fchmod(file, 0o600) == 0 else { throw ConfigurationFile.failure("chmod", temporary) }
      let bytes = Array(JSON.object(root).pretty(indent: "\t").utf8)
      var offset = 0
      while offset < bytes.count {
        let count = bytes.withUnsafeBytes { write(file, $0.baseAddress.map { $0 + offset }, $0.count - offset) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw ConfigurationFile.failure("write", temporary) }
        offset += count
      }
      guard fsync(file) == 0 else { throw ConfigurationFile.failure("sync", temporary) }
      guard rename(temporary, target) == 0 else { throw ConfigurationFile.failure("rename", target) }
    } catch {
      unlink(temporary)
      throw error
    }
  }

  private static func failure(_ operation: String, _ path: String) -> ClientFileError {
    let words = String(cString: strerror(errno))
    return ClientFileError("\(operation) \(path): \(words.prefix(1).lowercased() + words.dropFirst())")
  }
}
