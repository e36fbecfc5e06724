import CLinux
import Glibc
import OCISpec
import Runtime

/// The new mount API (Linux 5.2 to 5.12): a mount is prepared where nobody sees it, and then attached by descriptors.
extension LinuxKernel {
  /// open_tree(2) OPEN_TREE_CLONE: a copy of the mount at `source`, with those below it when `recursive`.
  func cloneTree(_ source: String, recursive: Bool) throws(Errno) -> Descriptor {
    let flags = 1 | Linux.cloexec | (recursive ? Linux.atRecursive : 0)
    return Descriptor(
      Int32(
        try system(with: source) { clinux_call(Int(SYS_open_tree), Linux.atFDCWD, $0, flags, 0, 0, 0) }))
  }

  /// The same of what a descriptor leads to.
  func cloneTree(of descriptor: Int32, recursive: Bool) throws(Errno) -> Descriptor {
    let flags = 1 | Linux.cloexec | Linux.atEmptyPath | (recursive ? Linux.atRecursive : 0)
    return Descriptor(
      Int32(
        try withEmptyPath { (empty) throws(Errno) in try system(SYS_open_tree, Int(descriptor), empty, flags) }))
  }

  /// fsopen(2), fsconfig(2), fsmount(2): a file system that is mounted nowhere yet.
  ///
  /// A refusal's message from the file system is kept as `detail`.
  func fileSystem(
    type: String, source: String, options: [String], attributes: MountAttributes
  ) throws(Errno) -> Descriptor {
    let context = Descriptor(
      Int32(try system(with: type) { clinux_call(Int(SYS_fsopen), $0, 1, 0, 0, 0, 0) }))
    do throws(Errno) {
      if !source.isEmpty { try configure(context, "source", source) }
      for option in options {
        if let equals = option.utf8.firstIndex(of: UInt8(ascii: "=")) {
          let value = option[option.utf8.index(after: equals)...]
          try configure(context, String(option[..<equals]), LinuxKernel.unquoted(value))
        } else {
          try configure(context, option, nil)
        }
      }
      try system(SYS_fsconfig, Int(context.raw), 6)
      return Descriptor(Int32(try system(SYS_fsmount, Int(context.raw), 1, Int(attributes.rawValue))))
    } catch {
      noteMessages(of: context)
      throw error
    }
  }

  /// FSCONFIG_SET_STRING, or FSCONFIG_SET_FLAG.
  private func configure(_ context: borrowing Descriptor, _ key: String, _ value: String?) throws(Errno) {
    let raw = Int(context.raw)
    guard let value else {
      try system(with: key) { clinux_call(Int(SYS_fsconfig), raw, 0, $0, 0, 0, 0) }
      return
    }
    if value.utf8.contains(0) { throw .EINVAL }
    try system(with: key) { key in
      value.withCString { clinux_call(Int(SYS_fsconfig), raw, 1, key, Int(bitPattern: $0), 0, 0) }
    }
  }

  /// The kernel's messages of a file system context: `e tmpfs: Bad value for 'size'`.
  private func noteMessages(of context: borrowing Descriptor) {
    var text: [String] = []
    let raw = context.raw
    withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { buffer in
      for _ in 0..<16 {
        let count = read(raw, buffer.baseAddress, buffer.count)
        if count <= 0 { break }
        let line = String(decoding: buffer[..<count], as: UTF8.self)
        // A letter (error, warning, information) stands before the message.
        if line.hasPrefix("e ") { text.append(String(line.dropFirst(2).prefix { $0 != "\n" })) }
      }
    }
    let detail = text.isEmpty ? nil : text.joined(separator: "; ")
    kept.withLock { $0.detail = detail }
  }

  /// mount_setattr(2) on what a descriptor leads to. `propagation`: one of MS_SHARED, MS_SLAVE, MS_PRIVATE,
  /// MS_UNBINDABLE, or nothing. `namespace`: the user namespace of an idmapped mount.
  func setAttributes(
    _ tree: Int32, set: MountAttributes, clear: MountAttributes = [], propagation: RuntimeSpec.MountFlags = [],
    namespace: Int32? = nil, recursive: Bool
  ) throws(Errno) {
    // struct mount_attr.
    var attributes = (set.rawValue, clear.rawValue, UInt64(propagation.rawValue), UInt64(namespace ?? 0))
    let flags = Linux.atEmptyPath | (recursive ? Linux.atRecursive : 0)
    try withUnsafeMutablePointer(to: &attributes) { (pointer) throws(Errno) in
      let address = Int(bitPattern: pointer)
      try withEmptyPath { (empty) throws(Errno) in
        try system(SYS_mount_setattr, Int(tree), empty, flags, address, 32)
      }
    }
  }

  /// move_mount(2): attaches a prepared mount, or moves one, to the place that was opened.
  ///
  /// ENOTDIR where one is a folder and the other is not.
  func attach(_ tree: Int32, to target: Int32) throws(Errno) {
    do throws(Errno) {
      // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
      try withEmptyPath { (empty) throws(Errno) in
        try system(SYS_move_mount, Int(tree), empty, Int(target), empty, 0x44)
      }
    } catch {
      // The kernel has one errno for that and for what it forbids.
      guard error == .EINVAL, let mounted = try? status(of: tree), let covered = try? status(of: target),
        (mounted.st_mode & S_IFMT == S_IFDIR) != (covered.st_mode & S_IFMT == S_IFDIR)
      else { throw error }
      throw .ENOTDIR
    }
  }

  /// The options of a file system: commas separate them, except within quotes (SELinux's `context="…"`).
  static func options(_ data: String) -> [String] {
    if data.isEmpty { return [] }
    var options: [String] = []
    var start = data.startIndex
    var quoted = false
    for index in data.utf8.indices {
      switch data.utf8[index] {
      case UInt8(ascii: "\""): quoted.toggle()
      case UInt8(ascii: ",") where !quoted:
        if start < index { options.append(String(data[start..<index])) }
        start = data.utf8.index(after: index)
      default: break
      }
    }
    if start < data.endIndex { options.append(String(data[start...])) }
    return options
  }

  static func unquoted(_ value: Substring) -> String {
    guard value.utf8.count >= 2, value.utf8.first == UInt8(ascii: "\""), value.utf8.last == UInt8(ascii: "\"") else {
      return String(value)
    }
    return String(value.dropFirst().dropLast())
  }
}
