import Archive
import Foundation
import OCISpec
import Seams
import Testing

@testable import ImageStore

/// A store and snapshots in a folder of their own, which goes afterwards.
struct StoreFixture {
  let folder: URL
  let blobs: DiskBlobStore
  var path: String { folder.path }

  /// - Parameter inMemory: on a tmpfs where there is one, for tests that write much and look only at what comes of it.
  static func with(inMemory: Bool = false, _ body: (StoreFixture) async throws -> Void) async throws {
    let place =
      inMemory && access("/dev/shm", W_OK) == 0
      ? URL(fileURLWithPath: "/dev/shm") : FileManager.default.temporaryDirectory
    let folder = place.appendingPathComponent("drydock-store-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let result: Result<Void, any Error>
    do {
      result = .success(
        try await body(StoreFixture(folder: folder, blobs: try DiskBlobStore(folder.path + "/content"))))
    } catch { result = .failure(error) }
    // Marks that are taken away at this moment are no trouble to it.
    try removeTree(FilePath(folder.lastPathComponent), in: try OpenFile.folder(at: FilePath(place.path)))
    try result.get()
  }

  /// Commits `bytes`.
  @discardableResult
  func blob(_ bytes: [UInt8], ref: String = "blob") async throws -> Digest {
    let writer = try await blobs.writer(ref)
    try await writer.append(bytes)
    return try await writer.commit(nil)
  }

  /// Applies `entries` as snapshot `id`.
  @discardableResult
  func apply(
    _ entries: [ArchiveEntry], to id: Int = 1, parents: [Int] = [], by driver: any SnapshotDriver
  ) async throws -> AppliedLayer {
    let digest = try await blob(TarWriter.archive(entries), ref: "layer-\(id)")
    try await driver.create(id, parents: parents)
    return try await driver.apply(
      digest, mediaType: MediaType.ociLayer, from: blobs, to: id, parents: parents)
  }

  /// The tree of a snapshot.
  func tree(_ id: Int) -> String { "\(path)/snapshots/\(id)/fs" }

  /// What a script prints that runs in a mount namespace of its own, whose mounts go with it.
  static func shell(_ script: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
    process.arguments = ["--mount", "sh", "-ec", script]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(script)")
    return String(decoding: data, as: UTF8.self)
  }

  /// The names below `path`, with what they are: `d`, `f`, `l`, `c`.
  static func listing(_ path: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return names.sorted().map { name in
      let type = (try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)"))?[.type] as? FileAttributeType
      let letter =
        switch type {
        case .typeDirectory: "d"
        case .typeRegular: "f"
        case .typeSymbolicLink: "l"
        case .typeCharacterSpecial: "c"
        default: "?"
        }
      return "\(letter) \(name)"
    }
  }
}

/// Under CI what a test needs is there, or it fails.
let isRoot = geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true"
