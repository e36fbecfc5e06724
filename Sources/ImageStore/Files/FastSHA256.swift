import Crypto

/// SHA-256 by BoringSSL, which uses what the processor has for it: OCISpec's own is for documents.
struct FastSHA256: Sendable {
  private var hash = Crypto.SHA256()

  mutating func update(_ bytes: UnsafeRawBufferPointer) { hash.update(bufferPointer: bytes) }

  /// The 32 bytes of what came so far.
  func finalize() -> [UInt8] { Array(hash.finalize()) }
}
