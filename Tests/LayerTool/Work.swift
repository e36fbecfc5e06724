import Glibc
import ImageStore
import JSONTree
import OCISpec
import Seams

/// One verb, with its arguments.
struct Work: Sendable {
  let root: String
  let verb: String
  let arguments: [String]
  let mustCopy: Bool
  let limits: UnpackLimits

  func run() async throws {
    switch verb {
    case "ingest": try await ingest(try argument(0))
    case "apply":
      let driver = try driver()
      let (id, parents) = (try number(0), try parents(1))
      try await driver.create(id, parents: parents)
      let applied = try await driver.apply(
        try digest(3), mediaType: try argument(2), from: try blobs(), to: id, parents: parents)
      say("\(applied.diffID) \(applied.size)")
    case "diff":
      let writer = try await blobs().writer(try argument(3))
      let written = try await driver().diff(
        try number(0), parents: try parents(1), mediaType: try argument(2), into: writer)
      say("\(try await writer.commit(nil)) \(written.diffID) \(written.size)")
    case "changes":
      for change in try await driver().changes(try number(0), parents: try parents(1)) {
        say("\(["C", "A", "D"][change.kind]) \(change.path)")
      }
    case "remove": try await driver().remove(try number(0))
    case "mounts":
      say(
        try driver().mounts(try number(0), parents: try parents(1), readOnly: true)
          .map { "\($0.type) \($0.options.joined(separator: ","))" }.joined(separator: "\n"))
    case "driver":
      let (_, name, obstacle) = try snapshotDriver(for: root)
      say("\(name) \(obstacle ?? "")")
    case "ingests": for ingest in try await blobs().ingests() { say("\(ingest.ref) \(ingest.offset)") }
    case "million":
      let driver = try driver()
      let (count, id) = (try number(0), try number(1))
      let store = EndlessTar(count: count)
      try await driver.create(id, parents: [])
      let applied = try await driver.apply(
        EndlessTar.digest, mediaType: MediaType.ociLayer, from: store, to: id, parents: [])
      say("\(applied.diffID) \(applied.size)")
    case "pull": try await Layout(try argument(0)).pull(to: self, atOnce: arguments.count > 1 ? try number(1) : 3)
    case "unpack": try await Layout(try argument(0)).unpack(to: self)
    default: throw Misuse(description: "unknown verb \(verb)")
    }
  }

  func blobs() throws -> DiskBlobStore { try DiskBlobStore(root + "/content") }

  func driver() throws -> any SnapshotDriver {
    mustCopy ? try CopyDriver(root, limits: limits) : try OverlayDriver(root, limits: limits)
  }

  /// Piece by piece as it comes.
  private func ingest(_ ref: String) async throws {
    let writer = try await blobs().writer(ref)
    // What an earlier process has written is passed over.
    var offset = await writer.offset()
    say("at \(offset)")
    while true {
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(STDIN_FILENO, &piece, piece.count)
      guard count > 0 else { break }
      let known = min(Int64(count), offset)
      offset -= known
      try await writer.append(Array(piece[Int(known)..<count]))
    }
    say("\(try await writer.commit(nil))")
  }

  private func argument(_ index: Int) throws -> String {
    guard index < arguments.count else { throw Misuse(description: "\(verb): argument \(index + 1) is missing") }
    return arguments[index]
  }

  private func digest(_ index: Int) throws -> Digest {
    guard let digest = Digest(try argument(index)) else { throw Misuse(description: "\(verb): no digest") }
    return digest
  }

  private func number(_ index: Int) throws -> Int {
    guard let number = Int(try argument(index)) else { throw Misuse(description: "\(verb): no number") }
    return number
  }

  private func parents(_ index: Int) throws -> [Int] {
    try argument(index).split(separator: ",").compactMap { Int($0) }
  }
}
