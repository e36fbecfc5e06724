import Runtime
import Testing

@testable import Simulation

/// path_resolution(7), and the errors of the calls on files.
@Suite struct KernelPathTests {
  @Test func linksAreFollowedUntilThereAreTooMany() throws {
    let f = KernelFixture()
    try f.files.makeDirectory("/a/b", mode: 0o755)
    try f.files.write("/a/b/file", Array("x".utf8), mode: 0o644)
    try f.files.symlink(target: "b", "/a/relative")
    try f.files.symlink(target: "/a/relative/file", "/a/absolute")
    #expect(f.read("/a/absolute") == "x")
    #expect(f.read("/a/relative/../b/./file") == "x")
    try f.files.symlink(target: "loop2", "/a/loop1")
    try f.files.symlink(target: "loop1", "/a/loop2")
    #expect(f.errno(.chdir(path: "/a/loop1")) == .ELOOP)
  }

  @Test func whatIsNoFolderAndWhatIsTooLong() throws {
    let f = KernelFixture()
    try f.files.write("/file", [], mode: 0o644)
    #expect(f.errno(.chdir(path: "/file")) == .ENOTDIR)
    #expect(f.errno(.mkdir(path: "/file/below", mode: 0o755)) == .ENOTDIR)
    #expect(f.errno(.chdir(path: "/nothing/at/all")) == .ENOENT)
    #expect(f.errno(.mkdir(path: KernelPath("/" + String(repeating: "n", count: 256)), mode: 0o755)) == .ENAMETOOLONG)
    #expect(f.errno(.chdir(path: String(repeating: "/a", count: 2048))) == .ENAMETOOLONG)
    #expect(f.errno(.mkdir(path: "/etc", mode: 0o755)) == .EEXIST)
    #expect(f.errno(.unlink(path: "/etc")) == .EISDIR)
    #expect(f.errno(.rmdir(path: "/etc")) == .ENOTEMPTY)
    #expect(f.errno(.rmdir(path: "/file")) == .ENOTDIR)
    #expect(f.errno(.writeFile(path: "/etc", contents: "")) == .EISDIR)
  }

  @Test func dotDotDoesNotLeaveTheRoot() throws {
    let f = KernelFixture()
    try f.files.makeDirectory("/jail/etc", mode: 0o755)
    try f.files.write("/jail/etc/hostname", Array("jail".utf8), mode: 0o644)
    let pid = try f.child()
    try f.perform(.chroot(path: "/jail"), as: pid)
    try f.perform(.chdir(path: "/"), as: pid)
    #expect(f.read("/../../etc/hostname", as: pid) == "jail")
    #expect(f.read("../etc/hostname", as: pid) == "jail")
  }

  @Test func aPathWithARootIsResolvedWithinIt() throws {
    let f = KernelFixture()
    try f.files.makeDirectory("/jail/etc", mode: 0o755)
    try f.files.symlink(target: "/etc", "/jail/link")
    try f.files.symlink(target: "../../../../etc", "/jail/up")
    try f.perform(.createFile(path: KernelPath(root: "/jail", "/link/made"), mode: 0o644))
    try f.perform(.createFile(path: KernelPath(root: "/jail", "up/too"), mode: 0o644))
    #expect(try f.files.list("/jail/etc") == ["made", "too"])
    #expect(f.files.stat("/etc/made") == nil)
    #expect(try f.kernel.resolve("/link/new/file", inRoot: "/jail", as: f.runtime) == "/jail/etc/new/file")
    #expect(try f.kernel.resolve("/up/../x", inRoot: "/jail", as: f.runtime) == "/jail/x")
    #expect(try f.files.resolve("link", root: "/jail") == "/jail/etc")
  }

  @Test func permissionsAreTheOwnersTheGroupsAndTheOthers() throws {
    let f = KernelFixture()
    try f.files.write("/private", Array("secret".utf8), mode: 0o640)
    try f.perform(.chown(path: "/private", uid: 1000, gid: 50))
    let pid = try f.child()
    try f.perform(.setgroups([50]), as: pid)
    try f.perform(.setresgid(1001), as: pid)
    try f.perform(.setresuid(1001), as: pid)
    #expect(f.read("/private", as: pid) == "secret")
    #expect(f.errno(.writeFile(path: "/private", contents: "x"), as: pid) == .EACCES)
    #expect(f.errno(.chmod(path: "/private", mode: 0o666), as: pid) == .EPERM)
    #expect(f.errno(.mkdir(path: "/etc/mine", mode: 0o755), as: pid) == .EACCES)
    #expect(f.errno(.chdir(path: "/root"), as: pid) == .EACCES)
    // In /tmp everybody may write, and only owners may remove.
    try f.files.write("/tmp/roots", [], mode: 0o666)
    #expect(f.errno(.unlink(path: "/tmp/roots"), as: pid) == .EPERM)
    try f.perform(.createFile(path: "/tmp/own", mode: 0o644), as: pid)
    try f.perform(.unlink(path: "/tmp/own"), as: pid)
  }

