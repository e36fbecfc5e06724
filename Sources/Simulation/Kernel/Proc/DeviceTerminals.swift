import Runtime

/// devpts: the slaves of pseudo-terminals, and `ptmx`.
final class DeviceTerminals: FileSystem {
  private var last = -1
  private let slaveMode: UInt32
  private let slaveGroup: UInt32
  private let ptmxMode: UInt32
  private weak var root: TerminalFolder?

  init(_ kernel: KernelState, data: String, userNamespace: UserNamespace) throws(Errno) {
    var mode: UInt32 = 0o600
    var ptmx: UInt32 = 0
    var gid: UInt32 = 0
    var shown: [String] = []
    for option in data.parts(at: ",") {
      let parts = option.parts(at: "=", most: 1)
      let value = parts.count == 2 ? parts[1] : ""
      switch parts[0] {
      case "newinstance": continue
      case "gid":
        guard let number = UInt32(value), let id = userNamespace.kernelGroup(number) else { throw .EINVAL }
        gid = id
      case "uid", "max": guard UInt32(value) != nil else { throw .EINVAL }
      case "mode":
        guard let number = UInt32(value, radix: 8), number <= 0o777 else { throw .EINVAL }
        mode = number
      case "ptmxmode":
        guard let number = UInt32(value, radix: 8), number <= 0o777 else { throw .EINVAL }
        ptmx = number
      default: throw .EINVAL
      }
    }
    (slaveMode, slaveGroup, ptmxMode) = (mode, gid, ptmx)
    if gid != 0 { shown.append("gid=\(gid)") }
    func octal(_ mode: UInt32) -> String {
      let digits = String(mode, radix: 8)
      return String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }
    shown += ["mode=\(octal(mode))", "ptmxmode=\(octal(ptmx))"]
    super.init(kernel, type: "devpts", userNamespace: userNamespace)
    options = shown
  }

  func makeRoot() -> Inode {
    let folder = TerminalFolder(self, ptmxMode: ptmxMode)
    root = folder
    return folder
  }

  func nextTerminal() -> Int {
    last += 1
    return last
  }

  func add(_ terminal: Terminal) {
    root?.add(
      TerminalNode(self, terminal, mode: slaveMode, uid: kernel.current?.credentials.euid ?? 0, gid: slaveGroup))
  }
}

private final class TerminalFolder: Inode {
  private var nodes = NameTable<TerminalNode>()
  private let ptmx: MemoryNode

  init(_ fs: FileSystem, ptmxMode: UInt32) {
    ptmx = MemoryNode(fs, device: DeviceNumber(major: 5, minor: 2), mode: ptmxMode)
    super.init(fs: fs, kind: .directory, mode: 0o755, modified: fs.kernel.seconds)
    ptmx.parent = self
    ptmx.name = "ptmx"
  }
  func add(_ node: TerminalNode) {
    node.parent = self
    node.name = String(node.terminal?.number ?? 0)
    nodes.insert(node.name, node)
  }
  override func takeChildren() -> [Inode] {
    defer { nodes.removeAll() }
    return nodes.entries.map(\.value) + [ptmx]
  }
  /// Terminals that nobody holds any more are gone.
  private func sweep() {
    for name in nodes.names where nodes[name]?.terminal == nil { nodes.remove(name) }
  }
  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    if name.count == 4, nameString(name) == "ptmx" { return ptmx }
    guard let node = nodes.find(name, hash), node.terminal != nil else { return nil }
    return node
  }
  override func names() throws(Errno) -> [String] {
    sweep()
    return (nodes.names + ["ptmx"]).sorted()
  }
}

/// A device node of a generated file system.
class MemoryNode: Inode {
  init(_ fs: FileSystem, device: DeviceNumber, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) {
    super.init(fs: fs, kind: .characterDevice, mode: mode, uid: uid, gid: gid, modified: fs.kernel.seconds)
    self.device = device
  }
}

/// `/dev/pts/N`.
final class TerminalNode: MemoryNode {
  private(set) weak var terminal: Terminal?
  init(_ fs: FileSystem, _ terminal: Terminal, mode: UInt32, uid: UInt32, gid: UInt32) {
    self.terminal = terminal
    super.init(fs, device: DeviceNumber(major: 136, minor: UInt32(terminal.number)), mode: mode, uid: uid, gid: gid)
  }
}
