import Runtime

/// sysfs(5): the few folders that programs and runtimes look into.
final class SysFileSystem: FileSystem {
  private let network: Int

  init(_ kernel: KernelState, network: Int) {
    self.network = network
    super.init(kernel, type: "sysfs")
  }

  func makeRoot() -> Inode {
    let root = FixedFolder(self)
    for name in ["block", "bus", "dev", "hypervisor", "power"] { root.addFolder(name) }
    root.addFolder("firmware") { $0.addFolder("acpi") }
    root.addFolder("module") { modules in
      for name in ["overlay", "br_netfilter", "nf_tables", "veth"] { modules.addFolder(name) }
    }
    root.addFolder("fs") { fs in
      for name in ["cgroup", "bpf", "ext4", "fuse"] { fs.addFolder(name, mode: 0o755) }
    }
    root.addFolder("kernel") { kernel in
      for name in ["debug", "tracing", "security", "config"] { kernel.addFolder(name, mode: 0o700) }
      kernel.addFile("uevent_seqnum") { _ in "4711\n" }
      kernel.addFolder("mm") { mm in
        mm.addFolder("hugepages") { pages in
          for size in ["hugepages-2048kB", "hugepages-1048576kB"] {
            pages.addFolder(size) { $0.addFile("nr_hugepages", mode: 0o644) { _ in "0\n" } }
          }
        }
        mm.addFolder("transparent_hugepage") { $0.addFile("enabled", mode: 0o644) { _ in "always [madvise] never\n" } }
      }
    }
    root.addFolder("devices") { devices in
      devices.addFolder("system") { system in
        system.addFolder("cpu") { cpu in
          for name in ["online", "possible", "present"] {
            cpu.addFile(name) { CPUList.text(Array(0..<$0.cpus)) + "\n" }
          }
          for number in 0..<max(1, cpu.kernel.cpus) { cpu.addFolder("cpu\(number)") }
        }
        system.addFolder("node") { node in
          node.addFile("online") { _ in "0\n" }
          node.addFolder("node0")
        }
      }
      devices.addFolder("virtual") { virtual in
        virtual.addFolder("powercap")
        virtual.addFolder("dmi") { $0.addFolder("id") { $0.addFile("product_name") { _ in "Drydock\n" } } }
      }
    }
    let network = network
    root.addFolder("class") { classes in
      classes.add("net") { InterfaceFolder($0.fs, network) }
      for name in ["block", "tty", "mem"] { classes.addFolder(name) }
    }
    return root
  }
}

/// `/sys/class/net`: an interface's folder is there as soon as somebody asks; its files fail without the interface.
private final class InterfaceFolder: Inode {
  private let network: Int
  private var folders = NameTable<FixedFolder>()
  init(_ fs: FileSystem, _ network: Int) {
    self.network = network
    super.init(fs: fs, kind: .directory, mode: 0o755, modified: fs.kernel.seconds)
  }
  override func lookup(_ name: Span<UInt8>, _ hash: UInt32) throws(Errno) -> Inode? {
    if let found = folders.find(name, hash) { return found }
    let text = nameString(name)
    guard kernel.interfaceNames?(network).contains(text) ?? false else { return nil }
    let folder = FixedFolder(fs)
    let id = network
    for file in ["address", "mtu", "ifindex", "iflink", "operstate", "carrier", "flags", "type", "tx_queue_len"] {
      folder.add(file) { NetworkStackFile($0.fs, .interface(text, file)) { id } }
    }
    folder.addFolder("statistics") { statistics in
      for file in [
        "rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_errors", "tx_errors", "rx_dropped", "tx_dropped",
      ] {
        statistics.add(file) { NetworkStackFile($0.fs, .interface(text, "statistics/\(file)")) { id } }
      }
    }
    folder.parent = self
    folder.name = text
    folders.insert(text, folder)
    return folder
  }
  override func takeChildren() -> [Inode] {
    defer { folders.removeAll() }
    return folders.entries.map(\.value)
  }
  override func names() throws(Errno) -> [String] { kernel.interfaceNames?(network).sorted() ?? [] }
}
