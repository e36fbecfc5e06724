import Archive

/// Reads a tar archive of any length as it comes: ustar and pax (POSIX.1-2017), GNU long names, links, base-256 numbers
/// and sparse files in all four forms. It reads what Go's archive/tar reads, which is what containerd does:
/// global pax headers change nothing, and only regular files have content.
final class TarStream {
  private let source: any PieceSource
  private var piece = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Content of the last member, and padding, that nobody has read.
  private var pending: Int64 = 0
  private var padding: Int64 = 0
  private var isOver = false

  /// Long names, pax records and sparse maps beyond this are no honest archive's; in bytes (Go's limit). All of one
  /// member's together have four times as much.
  static let metadataLimit: Int64 = 1 << 20
  private var metadataLeft: Int64 = 0

  init(_ source: any PieceSource) { self.source = source }

  /// The next member; nil at the end of the archive, behind which everything is passed over.
  func next() throws -> TarEntry? {
    if isOver { return nil }
    try skip(pending + padding)
    (pending, padding, metadataLeft) = (0, 0, 4 * TarStream.metadataLimit)
    var pax = PaxRecords()
    var longName: [UInt8]?
    var longLink: [UInt8]?
    while true {
      guard let header = try nextHeader() else {
        try drain()
        return nil
      }
      switch header.typeflag {
      case UInt8(ascii: "x"):
        do { try pax.merge(try metadata(header)[...]) } catch is PaxRecords.Failure { throw TarError.header }
      case UInt8(ascii: "g"): _ = try metadata(header)
      case UInt8(ascii: "L"): longName = text(try metadata(header)[...])
      case UInt8(ascii: "K"): longLink = text(try metadata(header)[...])
      default: return try member(header, pax, longName, longLink)
      }
    }
  }

  /// What is stored of the last member's content, piece by piece.
  func content(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    try take(pending, body)
    pending = 0
  }

  /// The next bytes of the last member's content, exactly `count` of them or fewer.
  func content(first count: Int64, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let count = min(count, pending)
    try take(count, body)
    pending -= count
  }

  // MARK: Bytes

  private func refill() throws -> Bool {
    while piece.isEmpty {
      guard let next = try source.next() else { return false }
      piece = next
    }
    return true
  }

  private func take(_ count: Int64, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    var left = count
    while left > 0 {
      guard try refill() else { throw TarError.truncated }
      let count = Int(min(left, Int64(piece.count)))
      let part = UnsafeRawBufferPointer(rebasing: piece[..<count])
      piece = UnsafeRawBufferPointer(rebasing: piece[count...])
      left -= Int64(count)
      try body(part)
    }
  }

  private func skip(_ count: Int64) throws { try take(count) { _ in } }

  private func bytes(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    try take(Int64(count)) { bytes.append(contentsOf: $0) }
    return bytes
  }

  private func drain() throws {
    isOver = true
    repeat { piece = UnsafeRawBufferPointer(start: nil, count: 0) } while try refill()
  }

  private func metadata(_ header: TarHeader) throws -> [UInt8] {
    guard header.size <= TarStream.metadataLimit, header.size <= metadataLeft else {
      throw TarError("archive/tar: header field too long")
    }
    metadataLeft -= header.size
    let bytes = try bytes(Int(header.size))
    try skip((512 - header.size % 512) % 512)
    return bytes
  }

  private func nextHeader() throws -> TarHeader? {
    guard try refill() else { return nil }
    let block = try bytes(512)
    do throws(TarHeader.Failure) { if let header = try TarHeader(block) { return header } } catch {
      throw TarError.header
    }
    // Two blocks of zeros end an archive; the end of the stream does, behind one.
    guard try refill() else { return nil }
    guard try bytes(512).allSatisfy({ $0 == 0 }) else { throw TarError.header }
    return nil
  }

  // MARK: Members

