import Glibc

/// What overlayfs shows of folders that lie on each other, worked out without mounting them: whiteouts, opaque folders,
/// and folders that were renamed (redirect_dir). (Documentation/filesystems/overlayfs.rst)
struct LayerStack {
  /// Highest first.
  private let roots: [OpenFile]
  /// The xattr prefix of overlayfs' marks; nil when the one root is a plain tree.
  private let marks: String?

  init(_ roots: [OpenFile], marks: String?) { (self.roots, self.marks) = (roots, marks) }

  /// Where something lies.
  struct Place: Hashable {
    /// Index of the root.
    var layer: Int
    var path: FilePath
  }

  /// A folder as it is seen: what lies on each other there, highest first.
  struct Folder: Hashable {
    var places: [Place]
  }

  /// A name in a folder.
  struct Entry {
    var status: stat
    var place: Place
    /// Of folders.
    var folder: Folder?
  }

  /// The root is merged from all of them, whatever its marks say.
  var root: Folder { Folder(places: roots.indices.map { Place(layer: $0, path: "") }) }

  func open(_ place: Place, _ flags: Int32) throws(FileError) -> OpenFile {
    try roots[place.layer].open(place.path, flags, .plain)
  }

  /// All names of a folder's places, or of the highest one, whiteouts among them: sorted bytewise.
  func names(_ folder: Folder, onlyHighest: Bool = false) throws -> [FilePath] {
    let places = folder.places.prefix(onlyHighest ? 1 : folder.places.count)
    var names: [FilePath] = []
    var seen: Set<FilePath> = []
    for place in places {
      let found = try open(place, OpenFile.folder).names()
      names += places.count == 1 ? found : found.filter { seen.insert($0).inserted }
    }
    names.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    return names
  }

  /// What is seen under each of these names of a folder; nil where nothing is.
  func entries(_ names: ArraySlice<FilePath>, in folder: Folder, onlyHighest: Bool = false) throws -> [Entry?] {
    let opened = try folder.places.prefix(onlyHighest ? 1 : folder.places.count).map { try open($0, OpenFile.place) }
    return try names.map { name in
      for (index, place) in opened.enumerated() {
        guard let status = try place.status(of: name) else { continue }
        return marks != nil && status.isWhiteout ? nil : try entry(name, status, folder, index)
      }
      return nil
    }
  }

  /// What `folder.places[index]` has under a name; a folder with what it is merged with.
  private func entry(_ name: FilePath, _ status: stat, _ folder: Folder, _ index: Int) throws -> Entry {
    let place = Place(layer: folder.places[index].layer, path: folder.places[index].path.appending(name))
    guard status.isFolder else { return Entry(status: status, place: place) }
    var merged = Folder(places: [place])
    // Where to look below: under a name in the same folder, or from the roots.
    var candidates = folder.places[(index + 1)...].map { Place(layer: $0.layer, path: $0.path.appending(name)) }
    var current = place
    while let marks {
      let opened = try open(current, OpenFile.folder)
      if try Xattrs.get(marks + "opaque", of: opened) == [UInt8(ascii: "y")] { break }
      if let target = try Xattrs.get(marks + "redirect", of: opened), !target.isEmpty {
        if target.first == UInt8(ascii: "/") {
          let path = FilePath(target.dropFirst())
          candidates = (current.layer + 1..<roots.count).map { Place(layer: $0, path: path) }
        } else {
          candidates = candidates.map { candidate in
            let parent = FilePath.cleaned(candidate.path.bytes)?.parent ?? ""
            return Place(layer: candidate.layer, path: parent.appending(FilePath(target)))
          }
        }
      }
      guard let next = try highest(&candidates) else { break }
      merged.places.append(next)
      current = next
    }
    return Entry(status: status, place: place, folder: merged)
  }

  /// The first of the candidates that is there, if it is a folder; those before it are dropped.
  private func highest(_ candidates: inout [Place]) throws -> Place? {
    while !candidates.isEmpty {
      let candidate = candidates.removeFirst()
      do throws(FileError) {
        _ = try open(candidate, OpenFile.place)
        return candidate
      } catch {
        switch error.errno {
        case ENOENT: continue
        case ENOTDIR, ELOOP: return nil
        default: throw error
        }
      }
    }
    return nil
  }

  // MARK: Contents

  /// A regular file, open; also one whose bytes overlayfs left below when only its attributes changed (metacopy).
  func openFile(_ entry: Entry, in folder: Folder, _ name: FilePath) throws -> OpenFile {
    let file = try open(entry.place, O_RDONLY | O_NOFOLLOW)
    guard let marks, try Xattrs.get(marks + "metacopy", of: file) != nil else { return file }
    let redirect = try Xattrs.get(marks + "redirect", of: file)
    for place in below(entry.place, folder, name, redirect) {
      if let file = try? open(place, O_RDONLY | O_NOFOLLOW), try Xattrs.get(marks + "metacopy", of: file) == nil {
        return file
      }
    }
    throw FileError(ENODATA, "open \(entry.place.path)")
  }

  private func below(_ place: Place, _ folder: Folder, _ name: FilePath, _ redirect: [UInt8]?) -> [Place] {
    if let redirect, redirect.first == UInt8(ascii: "/") {
      return (place.layer + 1..<roots.count).map { Place(layer: $0, path: FilePath(redirect.dropFirst())) }
    }
    let name = redirect.map { FilePath($0) } ?? name
    return folder.places.filter { $0.layer > place.layer }.map { Place(layer: $0.layer, path: $0.path.appending(name)) }
  }

  /// The xattrs that layers carry: file capabilities and `user.*`, without overlayfs' marks.
  func xattrs(_ entry: Entry) throws -> [(name: String, value: [UInt8])] {
    let all: [(name: String, value: [UInt8])]
    if entry.status.isFile || entry.status.isFolder {
      all = try Xattrs.all(of: try open(entry.place, O_RDONLY | O_NOFOLLOW))
    } else {
      // Only those in security.* can be on anything else, and opening a device or FIFO has effects.
      guard let (parent, name) = FilePath.cleaned(entry.place.path.bytes) else { return [] }
      let folder = try open(Place(layer: entry.place.layer, path: parent), OpenFile.place)
      all =
        try Xattrs.get("security.capability", at: Xattrs.path(folder, name)).map { [("security.capability", $0)] } ?? []
    }
    return all.filter {
      $0.name == "security.capability" || ($0.name.hasPrefix("user.") && !$0.name.hasPrefix("user.overlay."))
    }
  }

  func linkTarget(_ entry: Entry) throws -> [UInt8] {
    guard let (parent, name) = FilePath.cleaned(entry.place.path.bytes) else { throw FileError(EINVAL, "readlink") }
    return try open(Place(layer: entry.place.layer, path: parent), OpenFile.place).readLink(name)
  }
}
