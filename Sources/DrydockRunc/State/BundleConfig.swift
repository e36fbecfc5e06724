import Glibc
import OCISpec
import Runtime

/// `config.json` of a bundle.
enum BundleConfig {
  /// Reads it: the bytes as they stand, to be kept, and what they say. What is too large, too deep, no JSON or no
  /// configuration is refused before it costs anything.
  static func read(_ bundle: String) throws(Failure) -> (bytes: [UInt8], config: RuntimeSpec.Config) {
    let bytes = try read(file: bundle + "/config.json", missing: "JSON specification file config.json not found")
    do { return (bytes, try RuntimeSpec.Config(parsing: bytes)) } catch {
      throw Failure("invalid config.json: \(error)")
    }
  }

  /// The bytes of a document from a caller: `config.json`, `process.json`, the resources of `update`.
  static func read(file path: String, missing: String? = nil) throws(Failure) -> [UInt8] {
    do { return try HostFile.read(path, limit: RuntimeSpec.Limits.size, regular: true) } catch {
      if let missing, case .errno(.ENOENT) = error { throw Failure(missing) }
      if case .errno(let errno) = error { throw Failure("open \(path): \(errno)") }
      throw Failure("\(path): \(words(error))")
    }
  }

  static func words(_ refusal: HostFile.Refusal) -> String {
    switch refusal {
    case .errno(let errno): errno.message
    case .irregular: "not a regular file"
    case .large: "larger than \(RuntimeSpec.Limits.size) bytes"
    }
  }
}