  private func member(
    _ header: TarHeader, _ pax: PaxRecords, _ longName: [UInt8]?, _ longLink: [UInt8]?
  ) throws -> TarEntry {
    guard let kind = TarEntry.Kind(typeflag: header.typeflag) else {
      throw TarError("unhandled tar header type \(header.typeflag)")
    }
    var entry = TarEntry(
      name: pax.path ?? longName ?? header.name, kind: kind, mode: header.mode, uid: pax.uid ?? header.uid,
      gid: pax.gid ?? header.gid, size: pax.size ?? header.size, modified: pax.modified ?? header.modified,
      accessed: pax.accessed ?? header.accessed, link: pax.link ?? longLink ?? header.link,
      deviceMajor: header.major, deviceMinor: header.minor, xattrs: pax.xattrs)
    // The oldest archives know no typeflag for folders.
    if entry.kind == .file, header.typeflag == 0, entry.name.last == UInt8(ascii: "/") { entry.kind = .directory }
    guard entry.kind == .file else {
      entry.size = 0
      return entry
    }
    entry.stored = entry.size
    pending = entry.size
    padding = (512 - entry.size % 512) % 512
    try findSparseMap(&entry, header, pax)
    return entry
  }

  private func findSparseMap(_ entry: inout TarEntry, _ header: TarHeader, _ pax: PaxRecords) throws {
    var numbers: [Int64]
    if header.typeflag == UInt8(ascii: "S") {
      numbers = header.sparse
      entry.size = header.realSize
      var isExtended = header.isExtended
      while isExtended {
        guard numbers.count <= Int(TarStream.metadataLimit) / 12 else { throw TarError.header }
        let block = try bytes(512)
        guard let more = TarHeader.sparseNumbers(block[..<504]) else { throw TarError.header }
        numbers += more
        isExtended = block[504] != 0
      }
    } else if pax.isSparse {
      if let name = pax.sparseName { entry.name = name }
      guard let size = pax.sparseSize else { throw TarError.header }
      entry.size = size
      if pax.sparseMajor == 0 {
        numbers = pax.sparseMap
      } else if pax.sparseMajor == 1 {
        numbers = try sparseMapBeforeContent()
        entry.stored = pending
      } else {
        // A version to come: what it means nobody knows, so its content stays as it is.
        entry.size = entry.stored
        return
      }
    } else {
      return
    }
    guard numbers.count % 2 == 0 else { throw TarError.header }
    var runs: [SparseRun] = []
    var (end, total): (Int64, Int64) = (0, 0)
    for index in stride(from: 0, to: numbers.count, by: 2) {
      let run = SparseRun(offset: numbers[index], count: numbers[index + 1])
      guard run.offset >= end, run.count >= 0, run.count <= entry.size, run.offset <= entry.size - run.count else {
        throw TarError.header
      }
      end = run.offset + run.count
      total += run.count
      if run.count > 0 { runs.append(run) }
    }
    guard total == entry.stored else { throw TarError.header }
    entry.sparse = runs
  }

  /// Version 1.0: decimal lines, their number first, padded to a block; part of the content's size.
  private func sparseMapBeforeContent() throws -> [Int64] {
    var numbers: [Int64] = []
    var wanted: Int64?
    var line: [UInt8] = []
    var taken: Int64 = 0
    while wanted.map({ Int64(numbers.count) < $0 }) ?? true {
      guard pending >= 512, taken < TarStream.metadataLimit else { throw TarError.header }
      let block = try bytes(512)
      pending -= 512
      taken += 512
      for byte in block {
        guard byte == 0x0a else {
          line.append(byte)
          continue
        }
        guard let number = decimal(line[...]) else { throw TarError.header }
        line = []
        guard let count = wanted else {
          guard number <= TarStream.metadataLimit else { throw TarError.header }
          wanted = number * 2
          if number == 0 { break }
          continue
        }
        numbers.append(number)
        if Int64(numbers.count) == count { break }
      }
    }
    return numbers
  }

  private func text(_ field: ArraySlice<UInt8>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }
}

/// Why an archive cannot be read, in the words of Go's archive/tar where it has some.
struct TarError: Error, Sendable, Hashable, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
  static let header = TarError("archive/tar: invalid tar header")
  static let truncated = TarError("unexpected EOF")
}
