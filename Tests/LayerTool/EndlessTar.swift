import OCISpec
import Seams

/// A store with one blob: a tar of many small files, a thousand to a folder, made as it is read.
struct EndlessTar: BlobStore {
  let count: Int
  /// Of nothing: nobody checks it.
  static let digest = Digest(sha256: [])

  private static let zeros = Array("0000000".utf8)

  /// The header of member `number`: a folder before each thousand files, and each file empty.
  private func header(_ number: Int) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    let (folder, file) = (number / 1001, number % 1001)
    let isFolder = file == 0
    let name = isFolder ? "folder-\(folder)/" : "folder-\(folder)/file-\(file)"
    block.replaceSubrange(0..<name.utf8.count, with: name.utf8)
    for at in [100, 108, 116] { block.replaceSubrange(at..<(at + 7), with: EndlessTar.zeros) }
    block.replaceSubrange(104..<107, with: isFolder ? "755".utf8 : "644".utf8)
    block.replaceSubrange(124..<135, with: "00000000000".utf8)
    block.replaceSubrange(136..<147, with: "13700000000".utf8)
    block[156] = isFolder ? UInt8(ascii: "5") : UInt8(ascii: "0")
    block.replaceSubrange(257..<265, with: Array("ustar\0".utf8) + Array("00".utf8))
    let sum = block.reduce(8 * 0x20) { $0 + Int($1) }
    let digits = Array(String(sum, radix: 8).utf8)
    let field = [UInt8](repeating: UInt8(ascii: "0"), count: 6 - digits.count) + digits + [0, 0x20]
    block.replaceSubrange(148..<156, with: field)
    return block
  }

  func read(_ digest: Digest, offset: Int64, count: Int) async throws -> [UInt8] {
    let members = self.count + (self.count + 999) / 1000
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var number = Int(offset) / 512
    while bytes.count < count, number < members {
      bytes += header(number)
      number += 1
    }
    // Pieces are asked for in whole blocks; the end of the archive is the end of the blob.
    return bytes
  }

  func size(_ digest: Digest) async -> Int64? { 0 }
  func remove(_ digest: Digest) async throws {}
  func writer(_ ref: String) async throws -> any BlobWriter { throw EngineError(.notImplemented, "read only") }
  func ingests() async -> [BlobIngest] { [] }
  func abort(_ ref: String) async throws {}
}
