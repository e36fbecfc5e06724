import CLinux
import Glibc
import OCISpec
import Runtime
import Testing

@testable import LinuxKernel

/// Each in a mount namespace of its own, on a tmpfs of its own at /mnt.
@Suite("Mounts", .root)
struct MountTests {
  static let root = "/mnt"
  static func at(_ path: String) -> KernelPath { KernelPath(root: root, path) }

  static func inMountNamespace<T: Sendable>(_ body: @escaping @Sendable (LinuxKernel) throws -> T) throws -> T {
    try apart {
      let kernel = LinuxKernel()
      try kernel.perform(.attach(Attachment(source: "tmpfs", target: "/mnt", type: "tmpfs", data: "mode=755")))
      return try body(kernel)
    }
  }

  @Test("A bind mount with attributes, over a file that is made with the folders on its way")
  func bind() throws {
    let line = try Self.inMountNamespace { kernel in
      var attachment = Attachment(
        source: "/etc/passwd", target: Self.at("/a/b/passwd"), attributes: ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NOATIME"])
      attachment.makes = .file
      attachment.propagation = [["MS_SHARED"], ["MS_SLAVE", "MS_REC"]]
      try kernel.perform(.attach(attachment))
      return mountLine("/mnt/a/b/passwd")
    }
    #expect(line?.contains(" ro,") == true)
    #expect(line?.contains("noatime") == true)
    #expect(line?.contains("shared:") == false)
  }

  @Test("Without `makes` a missing target is refused, and a folder cannot be mounted on a file")
  func targets() throws {
    let errors = try Self.inMountNamespace { kernel -> [Errno?] in
      try kernel.perform(.createFile(path: Self.at("file"), mode: 0o600))
      return [
        refusal { try kernel.perform(.attach(Attachment(source: "/etc", target: Self.at("/missing")))) },
        refusal { try kernel.perform(.attach(Attachment(source: "/etc", target: Self.at("/file")))) },
        refusal { try kernel.perform(.attach(Attachment(source: "/nonesuch", target: Self.at("/file")))) },
        refusal { try kernel.perform(.attach(Attachment(source: "x", target: Self.at("/"), type: "nonesuchfs"))) },
      ]
    }
    #expect(errors == [.ENOENT, .ENOTDIR, .ENOENT, .ENODEV])
  }

  @Test("A file system's own words for a wrong option are kept, and forgotten by the next call")
  func detail() throws {
    let details = try Self.inMountNamespace { kernel -> [String?] in
      var details: [String?] = []
      for data in ["size=bogus", "size=1m"] {
        _ = refusal {
          try kernel.perform(.attach(Attachment(source: "tmpfs", target: Self.at("/"), type: "tmpfs", data: data)))
        }
        details.append(kernel.detail)
      }
      return details
    }
    #expect(details[0]?.contains("Bad value for 'size'") == true)
    #expect(details[1] == nil)
  }

  @Test("A target in procfs is refused, unless it may be covered (CVE-2019-19921)")
  func procfs() throws {
    let errors = try Self.inMountNamespace { kernel -> [Errno?] in
      try kernel.perform(.mkdir(path: Self.at("/proc"), mode: 0o755))
      try kernel.perform(.mkdir(path: Self.at("/real"), mode: 0o755))
      try kernel.perform(.symlink(target: "real", path: Self.at("/link")))
      func attach(_ path: String, ordinary: Bool = false, cover: Bool = false) -> Errno? {
        var attachment = Attachment(source: "proc", target: Self.at(path), type: "proc")
        attachment.ordinary = ordinary
        attachment.mayCoverProc = cover
        return refusal { try kernel.perform(.attach(attachment)) }
      }
      return [
        attach("/link", ordinary: true), attach("/proc", ordinary: true), attach("/proc/sys"),
        attach("/proc/sys", cover: true),
      ]
    }
    #expect(errors == [.ELOOP, nil, .EXDEV, nil])
  }

  @Test("tmpfs that begins with a copy of what it covers: modes, owners, times, links, attributes; then read-only")
  func copyUp() throws {
    struct Copy: Sendable {
      var line: String?
      var text: String?
      var mode: UInt32?
      var status = stat()
      var link = ""
      var names: UInt = 0
      var attribute = ""
      var kind: FileKind?
      var rootMode: UInt32?
      var written: Errno?
    }
    let copy = try Self.inMountNamespace { kernel -> Copy in
      try kernel.perform(.makeFolders(path: Self.at("/data/sub"), mode: 0o750))
      try kernel.perform(.chmod(path: Self.at("/data"), mode: 0o1711))
      try kernel.perform(.createFile(path: Self.at("/data/sub/file"), mode: 0o600))
      try kernel.perform(.writeFile(path: Self.at("/data/sub/file"), contents: "contents"))
      try kernel.perform(.chown(path: Self.at("/data/sub/file"), uid: 12, gid: 34))
      try kernel.perform(.chmod(path: Self.at("/data/sub/file"), mode: 0o4755))
      try kernel.perform(.symlink(target: "/etc/shadow", path: Self.at("/data/link")))
      try kernel.perform(.mknod(path: Self.at("/data/null"), kind: "c", mode: 0o666, major: 1, minor: 3))
      guard link("/mnt/data/sub/file", "/mnt/data/second") == 0 else { throw Errno(number: errno) }
      var value = Array("yes".utf8)
      try attribute(SYS_setxattr, "/mnt/data/sub/file", &value)
      var times = [timespec(tv_sec: 1000, tv_nsec: 0), timespec(tv_sec: 2000, tv_nsec: 7)]
      utimensat(AT_FDCWD, "/mnt/data/sub/file", &times, 0)
      var attachment = Attachment(
        source: "tmpfs", target: Self.at("/data"), type: "tmpfs", attributes: ["MOUNT_ATTR_RDONLY"])
      attachment.copyUp = true
      attachment.modeOfTarget = true
      try kernel.perform(.attach(attachment))
      var copy = Copy()
      copy.line = mountLine("/mnt/data")
      copy.text = text("/mnt/data/second")
      copy.mode = kernel.mode(of: Self.at("/data/sub/file"))
      stat("/mnt/data/sub/file", &copy.status)
      copy.link = try kernel.readLink("link", in: kernel.open(Self.at("/data"), O_RDONLY).release())
      copy.names = UInt(copy.status.st_nlink)
      value = [0, 0, 0]
      try attribute(SYS_getxattr, "/mnt/data/sub/file", &value)
      copy.attribute = String(decoding: value, as: UTF8.self)
      copy.kind = try kernel.kind(of: Self.at("/data/null"))
      copy.rootMode = kernel.mode(of: Self.at("/data"))
      copy.written = refusal { try kernel.perform(.createFile(path: Self.at("/data/new"), mode: 0o600)) }
      return copy
    }
    #expect(copy.line?.contains(" ro") == true)
    #expect(copy.text == "contents")
    #expect(copy.mode == 0o4755)
    #expect(copy.status.st_uid == 12)
    #expect(copy.status.st_gid == 34)
    #expect(copy.status.st_mtim.tv_sec == 2000)
    #expect(copy.link == "/etc/shadow")
    #expect(copy.names == 2)
    #expect(copy.attribute == "yes")
    #expect(copy.kind == .device)
    #expect(copy.rootMode == 0o1711)
    #expect(copy.written == .EROFS)
  }

  @Test("A tree that is deeper than descriptors reach is refused")
  func deepTree() throws {
    let error = try Self.inMountNamespace { kernel -> Errno? in
      let deep = Array(repeating: "d", count: 300).joined(separator: "/")
      try kernel.perform(.makeFolders(path: Self.at("/a/" + deep), mode: 0o755))
      try kernel.perform(.mkdir(path: Self.at("/b"), mode: 0o755))
      return refusal { try kernel.perform(.copyTree(source: Self.at("/a"), target: Self.at("/b"))) }
    }
    #expect(error == .ELOOP)
  }

  @Test("An idmapped bind mount, prepared by one who has the right and attached by number")
  func idMapped() throws {
    let owner = try Self.inMountNamespace { kernel -> uid_t in
      try kernel.perform(.mkdir(path: Self.at("/source"), mode: 0o755))
      try kernel.perform(.createFile(path: Self.at("/source/file"), mode: 0o600))
      let map = MountIDMap(
        uid: [.init(containerID: 0, hostID: 100_000, size: 65_536)],
        gid: [.init(containerID: 0, hostID: 100_000, size: 65_536)])
      try kernel.perform(.prepareMount(3, Attachment(source: "/mnt/source", target: "/", idMap: map)))
      var attachment = Attachment(source: "", target: Self.at("/mapped"))
      attachment.makes = .directory
      attachment.prepared = 3
      try kernel.perform(.attach(attachment))
      var status = stat()
      stat("/mnt/mapped/file", &status)
      return status.st_uid
    }
    #expect(owner == 100_000)
  }

  @Test("What was prepared gets its attributes when it is attached, and its propagation before")
  func prepared() throws {
    let (line, error) = try Self.inMountNamespace { kernel -> (String?, Errno?) in
      try kernel.perform(.mkdir(path: Self.at("/source"), mode: 0o755))
      try kernel.perform(.mount(source: "", target: "/mnt", type: "", flags: ["MS_SHARED"], data: ""))
      var source = Attachment(source: "/mnt/source", target: "/")
      source.propagation = [["MS_REC", "MS_SLAVE"]]
      try kernel.perform(.prepareMount(0, source))
      kernel.forget()
      var attachment = Attachment(
        source: "", target: Self.at("/copy"), attributes: ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_NODEV"])
      attachment.makes = .directory
      attachment.prepared = 0
      try kernel.perform(.attach(attachment))
      // It is there once.
      return (mountLine("/mnt/copy"), refusal { try kernel.perform(.attach(attachment)) })
    }
    #expect(line?.contains(" ro,nodev") == true)
    #expect(line?.contains("master:") == true)
    #expect(error == .EBADF)
  }

  @Test("tmpfs has the mode of the folder that it covers; one that had to be made has none to give")
  func modeOfTarget() throws {
    let modes = try Self.inMountNamespace { kernel -> [UInt32?] in
      try kernel.perform(.mkdir(path: Self.at("/there"), mode: 0o711))
      var modes: [UInt32?] = []
      for (path, data) in [("/there", ""), ("/new", ""), ("/there", "mode=700"), ("/new", "iversion")] {
        var attachment = Attachment(source: "tmpfs", target: Self.at(path), type: "tmpfs", data: data)
        attachment.makes = .directory
        attachment.modeOfTarget = true
        try kernel.perform(.attach(attachment))
        modes.append(kernel.mode(of: Self.at(path)))
      }
      return modes
    }
    #expect(modes == [0o711, 0o1777, 0o700, 0o1777])
  }

  @Test("Recursive attributes reach the mounts below")
  func recursive() throws {
    let lines = try Self.inMountNamespace { kernel -> [String?] in
      try kernel.perform(.makeFolders(path: Self.at("/source/below"), mode: 0o755))
      try kernel.perform(.attach(Attachment(source: "t", target: Self.at("/source/below"), type: "tmpfs")))
      var attachment = Attachment(source: "/mnt/source", target: Self.at("/copy"), recursive: true)
      attachment.makes = .directory
      attachment.recursiveSet = ["MOUNT_ATTR_RDONLY", "MOUNT_ATTR_STRICTATIME"]
      attachment.recursiveClear = ["MOUNT_ATTR__ATIME"]
      try kernel.perform(.attach(attachment))
      return [mountLine("/mnt/copy"), mountLine("/mnt/copy/below"), mountLine("/mnt/source/below")]
    }
    #expect(lines[0]?.contains(" ro ") == true)
    #expect(lines[1]?.contains(" ro ") == true)
    #expect(lines[2]?.contains(" rw,relatime ") == true)
  }

  @Test("mount(2) as runc asks for it: bind, remount, propagation, move, a file system")
  func oldStyle() throws {
    let lines = try Self.inMountNamespace { kernel -> [String?] in
      for name in ["/bind", "/fs", "/moved"] { try kernel.perform(.mkdir(path: Self.at(name), mode: 0o755)) }
      func mount(_ source: String, _ target: String, _ type: String, _ flags: [String], _ data: String = "") throws {
        try kernel.perform(.mount(source: source, target: Self.at(target), type: type, flags: flags, data: data))
      }
      try mount("/etc", "/bind", "bind", ["MS_BIND", "MS_REC"])
      try mount("", "/bind", "", ["MS_BIND", "MS_REMOUNT", "MS_RDONLY", "MS_NOSUID"])
      try mount("", "/bind", "", ["MS_SHARED"])
      try mount("tmpfs", "/fs", "tmpfs", ["MS_NODEV"], "size=64k,mode=700")
      try kernel.perform(.mount(source: "/mnt/fs", target: Self.at("/moved"), type: "", flags: ["MS_MOVE"], data: ""))
      try kernel.perform(.mountSetattr(target: Self.at("/moved"), set: ["MOUNT_ATTR_NOEXEC"], recursive: true))
      return [mountLine("/mnt/bind"), mountLine("/mnt/fs"), mountLine("/mnt/moved")]
    }
    #expect(lines[0]?.contains(" ro,nosuid") == true)
    #expect(lines[0]?.contains("shared:") == true)
    #expect(lines[1] == nil)
    #expect(lines[2]?.contains("nodev,noexec") == true)
    #expect(lines[2]?.contains("size=64k") == true)
  }

  @Test("A named hierarchy of cgroup v1, and an option that is too long for fsconfig")
  func special() throws {
    let (line, length) = try Self.inMountNamespace { kernel -> (String?, Int?) in
      for index in 0..<12 {
        try kernel.perform(.mkdir(path: Self.at("/layer-with-a-rather-long-name-\(index)"), mode: 0o755))
      }
      try kernel.perform(.mkdir(path: Self.at("/overlay"), mode: 0o755))
      let layers = (0..<12).map { "/mnt/layer-with-a-rather-long-name-\($0)" }.joined(separator: ":")
      try kernel.perform(
        .attach(
          Attachment(source: "overlay", target: Self.at("/overlay"), type: "overlay", data: "lowerdir=" + layers)))
      let line = mountLine("/mnt/overlay")
      var attachment = Attachment(
        source: "cgroup", target: Self.at("/cgroup"), type: "cgroup", data: "none,name=systemd")
      attachment.makes = .directory
      try kernel.perform(.attach(attachment))
      return (mountLine("/mnt/cgroup"), line?.utf8.count)
    }
    #expect(line?.contains("name=systemd") == true)
    #expect((length ?? 0) > 300)
  }

  @Test("Hidden and read-only paths; /dev/null must be /dev/null (CVE-2025-31133)")
  func masks() throws {
    struct Seen: Sendable, Equatable {
      var folder: Int
      var lines: [Bool]
      var isNull: Bool
      var errors: [Errno?]
      var written: Errno?
    }
    let seen = try Self.inMountNamespace { kernel -> Seen in
      for name in ["/one", "/two"] {
        try kernel.perform(.mkdir(path: Self.at(name), mode: 0o755))
        try kernel.perform(.createFile(path: Self.at(name + "/secret"), mode: 0o600))
      }
      try kernel.perform(.createFile(path: Self.at("/file"), mode: 0o600))
      try kernel.perform(.makeFolders(path: Self.at("/plain"), mode: 0o755))
      for name in ["/one", "/two", "/file"] { try kernel.perform(.mask(path: Self.at(name), label: "")) }
      try kernel.perform(.makeReadOnly(path: Self.at("/plain")))
      let written = refusal { try kernel.perform(.createFile(path: Self.at("/plain/x"), mode: 0o600)) }
      var status = stat()
      stat("/mnt/file", &status)
      let entries = [Self.at("/one/secret"), Self.at("/two/secret")].filter { kernel.exists($0) }.count
      let gone = refusal { try kernel.perform(.mask(path: Self.at("/gone"), label: "")) }
      // Another /dev/null, as a container might have put it there.
      try kernel.perform(.createFile(path: Self.at("/null"), mode: 0o666))
      try kernel.perform(.createFile(path: Self.at("/other"), mode: 0o666))
      try kernel.perform(.attach(Attachment(source: "/mnt/null", target: "/dev/null")))
      kernel.forget()
      let wrong = refusal { try kernel.perform(.mask(path: Self.at("/other"), label: "")) }
      return Seen(
        folder: entries, lines: ["/mnt/one", "/mnt/two"].map { mountLine($0)?.contains(" ro,") == true },
        isNull: status.st_rdev == 0x103, errors: [gone, wrong], written: written)
    }
    #expect(
      seen == Seen(folder: 0, lines: [true, true], isNull: true, errors: [.ENOENT, .ENODEV], written: .EROFS))
  }

  @Test("Devices are made, and known again")
  func devices() throws {
    let errors = try Self.inMountNamespace { kernel -> [Errno?] in
      try kernel.perform(.mknod(path: Self.at("/full"), kind: "c", mode: 0o666, major: 1, minor: 7))
      try kernel.perform(.symlink(target: "full", path: Self.at("/link")))
      return [
        refusal { try kernel.perform(.checkDevice(path: Self.at("/full"), kind: "c", major: 1, minor: 7)) },
        refusal { try kernel.perform(.checkDevice(path: Self.at("/full"), kind: "c", major: 1, minor: 8)) },
        refusal { try kernel.perform(.checkDevice(path: Self.at("/full"), kind: "b", major: 1, minor: 7)) },
        refusal { try kernel.perform(.checkDevice(path: Self.at("/link"), kind: "c", major: 1, minor: 7)) },
        refusal { try kernel.perform(.mknod(path: Self.at("/x"), kind: "z", mode: 0, major: 0, minor: 0)) },
      ]
    }
    #expect(errors == [nil, .EEXIST, .EEXIST, .EEXIST, .EINVAL])
  }

  @Test("The change of root, and the old one taken away")
  func pivot() throws {
    let (entries, lines, stranger) = try Self.inMountNamespace { kernel -> (Bool, Int, Errno?) in
      for name in ["/proc", "/inner"] { try kernel.perform(.mkdir(path: Self.at(name), mode: 0o755)) }
      try kernel.perform(.attach(Attachment(source: "proc", target: Self.at("/proc"), type: "proc")))
      let outside = open("/etc", O_RDONLY | O_DIRECTORY)
      defer { close(outside) }
      try kernel.perform(.chdir(path: "/mnt"))
      try kernel.perform(.pivotRoot(new: ".", old: "."))
      try kernel.perform(.enterOldRoot)
      try kernel.perform(.mount(source: "", target: ".", type: "", flags: ["MS_SLAVE", "MS_REC"], data: ""))
      try kernel.perform(.unmount(target: ".", flags: ["MNT_DETACH"]))
      try kernel.perform(.chdir(path: "/"))
      let mounts = text("/proc/thread-self/mountinfo")?.split(separator: "\n").count ?? 0
      // A descriptor that leads out is no way out (CVE-2024-21626).
      let stranger = refusal { try kernel.perform(.chdir(path: "/proc/self/fd/\(outside)")) }
      return (kernel.exists("/inner"), mounts, stranger)
    }
    #expect(entries)
    #expect(lines == 2)
    #expect(stranger == .ELOOP)
  }

  @Test("procfs is written only where it is procfs (CVE-2025-52881)")
  func safeProc() throws {
    struct Seen: Sendable, Equatable { var overmounted, elsewhere: String?; var value: String? }
    let seen = try apart(0x4000_0000) { () -> Seen in
      let kernel = LinuxKernel()
      try kernel.perform(.attach(Attachment(source: "tmpfs", target: "/mnt", type: "tmpfs")))
      try kernel.perform(.createFile(path: "/mnt/decoy", mode: 0o644))
      var cover = Attachment(source: "/mnt/decoy", target: "/proc/sys/net/ipv4/ip_forward")
      cover.mayCoverProc = true
      try kernel.perform(.attach(cover))
      // What lies over the setting is passed by: it is reached through a procfs of our own.
      try kernel.perform(.writeFile(path: "/proc/sys/net/ipv4/ip_forward", contents: "1"))
      let overmounted = text("/mnt/decoy")
      try kernel.perform(.unmount(target: "/proc/sys/net/ipv4/ip_forward", flags: ["MNT_DETACH"]))
      let value = text("/proc/sys/net/ipv4/ip_forward")
      // /proc is something else altogether.
      kernel.forget()
      try kernel.perform(.makeFolders(path: "/mnt/proc/sys/net/ipv4", mode: 0o755))
      try kernel.perform(.createFile(path: "/mnt/proc/sys/net/ipv4/ip_forward", mode: 0o644))
      var fake = Attachment(source: "/mnt/proc", target: "/proc")
      fake.mayCoverProc = true
      try kernel.perform(.attach(fake))
      try kernel.perform(.writeFile(path: "/proc/sys/net/ipv4/ip_forward", contents: "0"))
      return Seen(overmounted: overmounted, elsewhere: text("/mnt/proc/sys/net/ipv4/ip_forward"), value: value)
    }
    #expect(seen == Seen(overmounted: "", elsewhere: "", value: "1\n"))
  }
}

/// What `body` was refused with, if it was.
func refusal(_ body: () throws -> Void) -> Errno? {
  do {
    try body()
    return nil
  } catch { return error as? Errno ?? .EIO }
}

/// setxattr(2) or getxattr(2) of `trusted.drydock`.
private func attribute(_ call: Int32, _ path: String, _ value: inout [UInt8]) throws {
  try value.withUnsafeMutableBytes { value in
    let (address, count) = (Int(bitPattern: value.baseAddress), value.count)
    try system(with: path) { path in
      "trusted.drydock".withCString { clinux_call(Int(call), path, Int(bitPattern: $0), address, count, 0, 0) }
    }
  }
}
