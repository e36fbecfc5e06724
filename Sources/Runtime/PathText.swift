/// Paths as text. Only for paths whose components nobody else can exchange meanwhile: cgroups, the state directory,
/// names to compare. What lies in a container's root is resolved by the kernel (`KernelPath`).
public enum PathText {
  /// Go's path.Clean: no empty components, no `.`, `..` resolved by text; `/` cannot be left.
  public static func clean(_ path: String) -> String {
    let utf8 = path.utf8
    if isClean(utf8) { return path }
    let absolute = utf8.first == UInt8(ascii: "/")
    var parts: [Substring] = []
    for part in path.split(separator: "/") {
      switch part {
      case ".": continue
      case "..":
        if let last = parts.last, last != ".." { parts.removeLast() } else if !absolute { parts.append(part) }
      default: parts.append(part)
      }
    }
    let joined = parts.joined(separator: "/")
    return absolute ? "/" + joined : joined.isEmpty ? "." : joined
  }

  /// `clean` of a path that begins at the root, whether it says so or not.
  public static func rooted(_ path: String) -> String {
    clean(path.utf8.first == UInt8(ascii: "/") ? path : "/" + path)
  }

  /// Without going through Characters: the usual answer is yes.
  private static func isClean(_ utf8: String.UTF8View) -> Bool {
    guard utf8.first == UInt8(ascii: "/") else { return false }
    var previous = UInt8(ascii: "/")
    var isFirst = true
    for byte in utf8 {
      if isFirst {
        isFirst = false
        continue
      }
      if previous == UInt8(ascii: "/"), byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return false }
      previous = byte
    }
    return previous != UInt8(ascii: "/") || utf8.count == 1
  }

  /// A relative path cannot leave its root: `../../x` is `x`. Absolute ones are cleaned.
  public static func confined(_ path: String) -> String {
    if path.isEmpty { return "" }
    if path.utf8.first == UInt8(ascii: "/") { return clean(path) }
    return String(clean("/" + path).dropFirst())
  }

  /// The folders above an absolute, clean path, from the top: `/a`, `/a/b` for `/a/b/c`.
  public static func parents(_ path: String) -> [String] {
    var parents: [String] = []
    var index = path.utf8.startIndex
    let utf8 = path.utf8
    while index < utf8.endIndex {
      index = utf8.index(after: index)
      guard let slash = utf8[index...].firstIndex(of: UInt8(ascii: "/")) else { break }
      parents.append(String(path[..<slash]))
      index = slash
    }
    return parents
  }

  /// The folder above an absolute, clean path.
  public static func parent(_ path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash > path.utf8.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// Whether an absolute, clean path is `folder` or below it; byte by byte.
  static func isWithin(_ path: String, _ folder: String) -> Bool {
    let (path, folder) = (path.utf8, folder.utf8)
    guard path.starts(with: folder) else { return false }
    return path.count == folder.count || path.dropFirst(folder.count).first == UInt8(ascii: "/")
  }

  /// The texts one after the other, put together at once: appending would allocate again and again.
  public static func joined(_ texts: [String]) -> String {
    var count = 0
    for text in texts { count += text.utf8.count }
    return String(unsafeUninitializedCapacity: count) { buffer in
      var offset = 0
      for text in texts {
        let bytes = text.utf8.span
        for index in bytes.indices { buffer[offset + index] = bytes[index] }
        offset += bytes.count
      }
      return offset
    }
  }

  public static func join(_ folder: String, _ name: String) -> String {
    if folder.isEmpty || name.isEmpty { return folder + name }
    let slashes = (folder.utf8.last == UInt8(ascii: "/"), name.utf8.first == UInt8(ascii: "/"))
    switch slashes {
    case (true, true): return folder + name.dropFirst()
    case (false, false): return joined([folder, "/", name])
    default: return folder + name
    }
  }
}
