import Archive
import Seams
import Synchronization

/// A container's log: what it wrote, for `docker logs`.
final class ContainerLog: Sendable {
  let path: String
  private let files: any HostFiles
  private let codec: any LogCodec
  private let rotation: LogRotation
  private let attributes: [String: String]

  private struct State {
    var size: Int64 = 0
    var isOpen = true
    var followers: [(id: Int, follower: Follower)] = []
    var next = 0
  }
  private let state: Mutex<State>

  /// One who is told of each entry, and of the end.
  struct Follower: Sendable {
    var entry: @Sendable (LogEntry) -> Void
    var ended: @Sendable () -> Void
  }

  /// Opens the log; the folder of `path` must exist.
  init(
    files: any HostFiles, path: String, codec: any LogCodec, rotation: LogRotation, attributes: [String: String] = [:]
  )
    throws
  {
    (self.files, self.path, self.codec) = (files, path, codec)
    (self.rotation, self.attributes) = (rotation, attributes)
    let existing = files.stat(path)?.size
    state = Mutex(State(size: existing ?? 0))
    if existing == nil { try files.write(path, [], mode: 0o640) }
  }

  /// Appends one line.
  func write(_ stream: StreamMultiplexer.Stream, _ line: [UInt8], time: UInt64) {
    let entry = LogEntry(stream: stream.name, time: time, line: line, attributes: attributes)
    let followers: [(id: Int, follower: Follower)] = state.withLock { state in
      guard state.isOpen else { return [] }
      if let maximum = rotation.maximumSize, state.size >= maximum {
        rotate()
        state.size = 0
      }
      let bytes = codec.encode(entry)
      // A full disk costs the line, not the container.
      if (try? files.append(path, bytes)) != nil { state.size += Int64(bytes.count) }
      return state.followers
    }
    for (_, follower) in followers { follower.entry(entry) }
  }

  /// `…log` becomes `…log.1`, that `…log.2`; the oldest goes.
  private func rotate() {
    let suffix = rotation.compresses ? ".gz" : ""
    if rotation.files < 2 {
      try? files.write(path, [], mode: 0o640)
      return
    }
    try? files.removeAll("\(path).\(rotation.files - 1)\(suffix)")
    for number in stride(from: rotation.files - 2, to: 0, by: -1) {
      let older = "\(path).\(number)\(suffix)"
      if files.stat(older) != nil { try? files.rename(older, to: "\(path).\(number + 1)\(suffix)") }
    }
    if rotation.compresses {
      if let content = try? files.read(path) { try? files.write("\(path).1.gz", Gzip.compress(content), mode: 0o640) }
      try? files.removeAll(path)
    } else {
      try? files.rename(path, to: "\(path).1")
    }
    try? files.write(path, [], mode: 0o640)
  }

  /// All entries that are still there, oldest first.
  private func entries() -> [LogEntry] {
    var entries: [LogEntry] = []
    for number in stride(from: rotation.files - 1, to: 0, by: -1) {
      if let bytes = try? files.read("\(path).\(number)") {
        entries += codec.decode(bytes)
      } else if let packed = try? files.read("\(path).\(number).gz"), let bytes = try? Gzip.decompress(packed) {
        entries += codec.decode(bytes)
      }
    }
    if let bytes = try? files.read(path) { entries += codec.decode(bytes) }
    return entries
  }

  /// The entries so far, and `follower` for those to come, none lost and none twice; nil: only those so far.
  func read(_ follower: Follower?) -> (entries: [LogEntry], follow: Int?) {
    state.withLock { state in
      guard let follower, state.isOpen else { return (entries(), nil) }
      state.next += 1
      state.followers.append((state.next, follower))
      return (entries(), state.next)
    }
  }

  func stopFollowing(_ id: Int) { state.withLock { $0.followers.removeAll { $0.id == id } } }

  /// Nothing more comes: followers are told.
  func close() {
    let followers = state.withLock { state in
      state.isOpen = false
      defer { state.followers = [] }
      return state.followers
    }
    for (_, follower) in followers { follower.ended() }
  }

  /// Takes the files away.
  func remove() {
    close()
    try? files.removeAll(path)
  }
}
