import Glibc

/// What a loss of power must not leave half on the disk, without anybody waiting for the disk.
///
/// A snapshot that a layer is applied to is marked: a link `<id>/unsynced` names the boot that it is written in. When
/// it is written, a thread has the kernel write it all to the disk, one syncfs(2) for all that are waiting then, and
/// takes the marks away. It waits for a pause: in the middle of a pull, everybody's fsync would wait for it. A mark of an earlier boot means that nobody knows what is in the snapshot: it goes when the
/// folders are opened. File systems keep the order of names, so no content comes without its mark.
final class UnsyncedMarks: Sendable {
  private struct State {
    var waiting: [Int] = []
    var isRunning = false
    /// How often `written` was told, and whether somebody wants it over.
    var count = 0
    var isSettling = false
  }
  /// A pause, in milliseconds, and how many times it is waited for.
  private static let pause = 1000
  private static let patience = 10
  private let folder: OpenFile
  private let boot: FilePath
  private let state = Monitor(State())
  private static let name: FilePath = "unsynced"

  /// - Parameter folder: that of the snapshots, whose marks of earlier boots are dealt with here.
  init(_ folder: OpenFile, boot: FilePath = UnsyncedMarks.boot()) throws(FileError) {
    (self.folder, self.boot) = (folder, boot)
    var mine: [Int] = []
    for name in try folder.names() {
      guard let id = Int(name.description), let snapshot = try? folder.open(name, OpenFile.place, .plain),
        let target = try? snapshot.readLink(UnsyncedMarks.name)
      else { continue }
      if FilePath(target) == boot { mine.append(id) } else { try removeTree(name, in: folder) }
    }
    for id in mine { written(id) }
  }

  /// The kernel's name for this boot (random(4)).
  static func boot() -> FilePath { FilePath(procText("/proc/sys/kernel/random/boot_id").filter { $0 != "\n" }) }

  /// Before the first byte of a layer is written.
  func mark(_ id: Int) throws(FileError) {
    let path = FilePath("\(id)/unsynced")
    let result = boot.withCString { boot in path.withCString { symlinkat(boot, folder.fd, $0) } }
    guard result == 0 || errno == EEXIST else { throw FileError(errno, "symlink \(path)") }
  }

  /// After the last one.
  func written(_ id: Int) {
    let mustStart = state.update { state -> Bool in
      state.waiting.append(id)
      state.count += 1
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard mustStart else { return }
    do { try BlockingThread.detach { self.run() } } catch {
      // Without a thread the marks stay, and whoever opens the folders next in this boot has them taken away.
      state.update { $0 = State() }
    }
  }

  /// Waits until nothing is waiting. Blocks.
  func settle() {
    state.update { $0.isSettling = $0.isRunning }
    state.wait { $0.isRunning ? nil : () }
  }

  /// Returns when nothing was written for a while, it has gone on for long enough, or somebody is waiting.
  private func awaitPause() {
    var seen = state.withLock { $0.count }
    for _ in 0..<UnsyncedMarks.patience {
      let isWanted: Void? = state.wait(milliseconds: UnsyncedMarks.pause) { $0.isSettling ? () : nil }
      let now = state.withLock { $0.count }
      if isWanted != nil || now == seen { return }
      seen = now
    }
  }

  private func run() {
    while true {
      if !state.withLock({ $0.waiting.isEmpty }) { awaitPause() }
      let ids = state.update { state -> [Int] in
        defer { state.waiting = [] }
        if state.waiting.isEmpty { (state.isRunning, state.isSettling) = (false, false) }
        return state.waiting
      }
      if ids.isEmpty { return }
      // What could not be written stays marked.
      guard (try? folder.synchronizeFileSystem()) != nil else { continue }
      // One that has been removed meanwhile has no mark either.
      for id in ids { try? folder.unlink(FilePath("\(id)/unsynced")) }
    }
  }
}
