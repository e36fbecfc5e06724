import CCompression
import OCISpec
import Seams

/// How a layer is compressed.
enum Compression: Sendable, Hashable {
  case none, gzip, zstd
  /// Of archives that users hand in; layers are never compressed so.
  case xz, bzip2

  /// What a layer to be written under this media type is compressed with.
  init(writing mediaType: String) {
    self =
      mediaType.hasSuffix("zstd") ? .zstd : mediaType.hasSuffix("gzip") || mediaType.hasSuffix(".gz") ? .gzip : .none
  }

  /// What these first bytes of a blob begin. Media types lie, and containerd believes the bytes, unless the type
  /// says that nothing is compressed.
  init(of start: UnsafeRawBufferPointer, mediaType: String) {
    if mediaType == MediaType.ociLayer || mediaType == "application/vnd.oci.image.layer.nondistributable.v1.tar" {
      self = .none
    } else if start.starts(with: [0x1f, 0x8b, 0x08]) {
      self = .gzip
    } else if start.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) {
      self = .zstd
    } else if start.count >= 8, (0x50...0x5f).contains(start[0]), start[1...3].elementsEqual([0x2a, 0x4d, 0x18]) {
      // A skippable frame, as zstd:chunked and estargz-like layers begin.
      self = .zstd
    } else {
      self = .none
    }
  }
}

/// A stream of isa-l or libzstd.
struct CompressionStream: ~Copyable {
  private let stream: OpaquePointer

  enum Outcome { case more, end }

  private init(_ stream: OpaquePointer?) throws {
    guard let stream else { throw EngineError(.unknown, "cannot allocate memory") }
    self.stream = stream
  }

  init(decompressing compression: Compression) throws {
    switch compression {
    case .zstd: try self.init(ccompression_unzstd())
    case .xz: try self.init(ccompression_unxz())
    case .bzip2: try self.init(ccompression_bunzip())
    case .gzip, .none: try self.init(ccompression_gunzip())
    }
  }

  init(compressing compression: Compression) throws {
    try self.init(compression == .zstd ? ccompression_zstd() : ccompression_gzip())
  }

  deinit { ccompression_free(stream) }

  /// Takes from the front of `input` and writes to the front of `output`.
  mutating func step(
    _ input: inout UnsafeRawBufferPointer, _ output: inout UnsafeMutableRawBufferPointer, isLast: Bool = false
  ) throws -> Outcome {
    var (left, written) = (input.count, output.count)
    let result = ccompression_step(
      stream, input.baseAddress?.assumingMemoryBound(to: UInt8.self), &left,
      output.baseAddress?.assumingMemoryBound(to: UInt8.self), &written, isLast ? 1 : 0)
    input = UnsafeRawBufferPointer(rebasing: input.suffix(left))
    output = UnsafeMutableRawBufferPointer(rebasing: output[written...])
    switch Int(result) {
    case CCOMPRESSION_MORE: return .more
    case CCOMPRESSION_END: return .end
    case CCOMPRESSION_BIG:
      throw EngineError(.resourceExhausted, "window size exceeded: more than 64 MiB are needed to decompress")
    default: throw EngineError(.unknown, "invalid compressed data")
    }
  }
}

/// Reads a blob and fills a ring with what it holds uncompressed. Runs on a thread of its own.
struct Decompressor {
  let source: any BlobSource
  let mediaType: String
  let ring: ChunkRing
  /// More than this is no layer; in bytes, uncompressed.
  let limit: Int64

  func run() {
    do {
      try decompress()
      ring.finish()
    } catch {
      ring.finish(error)
    }
  }

  private func decompress() throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4096)
    defer { buffer.deallocate() }
    let input = UnsafeRawBufferPointer(rebasing: buffer[..<(try source.read(into: buffer))])
    var total: Int64 = 0
    try ImageStore.decompress(
      Compression(of: input, mediaType: mediaType), source, buffer: buffer, input, room: ring.claim
    ) { bytes in
      total += Int64(bytes)
      if total > limit { throw EngineError(.resourceExhausted, "layer is larger than \(limit) bytes uncompressed") }
      ring.publish(bytes)
    }
  }
}

/// Decompresses `source`, of which `start` was read into `buffer` already, into what `room` gives until that is nil;
/// `publish` is told how many bytes of it were filled.
func decompress(
  _ compression: Compression, _ source: any BlobSource, buffer: UnsafeMutableRawBufferPointer,
  _ start: UnsafeRawBufferPointer, room nextRoom: () -> UnsafeMutableRawBufferPointer?,
  publish: (Int) throws -> Void
) throws {
  var input = start
  if compression == .none {
    while !input.isEmpty {
      guard let room = nextRoom() else { return }
      room.copyMemory(from: input)
      try publish(input.count)
      input = UnsafeRawBufferPointer(rebasing: buffer[..<(try source.read(into: buffer))])
    }
    return
  }

  var stream = try CompressionStream(decompressing: compression)
  // Members and frames follow each other; in the middle of one the input must not end.
  var isInside = false
  while let whole = nextRoom() {
    var room = whole
    while !room.isEmpty {
      if input.isEmpty {
        input = UnsafeRawBufferPointer(rebasing: buffer[..<(try source.read(into: buffer))])
      }
      let isDry = input.isEmpty
      if isDry, !isInside { break }
      let (before, space) = (input.count, room.count)
      let outcome = try stream.step(&input, &room)
      isInside = outcome == .more
      if isDry, isInside, room.count == space { throw EngineError(.unknown, "unexpected EOF") }
      if !isDry, before == input.count, room.count == space, isInside {
        throw EngineError(.unknown, "invalid compressed data")
      }
    }
    if room.count == whole.count { return }
    try publish(whole.count - room.count)
    if !room.isEmpty { return }
  }
}
