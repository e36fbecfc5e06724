import Runtime
import Testing

@testable import Simulation

/// mount(2), mount_namespaces(7), pivot_root(2).
@Suite struct KernelMountTests {
  private func folders(_ f: KernelFixture, _ names: String...) throws {
    for name in names { try f.files.makeDirectory(name, mode: 0o755) }
  }

  // MARK: Refusals

  @Test func mountRefusesWhatLinuxRefuses() throws {
    let f = KernelFixture()
    func errno(_ type: String, _ target: KernelPath = "/mnt", _ flags: [String] = [], _ data: String = "") -> Errno? {
      f.errno(.mount(source: "x", target: target, type: type, flags: flags, data: data))
    }
    #expect(errno("nofs") == .ENODEV)
    #expect(errno("tmpfs", "/nowhere") == .ENOENT)
    #expect(errno("tmpfs", "/etc/hostname") == .ENOTDIR)
    #expect(errno("tmpfs", "/mnt", [], "nonsense=1") == .EINVAL)
    #expect(errno("", "/etc", ["MS_SHARED"]) == .EINVAL)  // not a mount point
    #expect(errno("", "/", ["MS_SHARED", "MS_PRIVATE"]) == .EINVAL)
    let pid = try f.child()
    try f.perform(.setresuid(1000), as: pid)
    #expect(f.errno(.mount(source: "t", target: "/mnt", type: "tmpfs", flags: [], data: ""), as: pid) == .EPERM)
    #expect(f.errno(.unmount(target: "/proc", flags: []), as: pid) == .EPERM)
  }

  @Test func theSameFileSystemIsNotMountedTwiceOnItself() throws {
    let f = KernelFixture()
    #expect(f.errno(.mount(source: "proc", target: "/proc", type: "proc", flags: [], data: "")) == .EBUSY)
  }

  @Test func umountRefusesBusyMountsUnlessDetached() throws {
    let f = KernelFixture()
    try f.mount("tmpfs", "/mnt", "tmpfs")
    try folders(f, "/mnt/sub")
    try f.mount("tmpfs", "/mnt/sub", "tmpfs")
    #expect(f.errno(.unmount(target: "/mnt", flags: [])) == .EBUSY)
    #expect(f.errno(.unmount(target: "/etc", flags: [])) == .EINVAL)
    let pid = try f.child()
    try f.perform(.chdir(path: "/mnt/sub"), as: pid)
    #expect(f.errno(.unmount(target: "/mnt/sub", flags: [])) == .EBUSY)
    try f.perform(.unmount(target: "/mnt", flags: ["MNT_DETACH"]))
    #expect(!f.mounts().contains("/mnt"))
    #expect(!f.mounts().contains("/mnt/sub"))
    // Who is in it still is.
    try f.perform(.createFile(path: "here", mode: 0o644), as: pid)
  }

  @Test func unmountingAtADotMeansWhatLiesThere() throws {
    let f = KernelFixture()
    try f.mount("tmpfs", "/mnt", "tmpfs")
    try f.perform(.chdir(path: "/mnt"))
    try f.mount("tmpfs", "/mnt", "tmpfs")
    try f.perform(.unmount(target: ".", flags: []))
    #expect(f.mounts().filter { $0 == "/mnt" }.count == 1)
  }

  // MARK: Bind mounts

  @Test func aBindMountShowsTheSameFolder() throws {
    let f = KernelFixture()
    try folders(f, "/data/in", "/view")
    try f.mount("tmpfs", "/data/in", "tmpfs")
    try f.mount("/data", "/view", "", ["MS_BIND"])
    try f.files.write("/data/file", Array("x".utf8), mode: 0o644)
    #expect(f.read("/view/file") == "x")
    // Without MS_REC what is mounted below does not come along.
    #expect(!f.mounts().contains("/view/in"))
    try f.mount("/data", "/mnt", "", ["MS_BIND", "MS_REC"])
    #expect(f.mounts().contains("/mnt/in"))
  }

