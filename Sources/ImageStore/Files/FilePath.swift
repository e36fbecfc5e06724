/// A path or a name: any bytes but NUL, as Linux has them, ready for system calls.
struct FilePath: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
  /// With a NUL at the end.
  private let storage: [UInt8]

  init(_ bytes: some Collection<UInt8>) {
    var storage: [UInt8] = []
    storage.reserveCapacity(bytes.count + 1)
    storage.append(contentsOf: bytes)
    storage.append(0)
    self.storage = storage
  }

  init(_ text: String) { self.init(text.utf8) }
  init(stringLiteral text: String) { self.init(text.utf8) }

  var bytes: ArraySlice<UInt8> { storage.dropLast() }
  var count: Int { storage.count - 1 }
  var isEmpty: Bool { storage.count == 1 }
  var description: String { String(decoding: bytes, as: UTF8.self) }

  func withCString<R, E: Error>(_ body: (UnsafePointer<CChar>) throws(E) -> R) throws(E) -> R {
    // An array that is not empty has a base address; typed throws do not pass through withUnsafeBytes.
    let result: Result<R, E> = storage.withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("a path without its NUL") }
        do throws(E) { return .success(try body(base)) } catch { return .failure(error) }
      }
    }
    return try result.get()
  }

  func appending(_ name: FilePath) -> FilePath {
    if isEmpty { return name }
    return FilePath([bytes, [UInt8(ascii: "/")], name.bytes].joined().map { $0 })
  }

  /// Its names, without empty ones and `.`; `..` remains.
  var components: [FilePath] { FilePath.components(bytes) }

  static func components(_ bytes: some Collection<UInt8>) -> [FilePath] {
    bytes.split(separator: UInt8(ascii: "/")).compactMap { name in
      name.elementsEqual(CollectionOfOne(UInt8(ascii: "."))) ? nil : FilePath(name)
    }
  }

  /// A name in an archive, cleaned as text (Go's filepath.Clean) and held under the root: `/a//b/../c` is `a/c`,
  /// `../../x` is `x`. Nil when nothing is left: the root itself.
  static func cleaned(_ raw: some Collection<UInt8>) -> (parent: FilePath, name: FilePath)? {
    let dot = UInt8(ascii: ".")
    var kept: [Range<Int>] = []
    let raw = Array(raw)
    var start = 0
    while start < raw.count {
      var end = start
      while end < raw.count, raw[end] != UInt8(ascii: "/") { end += 1 }
      switch end - start {
      case 0: break
      case 1 where raw[start] == dot: break
      case 2 where raw[start] == dot && raw[start + 1] == dot: _ = kept.popLast()
      default: kept.append(start..<end)
      }
      start = end + 1
    }
    guard let last = kept.popLast() else { return nil }
    var parent: [UInt8] = []
    parent.reserveCapacity(last.lowerBound)
    for range in kept {
      if !parent.isEmpty { parent.append(UInt8(ascii: "/")) }
      parent.append(contentsOf: raw[range])
    }
    return (FilePath(parent), FilePath(raw[last]))
  }
}
