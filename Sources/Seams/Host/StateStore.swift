import JSONTree
import Synchronization

/// Where a part keeps what must outlive it: one JSON value a key, in named buckets.
///
/// In trace mode a dictionary; in real mode SQLite. A part writes every change before it answers, and reads everything
/// when it starts, so that it can die at any moment.
public protocol StateStore: Sendable {
  /// Every key and value of a bucket, by key.
  func load(_ bucket: String) throws -> [(key: String, value: JSON)]
  /// Writes through. The value may be encoded later than the call, never from a later state.
  func put(_ bucket: String, _ key: String, _ value: any JSONWritable) throws
  /// Nothing there is no error.
  func remove(_ bucket: String, _ key: String) throws
  /// Several changes at once: all of them, or none when the process dies meanwhile.
  func write(_ changes: [StateChange]) throws
  /// The same without waiting for the disk, for what something that is written later depends on: a loss of power may
  /// take it, but never it alone while later changes stay. The death of the process takes nothing.
  func writeSoon(_ changes: [StateChange]) throws
}

extension StateStore {
  public func writeSoon(_ changes: [StateChange]) throws { try write(changes) }
}

/// One change of a `StateStore`.
public enum StateChange: Sendable {
  case put(_ bucket: String, _ key: String, any JSONWritable)
  case remove(_ bucket: String, _ key: String)
}

/// A store that lives as long as the process: trace mode's, and the tests'.
public final class MemoryStateStore: StateStore {
  private let buckets = Mutex<[String: [String: any JSONWritable]]>([:])
  public init() {}
  public func load(_ bucket: String) -> [(key: String, value: JSON)] {
    buckets.withLock { $0[bucket] ?? [:] }.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }
  }
  public func put(_ bucket: String, _ key: String, _ value: any JSONWritable) {
    buckets.withLock { $0[bucket, default: [:]][key] = value }
  }
  public func remove(_ bucket: String, _ key: String) {
    buckets.withLock { $0[bucket]?[key] = nil }
  }
  public func write(_ changes: [StateChange]) {
    buckets.withLock { buckets in
      for change in changes {
        switch change {
        case .put(let bucket, let key, let value): buckets[bucket, default: [:]][key] = value
        case .remove(let bucket, let key): buckets[bucket]?[key] = nil
        }
      }
    }
  }
}