  @Test func filesAreBoundToFilesOnly() throws {
    let f = KernelFixture()
    try f.files.write("/a", Array("a".utf8), mode: 0o644)
    try f.files.write("/b", Array("b".utf8), mode: 0o644)
    try f.mount("/a", "/b", "", ["MS_BIND"])
    #expect(f.read("/b") == "a")
    #expect(f.mounts().contains("/b"))
    #expect(f.errno(.mount(source: "/a", target: "/mnt", type: "", flags: ["MS_BIND"], data: "")) == .ENOTDIR)
    // A file that is mounted on can neither be removed nor renamed.
    #expect(f.errno(.unlink(path: "/b")) == .EBUSY)
    #expect(throws: Errno.EBUSY) { try f.files.rename("/b", to: "/c") }
    #expect(throws: Errno.EBUSY) { try f.files.removeAll("/b") }
  }

  @Test func aBindMountCanBeReadOnlyWhereItsSourceIsNot() throws {
    let f = KernelFixture()
    try folders(f, "/data", "/view")
    try f.files.mount(source: "/data", target: "/view", type: "none", options: ["rbind", "ro", "rprivate"])
    #expect(f.errno(.createFile(path: "/view/x", mode: 0o644)) == .EROFS)
    try f.perform(.createFile(path: "/data/x", mode: 0o644))
    let line = f.read("/proc/self/mountinfo")?.split(separator: "\n").last
    #expect(line?.contains(" /data /view ro,relatime - ext4 /dev/vda1 rw") == true)
  }

  @Test func unbindableMountsCannotBeBound() throws {
    let f = KernelFixture()
    try folders(f, "/data", "/data/sub")
    try f.mount("/data", "/data", "", ["MS_BIND"])
    try f.mount("tmpfs", "/data/sub", "tmpfs")
    try f.mount("", "/data/sub", "", ["MS_UNBINDABLE"])
    #expect(f.errno(.mount(source: "/data/sub", target: "/mnt", type: "", flags: ["MS_BIND"], data: "")) == .EINVAL)
    try f.mount("/data", "/mnt", "", ["MS_BIND", "MS_REC"])
    #expect(!f.mounts().contains("/mnt/sub"))
  }

  @Test func nosuidNodevAndNoexecHold() throws {
    let f = KernelFixture()
    try f.mount("tmpfs", "/mnt", "tmpfs", ["MS_NOEXEC", "MS_NODEV"])
    try f.files.write("/mnt/true", ProgramTable.executable("true"), mode: 0o755)
    let pid = try f.child()
    #expect(f.errno(.execve(path: "/mnt/true", arguments: ["true"], environment: []), as: pid) == .EACCES)
    try f.perform(.mknod(path: "/mnt/null", kind: "c", mode: 0o666, major: 1, minor: 3))
    #expect(f.errno(.writeFile(path: "/mnt/null", contents: "x")) == .EACCES)
  }

  @Test func movingTakesTheTreeAlong() throws {
    let f = KernelFixture()
    try folders(f, "/p", "/new")
    try f.mount("tmpfs", "/p", "tmpfs")
    try f.mount("", "/p", "", ["MS_PRIVATE"])
    try folders(f, "/p/from", "/p/to")
    try f.mount("tmpfs", "/p/from", "tmpfs")
    try folders(f, "/p/from/x")
    try f.mount("tmpfs", "/p/from/x", "tmpfs")
    try f.mount("/p/from", "/p/to", "", ["MS_MOVE"])
    #expect(f.mounts().contains("/p/to/x"))
    #expect(!f.mounts().contains("/p/from"))
    // Below a shared mount nothing can be moved away.
    try f.mount("tmpfs", "/mnt", "tmpfs")
    #expect(f.errno(.mount(source: "/mnt", target: "/new", type: "", flags: ["MS_MOVE"], data: "")) == .EINVAL)
  }

  // MARK: Propagation

