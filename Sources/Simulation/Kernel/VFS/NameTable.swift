/// The hash by which folders find their entries. Not seeded: it decides no order that anybody sees.
func nameHash(_ name: Span<UInt8>) -> UInt32 {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for index in name.indices { hash = (hash ^ UInt64(name[index])) &* 0x0000_0100_0000_01b3 }
  return UInt32(truncatingIfNeeded: hash ^ (hash >> 32))
}

/// The text of a path component.
func nameString(_ name: Span<UInt8>) -> String {
  name.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
}

/// The entries of a folder: found by the bytes of a name, without making a String of a path's component first.
struct NameTable<Value> {
  struct Entry {
    let hash: UInt32
    var name: String
    var value: Value
  }
  private(set) var entries: ContiguousArray<Entry> = []
  /// Open addressing over `entries`, once there are more than a few: index + 1, 0 free, -1 was one.
  private var slots: ContiguousArray<Int32> = []
  private var used = 0

  var count: Int { entries.count }
  var isEmpty: Bool { entries.isEmpty }
  /// The names, sorted.
  var names: [String] { entries.map(\.name).sorted() }

  /// The value under `name`, whose `nameHash` is `hash`.
  func find(_ name: Span<UInt8>, _ hash: UInt32) -> Value? {
    guard let index = index(name, hash) else { return nil }
    return entries[index].value
  }

  subscript(name: String) -> Value? {
    get {
      let span = name.utf8.span
      return find(span, nameHash(span))
    }
    set {
      if let newValue { insert(name, newValue) } else { remove(name) }
    }
  }

  /// Adds or replaces.
  mutating func insert(_ name: String, _ value: Value) {
    let span = name.utf8.span
    let hash = nameHash(span)
    if let index = index(span, hash) {
      entries[index].value = value
      return
    }
    entries.append(Entry(hash: hash, name: name, value: value))
    if slots.isEmpty {
      if entries.count > 8 { rebuild() }
    } else if (used + 1) * 4 > slots.count * 3 {
      rebuild()
    } else {
      place(entries.count - 1)
    }
  }

  @discardableResult
  mutating func remove(_ name: String) -> Value? {
    let span = name.utf8.span
    guard let index = index(span, nameHash(span)) else { return nil }
    let value = entries[index].value
    let last = entries.count - 1
    if !slots.isEmpty {
      slots[slot(of: index)] = -1
      if index != last { slots[slot(of: last)] = Int32(index + 1) }
    }
    if index != last { entries.swapAt(index, last) }
    entries.removeLast()
    return value
  }

  mutating func removeAll() {
    entries.removeAll()
    slots.removeAll()
    used = 0
  }

  private func index(_ name: Span<UInt8>, _ hash: UInt32) -> Int? {
    if slots.isEmpty {
      for index in entries.indices where entries[index].hash == hash && isSame(entries[index].name, name) {
        return index
      }
      return nil
    }
    let mask = slots.count - 1
    var slot = Int(hash) & mask
    while slots[slot] != 0 {
      let index = Int(slots[slot]) - 1
      if index >= 0, entries[index].hash == hash, isSame(entries[index].name, name) { return index }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// The slot that holds the entry `index`.
  private func slot(of index: Int) -> Int {
    let mask = slots.count - 1
    var slot = Int(entries[index].hash) & mask
    while slots[slot] != Int32(index + 1) { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func place(_ index: Int) {
    let mask = slots.count - 1
    var slot = Int(entries[index].hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = Int32(index + 1)
    used += 1
  }

  private mutating func rebuild() {
    var capacity = 32
    while capacity < entries.count * 3 { capacity *= 2 }
    slots = ContiguousArray(repeating: 0, count: capacity)
    used = 0
    for index in entries.indices { place(index) }
  }
}

extension NameTable: Sendable where Value: Sendable {}
extension NameTable.Entry: Sendable where Value: Sendable {}

private func isSame(_ text: String, _ name: Span<UInt8>) -> Bool {
  let utf8 = text.utf8.span
  guard utf8.count == name.count else { return false }
  return utf8.withUnsafeBytes { a in name.withUnsafeBytes { b in areSame(a, b) } }
}

/// Whether the bytes are the same: eight at a time. There are equally many.
func areSame(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  var offset = 0
  while offset + 8 <= a.count {
    if a.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      != b.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    {
      return false
    }
    offset += 8
  }
  while offset < a.count {
    if a[offset] != b[offset] { return false }
    offset += 1
  }
  return true
}
