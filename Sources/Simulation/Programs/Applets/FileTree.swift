import Runtime
import Seams

/// Walks over folders, bounded in depth and size.
struct FileTree {
  let process: any SimProcess
  static let maximumDepth = 100
  static let maximumCount = 200_000

  init(_ process: any SimProcess) { self.process = process }

  /// The files (no folders) at or below a path, by name.
  func files(under path: String, depth: Int = 0) -> [String] {
    guard depth < Self.maximumDepth, let info = try? process.stat(path, followLinks: depth == 0) else {
      return depth == 0 ? [path] : []
    }
    guard info.kind == .directory else {
      return info.kind == .symlink || (depth > 0 && info.kind != .file) ? [] : [path]
    }
    var found: [String] = []
    for name in ((try? process.list(path)) ?? []).sorted() where name != "." && name != ".." {
      found += files(under: joined(path, name), depth: depth + 1)
      if found.count > Self.maximumCount { break }
    }
    return found
  }

  /// Removes a path and everything below it; the first thing that could not be removed is thrown.
  func remove(_ path: String, depth: Int = 0, onError: (String, Errno) async throws -> Void) async throws {
    guard depth < Self.maximumDepth else { return }
    let info = try process.stat(path, followLinks: false)
    guard info.kind == .directory else {
      try process.unlink(path)
      return
    }
    for name in try process.list(path) where name != "." && name != ".." {
      let child = joined(path, name)
      do { try await remove(child, depth: depth + 1, onError: onError) } catch let error as Errno {
        try await onError(child, error)
      }
    }
    try process.removeDirectory(path)
  }

  /// Bytes at or below a path, in blocks of 4096 as du(1) counts.
  func usage(_ path: String, depth: Int = 0, visit: (String, Int64, Int) async throws -> Void) async throws -> Int64 {
    guard depth < Self.maximumDepth, let info = try? process.stat(path, followLinks: depth == 0) else { return 0 }
    var total = info.kind == .file ? (info.size + 4095) / 4096 * 4096 : info.kind == .directory ? 4096 : 0
    if info.kind == .directory {
      for name in ((try? process.list(path)) ?? []).sorted() where name != "." && name != ".." {
        total += try await usage(joined(path, name), depth: depth + 1, visit: visit)
      }
      try await visit(path, total, depth)
    }
    return total
  }
}