  @Test func sharedMountsTellTheirPeersInOtherNamespaces() throws {
    let f = KernelFixture()
    let pid = try f.child([.mount])
    try f.mount("tmpfs", "/mnt", "tmpfs")
    #expect(f.mounts(pid).contains("/mnt"))
    try f.mount("tmpfs", "/srv", "tmpfs", as: pid)
    #expect(f.mounts().contains("/srv"))
    try f.perform(.unmount(target: "/mnt", flags: []))
    #expect(!f.mounts(pid).contains("/mnt"))
  }

  @Test func slavesHearAndDoNotTell() throws {
    let f = KernelFixture()
    let pid = try f.child([.mount])
    try f.mount("", "/", "", ["MS_REC", "MS_SLAVE"], as: pid)
    try f.mount("tmpfs", "/mnt", "tmpfs")
    #expect(f.mounts(pid).contains("/mnt"))
    try f.mount("tmpfs", "/srv", "tmpfs", as: pid)
    #expect(!f.mounts().contains("/srv"))
    let line = f.read("/proc/self/mountinfo", as: pid)?.split(separator: "\n").first { $0.contains(" / / ") }
    #expect(line?.contains(" master:1 ") == true)
    #expect(line?.contains("shared:") == false)
  }

  @Test func privateMountsDoNeither() throws {
    let f = KernelFixture()
    let pid = try f.child([.mount])
    try f.mount("", "/", "", ["MS_REC", "MS_PRIVATE"], as: pid)
    try f.mount("tmpfs", "/mnt", "tmpfs")
    #expect(!f.mounts(pid).contains("/mnt"))
  }

  @Test func aSlaveCanBeSharedAgainAndPassesOn() throws {
    let f = KernelFixture()
    let slave = try f.child([.mount])
    try f.mount("", "/", "", ["MS_REC", "MS_SLAVE"], as: slave)
    try f.mount("", "/", "", ["MS_REC", "MS_SHARED"], as: slave)
    let below = try f.perform(.clone(namespaces: [.mount]), as: slave)
    try f.mount("tmpfs", "/mnt", "tmpfs")
    #expect(f.mounts(slave).contains("/mnt"))
    #expect(f.mounts(below).contains("/mnt"))
    try f.mount("tmpfs", "/srv", "tmpfs", as: below)
    #expect(f.mounts(slave).contains("/srv"))
    #expect(!f.mounts().contains("/srv"))
  }

  @Test func aSharedBindMountIsAPeerOfItsSource() throws {
    let f = KernelFixture()
    try folders(f, "/data/x", "/view")
    try f.mount("/data", "/data", "", ["MS_BIND"])
    try f.mount("/data", "/view", "", ["MS_BIND"])
    try f.mount("tmpfs", "/data/x", "tmpfs")
    #expect(f.mounts().contains("/view/x"))
    try f.perform(.unmount(target: "/view/x", flags: []))
    #expect(!f.mounts().contains("/data/x"))
  }

  @Test func mountsOutsideOfABoundFolderDoNotReachIt() throws {
    let f = KernelFixture()
    try folders(f, "/data/x", "/view", "/other")
    try f.mount("/data", "/view", "", ["MS_BIND"])
    try f.mount("tmpfs", "/other", "tmpfs")
    #expect(f.mounts().filter { $0.hasPrefix("/view") } == ["/view"])
    try f.mount("tmpfs", "/data/x", "tmpfs")
    #expect(f.mounts().contains("/view/x"))
  }

  // MARK: pivot_root

  /// A process with a private copy of the mounts, and a tmpfs at /new with a folder `old` in it.
  private func pivoting() throws -> (KernelFixture, Int) {
    let f = KernelFixture()
    try folders(f, "/new")
    let pid = try f.child([.mount])
    try f.mount("", "/", "", ["MS_REC", "MS_PRIVATE"], as: pid)
    try f.mount("tmpfs", "/new", "tmpfs", as: pid)
    try f.perform(.mkdir(path: "/new/old", mode: 0o755), as: pid)
    return (f, pid)
  }

