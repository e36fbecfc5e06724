import Archive
import CLinux
import Glibc

/// The times of folders, and modes that would have been in the way, set when nothing is written into them any more. A
/// long list waits in a file without a name, so that memory stays flat.
final class FolderTimes {
  private let root: OpenFile
  private var records: [UInt8] = []
  private var spool: OpenFile?
  private var spooled: Int64 = 0
  private static let limit = 1 << 20

  init(_ root: OpenFile) { self.root = root }

  /// What is noted last for a path counts.
  func add(_ path: FilePath, accessed: TarTime, modified: TarTime, mode: UInt32? = nil) throws {
    let times = (accessed.bounded, modified.bounded)
    let mode = mode.map(Int.init) ?? -1
    for number in [times.0.tv_sec, times.0.tv_nsec, times.1.tv_sec, times.1.tv_nsec, mode, path.count] {
      withUnsafeBytes(of: Int64(number)) { records.append(contentsOf: $0) }
    }
    records.append(contentsOf: path.bytes)
    if records.count >= FolderTimes.limit { try spill() }
  }

  private func spill() throws {
    let file = try spool ?? OpenFile.nameless(in: root)
    spool = file
    try records.withUnsafeBytes { try file.write($0, at: spooled) }
    spooled += Int64(records.count)
    records.removeAll(keepingCapacity: true)
  }

  func apply() throws {
    if let spool {
      if !records.isEmpty { try spill() }
      var offset: Int64 = 0
      var bytes: [UInt8] = []
      while offset < spooled {
        let rest = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: FolderTimes.limit))
        let count = try bytes.withUnsafeMutableBytes {
          try spool.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[rest...]), at: offset)
        }
        if count == 0 { break }
        bytes.removeLast(FolderTimes.limit - count)
        offset += Int64(count)
        bytes.removeFirst(try set(bytes))
      }
    } else {
      _ = try set(records)
    }
    records = []
  }

  private static let head = 6 * 8

  /// Sets the times of all whole records; how many bytes those were.
  private func set(_ bytes: [UInt8]) throws -> Int {
    var start = 0
    while bytes.count - start >= FolderTimes.head {
      let numbers = bytes.withUnsafeBytes { bytes in
        (0..<6).map { Int(bytes.loadUnaligned(fromByteOffset: start + $0 * 8, as: Int64.self)) }
      }
      let first = start + FolderTimes.head
      guard bytes.count - first >= numbers[5] else { break }
      let path = FilePath(bytes[first..<(first + numbers[5])])
      start = first + numbers[5]
      let folder: OpenFile
      do throws(FileError) {
        folder = try root.open(path, OpenFile.folder | O_NOFOLLOW, .inRoot)
      } catch {
        // Another member took its place.
        if error.errno == ENOENT || error.errno == ENOTDIR || error.errno == ELOOP { continue }
        throw error
      }
      let times = [
        timespec(tv_sec: numbers[0], tv_nsec: numbers[1]), timespec(tv_sec: numbers[2], tv_nsec: numbers[3]),
      ]
      guard numbers[4] < 0 || fchmod(folder.fd, mode_t(numbers[4])) == 0 else {
        throw FileError(errno, "chmod \(path)")
      }
      guard futimens(folder.fd, times) == 0 else { throw FileError(errno, "chtimes \(path)") }
    }
    return start
  }
}

extension OpenFile {
  /// A file that has no name and goes with its descriptor, on the disk of a folder.
  static func nameless(in folder: OpenFile) throws(FileError) -> OpenFile {
    let result = clinux_openat(folder.fd, ".", O_RDWR | CLINUX_O_TMPFILE | O_CLOEXEC, 0o600)
    if result >= 0 { return OpenFile(Int32(result)) }
    guard result == -Int(EOPNOTSUPP) || result == -Int(EISDIR) || result == -Int(ENOENT) else {
      throw FileError(result: result, "open temporary file")
    }
    // Not every file system can; then a name is taken away at once.
    let name = FilePath(".drydock-\(getpid())-\(UInt64.random(in: .min ... .max))")
    let file = try folder.create(name, O_RDWR | O_EXCL, mode: 0o600)
    try folder.unlink(name)
    return file
  }
}
