import Foundation
import GRDB
import JSONTree
import Seams
import Synchronization

/// The engine's state in one SQLite file: what a `StateStore` holds, one row a value.
///
/// Every change is a transaction that is on the disk when the call returns (write-ahead log, `synchronous` FULL): a
/// process or a machine may die at any moment. Calls block for as long as one fsync takes, some tenths of a
/// millisecond (much longer while layers are being written to the same disk), and change a handful of rows at most.
/// `writeSoon` leaves the fsync to the next change that waits: the log keeps the order, so a loss of power takes the
/// newest changes only.
///
/// A file that is damaged, of a newer engine or somebody else's is refused and left as it is.
public final class StateDatabase: StateStore {
  /// The schema that this engine writes (`PRAGMA user_version`).
  public static let schema = 1
  /// `PRAGMA application_id`: "DrdS".
  private static let application: Int32 = 0x4472_6453

  public let path: String
  private let queue: DatabaseQueue
  /// Room for removals where the disk is full: whoever makes room must be able to write that down.
  private let reserve: Reserve

  /// Opens the database, made when it is not there; its folder must exist. Throws `EngineError` with what is wrong
  /// and what can be done. Blocks.
  public init(path: String) throws {
    self.path = path
    reserve = Reserve(path + ".reserve")
    var configuration = Configuration()
    configuration.label = "drydock.state"
    // Another engine's lock (or somebody's sqlite3) is waited for, this long.
    configuration.busyMode = .timeout(5)
    do {
      queue = try StateDatabase.open(path, configuration)
    } catch let error as DatabaseError {
      // A full disk has no room for what SQLite needs to open it.
      let isFull = error.resultCode == .SQLITE_FULL || error.resultCode == .SQLITE_IOERR
      guard isFull, reserve.release() else { throw StateDatabase.problem(error, path) }
      do { queue = try StateDatabase.open(path, configuration) } catch let error as DatabaseError {
        throw StateDatabase.problem(error, path)
      }
      reserve.refill()
    }
  }

  private static func open(_ path: String, _ configuration: Configuration) throws -> DatabaseQueue {
    let queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.writeWithoutTransaction { db in
      try check(db, path)
      // After opening: what GRDB sets by itself on the way is NORMAL.
      _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
      try db.execute(sql: "PRAGMA synchronous = FULL")
      try db.execute(sql: "PRAGMA wal_autocheckpoint = 1000")
      guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2,
        try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal"
      else {
        throw EngineError(
          .unavailable, "the state database \(path) cannot be written safely: SQLite refuses its write-ahead log")
      }
      try migrate(db)
    }
    return queue
  }