  @Test func pivotRootExchangesTheRoots() throws {
    let (f, pid) = try pivoting()
    try f.perform(.pivotRoot(new: "/new", old: "/new/old"), as: pid)
    #expect(f.read("/old/etc/hostname", as: pid) == "drydock\n")
    #expect(f.read("/etc/hostname", as: pid) == nil)
    try f.perform(.unmount(target: "/old", flags: ["MNT_DETACH"]), as: pid)
    #expect(f.mounts(pid).isEmpty)  // there is no /proc any more to read them from
  }

  @Test func pivotRootWithTwoDotsLaysTheOldRootOverTheNew() throws {
    let (f, pid) = try pivoting()
    try f.perform(.chdir(path: "/new"), as: pid)
    try f.perform(.pivotRoot(new: ".", old: "."), as: pid)
    try f.mount("", ".", "", ["MS_SLAVE", "MS_REC"], as: pid)
    try f.perform(.unmount(target: ".", flags: ["MNT_DETACH"]), as: pid)
    try f.perform(.chdir(path: "/"), as: pid)
    #expect(f.kernel.stat("/old", as: pid)?.kind == .directory)
    #expect(f.kernel.stat("/etc", as: pid) == nil)
  }

  @Test func pivotRootHasItsConditions() throws {
    let (f, pid) = try pivoting()
    func errno(_ new: String, _ old: String) -> Errno? { f.errno(.pivotRoot(new: new, old: old), as: pid) }
    #expect(errno("/etc", "/new/old") == .EBUSY)  // on the root itself
    #expect(errno("/new/old", "/new/old") == .EINVAL)  // no mount point
    #expect(errno("/new", "/proc") == .EINVAL)  // not below the new root
    #expect(errno("/etc/hostname", "/new") == .ENOTDIR)
    #expect(errno("/none", "/new") == .ENOENT)
    try f.mount("", "/", "", ["MS_SHARED"], as: pid)
    #expect(errno("/new", "/new/old") == .EINVAL)  // the parent of the new root is shared
    let user = try f.perform(.clone(namespaces: []), as: pid)
    try f.perform(.setresuid(1000), as: user)
    #expect(f.errno(.pivotRoot(new: "/new", old: "/new/old"), as: user) == .EPERM)
  }

  // MARK: The new API

  @Test func mountSetattrSetsAndClears() throws {
    let f = KernelFixture()
    try f.mount("tmpfs", "/mnt", "tmpfs")
    try folders(f, "/mnt/sub")
    try f.mount("tmpfs", "/mnt/sub", "tmpfs")
    try f.perform(.mountSetattr(target: "/mnt", set: ["MOUNT_ATTR_RDONLY"], recursive: true))
    #expect(f.errno(.createFile(path: "/mnt/sub/x", mode: 0o644)) == .EROFS)
    try f.perform(.mountSetattr(target: "/mnt/sub", set: [], clear: ["MOUNT_ATTR_RDONLY"], recursive: false))
    try f.perform(.createFile(path: "/mnt/sub/x", mode: 0o644))
    #expect(f.errno(.mountSetattr(target: "/etc", set: [], recursive: false)) == .EINVAL)
  }

  @Test func moveMountAttachesWhatWasPrepared() throws {
    let f = KernelFixture()
    try folders(f, "/data", "/idmapped")
    try f.perform(
      .moveMount(source: "tmpfs", target: "/mnt", type: "tmpfs", attributes: ["MOUNT_ATTR_NOSUID"], data: "size=64k"))
    #expect(f.read("/proc/mounts")?.contains("tmpfs /mnt tmpfs rw,nosuid,relatime,size=64k,inode64 0 0") == true)
    let range = IDRange(containerID: 0, hostID: 100_000, size: 65_536)
    try f.perform(
      .moveMount(
        source: "/data", target: "/idmapped", type: "", attributes: [], data: "",
        idMap: MountIDMap(uid: [range], gid: [range])))
    #expect(f.read("/proc/mounts")?.contains("/idmapped ext4 rw,relatime,idmapped") == true)
  }
}