  @Test func theUmaskTakesBitsAway() throws {
    let f = KernelFixture()
    try f.perform(.mkdir(path: "/made", mode: 0o777))
    #expect(f.files.stat("/made")?.mode == 0o755)
  }

  @Test func renamingRefusesWhatLinuxRefuses() throws {
    let (_, status) = try KernelFixture.hosted { process in
      try process.makeDirectory("/a", mode: 0o755)
      try process.makeDirectory("/a/b", mode: 0o755)
      try process.makeDirectory("/full", mode: 0o755)
      try process.touch("/full/x")
      try process.touch("/file")
      func errno(_ from: String, _ to: String) -> Errno? {
        do { try process.rename(from, to: to) } catch { return error as? Errno }
        return nil
      }
      #expect(errno("/a", "/a/b/c") == .EINVAL)
      #expect(errno("/a", "/full") == .ENOTEMPTY)
      #expect(errno("/file", "/a") == .EISDIR)
      #expect(errno("/a", "/file") == .ENOTDIR)
      #expect(errno("/file", "/run/file") == .EXDEV)
      #expect(errno("/none", "/x") == .ENOENT)
      #expect(errno("/full/x", "/a/b/y") == nil)
      let names = try process.list("/a/b")
      #expect(names == ["y"])
      return 0
    }
    #expect(status == 0)
  }

  @Test func hardLinksAreOneFile() throws {
    let (_, status) = try KernelFixture.hosted { process in
      let fd = try process.open("/one", .write)
      try await process.write(fd, Array("hello".utf8))
      process.close(fd)
      try process.link("/one", to: "/two")
      let info = try process.stat("/two", followLinks: true)
      #expect(info.links == 2)
      try process.unlink("/one")
      let text = try process.readFile("/two")
      #expect(text == Array("hello".utf8))
      do { try process.link("/etc", to: "/etc2") } catch { #expect(error as? Errno == .EPERM) }
      return 0
    }
    #expect(status == 0)
  }

  @Test func tmpfsIsFullAtItsSize() throws {
    let f = KernelFixture()
    try f.perform(.mkdir(path: "/small", mode: 0o755))
    try f.mount("tmpfs", "/small", "tmpfs", [], data: "size=8k")
    try f.perform(.createFile(path: "/small/a", mode: 0o644))
    try f.perform(.writeFile(path: "/small/a", contents: String(repeating: "x", count: 8192)))
    try f.perform(.createFile(path: "/small/b", mode: 0o644))
    #expect(f.errno(.writeFile(path: "/small/b", contents: "x")) == .ENOSPC)
    try f.perform(.unlink(path: "/small/a"))
    try f.perform(.writeFile(path: "/small/b", contents: "x"))
  }

  @Test func readOnlyMountsRefuseWriters() throws {
    let f = KernelFixture()
    try f.perform(.mkdir(path: "/ro", mode: 0o755))
    try f.mount("tmpfs", "/ro", "tmpfs", ["MS_RDONLY"])
    #expect(f.errno(.createFile(path: "/ro/x", mode: 0o644)) == .EROFS)
    #expect(f.errno(.mkdir(path: "/ro/x", mode: 0o755)) == .EROFS)
    try f.mount("", "/ro", "", ["MS_REMOUNT"])
    try f.perform(.createFile(path: "/ro/x", mode: 0o644))
    try f.mount("", "/ro", "", ["MS_REMOUNT", "MS_BIND", "MS_RDONLY"])
    #expect(f.errno(.writeFile(path: "/ro/x", contents: "y")) == .EROFS)
    #expect(f.errno(.chmod(path: "/ro/x", mode: 0o600)) == .EROFS)
  }

  @Test func aLargeFolderFindsItsEntries() throws {
    var table = NameTable<Int>()
    for number in 0..<1000 { table.insert("entry\(number)", number) }
    for number in stride(from: 0, to: 1000, by: 3) { table.remove("entry\(number)") }
    for number in 0..<1000 { #expect(table["entry\(number)"] == (number % 3 == 0 ? nil : number)) }
    for number in 1000..<1500 { table.insert("entry\(number)", number) }
    #expect(table.count == 666 + 500)
    #expect(table["entry1499"] == 1499)
  }
}