  /// Writes the log back into the file and closes it. Nothing can be asked any more.
  public func close() {
    _ = try? queue.writeWithoutTransaction { try Row.fetchAll($0, sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    try? queue.close()
  }

  /// What SQLite waits for at the end of a change: 2 is FULL.
  public var synchronous: Int { (try? queue.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") }) ?? -1 }

  // MARK: StateStore

  public func load(_ bucket: String) throws -> [(key: String, value: JSON)] {
    try attempt {
      try queue.read { db in
        let rows = try Row.fetchCursor(
          db, sql: "SELECT key, value FROM state WHERE bucket = ? ORDER BY key", arguments: [bucket])
        var found: [(key: String, value: JSON)] = []
        while let row = try rows.next() {
          let key: String = row[0]
          let text: Data = row[1]
          do { found.append((key, try JSON(parsing: [UInt8](text)))) } catch {
            // Passing it over would let garbage collection take what it refers to.
            throw EngineError(
              .unknown, "the state database \(path) is damaged: \(bucket)/\(key) is no JSON: \(error)")
          }
        }
        return found
      }
    }
  }

  public func put(_ bucket: String, _ key: String, _ value: any JSONWritable) throws {
    try write([.put(bucket, key, value)])
  }

  public func remove(_ bucket: String, _ key: String) throws { try write([.remove(bucket, key)]) }

  public func write(_ changes: [StateChange]) throws {
    try attempt(changes) { try queue.write { try StateDatabase.perform(changes, $0) } }
  }

  public func writeSoon(_ changes: [StateChange]) throws {
    try attempt(changes) {
      try queue.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA synchronous = NORMAL")
        // Whatever happens: nobody else is to find it so.
        defer { try? db.execute(sql: "PRAGMA synchronous = FULL") }
        try db.inTransaction {
          try StateDatabase.perform(changes, db)
          return .commit
        }
      }
    }
  }

  /// Writes; removals have the reserve where the disk is full.
  private func attempt(_ changes: [StateChange], _ body: () throws -> Void) throws {
    try attempt {
      do { try body() } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
        let isRemoval = changes.allSatisfy { if case .remove = $0 { true } else { false } }
        guard isRemoval, reserve.release() else { throw error }
        try body()
      }
      reserve.refill()
    }
  }

  private static func perform(_ changes: [StateChange], _ db: Database) throws {
    for change in changes {
      switch change {
      case .put(let bucket, let key, let value):
        var writer = JSONWriter()
        value.write(to: &writer)
        try db.cachedStatement(
          sql: "INSERT INTO state (bucket, key, value) VALUES (?, ?, ?) "
            + "ON CONFLICT (bucket, key) DO UPDATE SET value = excluded.value"
        ).execute(arguments: [bucket, key, Data(writer.bytes)])
      case .remove(let bucket, let key):
        try db.cachedStatement(sql: "DELETE FROM state WHERE bucket = ? AND key = ?")
          .execute(arguments: [bucket, key])
      }
    }
  }

  private func attempt<T>(_ body: () throws -> T) throws -> T {
    do { return try body() } catch let error as DatabaseError { throw StateDatabase.problem(error, path) }
  }

  // MARK: Schema

  /// Looks at the file before anything is changed in it.
  private static func check(_ db: Database, _ path: String) throws {
    let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
    let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    if tables == 0, version == 0 { return }
    guard application == StateDatabase.application else {
      throw EngineError(.failedPrecondition, "\(path) is not a state database of Drydock; nothing was changed")
    }
    guard version <= schema else {
      throw EngineError(
        .failedPrecondition,
        "the state database \(path) was written by a newer Drydock (schema \(version), this one knows \(schema)); "
          + "nothing was changed: use that version again, or another --data-root")
    }
    let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no answer"
    guard verdict == "ok" else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: verdict)
    }
  }

  private static func migrate(_ db: Database) throws {
    try db.inTransaction(.immediate) {
      if try Int.fetchOne(db, sql: "PRAGMA user_version") == 0 {
        try db.execute(
          sql: """
            CREATE TABLE state (
              bucket TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (bucket, key)
            ) WITHOUT ROWID
            """)
        try db.execute(sql: "PRAGMA application_id = \(application)")
        try db.execute(sql: "PRAGMA user_version = \(schema)")
      }
      return .commit
    }
  }

  private static func problem(_ error: DatabaseError, _ path: String) -> EngineError {
    let words = error.message ?? "SQLite error \(error.resultCode.rawValue)"
    switch error.resultCode {
    case .SQLITE_NOTADB, .SQLITE_CORRUPT:
      return EngineError(
        .failedPrecondition,
        "the state database \(path) is damaged: \(words); nothing was changed: restore it from a backup, or move it "
          + "away to begin anew")
    case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE,
      .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMMAP, .SQLITE_FULL:
      return EngineError(.resourceExhausted, "the state database \(path): no space left on device")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return EngineError(.unavailable, "the state database \(path) is locked by another process")
    case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM:
      return EngineError(.permissionDenied, "the state database \(path) cannot be opened: \(words)")
    default:
      return EngineError(.unavailable, "the state database \(path): \(words)")
    }
  }
}

/// Some room on the disk, held by a file, and let go of when there is no other.
private final class Reserve: Sendable {
  private static let size: off_t = 512 << 10
  private let path: String
  private let isHeld = Mutex(false)

  init(_ path: String) {
    self.path = path
    refill()
  }

  /// Takes the room again, when it can be had.
  func refill() {
    isHeld.withLock { isHeld in
      if isHeld { return }
      let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard file >= 0 else { return }
      isHeld = posix_fallocate(file, 0, Reserve.size) == 0
      close(file)
      if !isHeld { unlink(path) }
    }
  }

  /// False when there was none.
  func release() -> Bool {
    isHeld.withLock { isHeld in
      guard isHeld else { return false }
      isHeld = false
      return unlink(path) == 0
    }
  }
}
