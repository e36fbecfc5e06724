import Runtime
import Seams
import Testing

@testable import Simulation

/// proc(5), sysfs(5), devices, and what the X-ray shows.
@Suite struct KernelProcTests {
  @Test func aProcessReadsItself() throws {
    let f = KernelFixture([
      "reader": { process in
        func text(_ path: String) -> String { String(decoding: (try? process.readFile(path)) ?? [], as: UTF8.self) }
        #expect(text("/proc/self/cmdline") == "reader\0-x\0")
        #expect(text("/proc/self/comm") == "reader\n")
        #expect(text("/proc/self/environ") == "PATH=/usr/local/bin\0")
        #expect(
          text("/proc/self/stat").hasPrefix("\(process.pid) (reader) R")
            || text("/proc/self/stat").contains("(reader) S"))
        #expect(text("/proc/meminfo").contains("MemTotal:        8388608 kB"))
        #expect(text("/proc/cpuinfo").split(separator: "\n").filter { $0.hasPrefix("processor") }.count == 4)
        #expect(text("/proc/net/dev").contains("eth0:"))
        #expect(text("/proc/net/route").contains("eth0\t00000000\t0202000A\t0003"))
        #expect(text("/sys/class/net/eth0/address") == "52:54:00:12:34:56\n")
        let link = try process.readLink("/proc/self")
        #expect(link == String(process.pid))
        let program = try process.readLink("/proc/self/exe")
        #expect(program == "/usr/local/bin/reader")
        let fds = try process.list("/proc/self/fd")
        #expect(fds == ["0", "1", "2"])
        let missing = (try? process.readFile("/proc/net/nothing")) == nil
        #expect(missing)
        return 0
      }
    ])
    let pid = try f.child()
    f.kernel.attach(ProcessStdio(), to: pid)
    #expect(try f.run("reader", ["-x"], as: pid) == 0)
  }

  @Test func foldersOfProcessesThatAreGoneAreGivenUp() throws {
    final class Sight { weak var inode: Inode? }
    let f = KernelFixture()
    var sights: [Sight] = []
    for _ in 0..<400 {
      let pid = try f.child()
      let sight = Sight()
      try f.kernel.locked(as: f.runtime) { kernel, _ throws(Errno) in
        sight.inode = try kernel.resolve("/proc/\(pid)").inode
      }
      #expect(sight.inode != nil)
      sights.append(sight)
      try f.perform(.exit(status: 0), as: pid)
      try f.perform(.wait(pid: pid))
    }
    #expect(sights.count { $0.inode != nil } < 200)
  }

  @Test func otherUsersAreNotLookedInto() throws {
    let f = KernelFixture()
    let pid = try f.child()
    try f.perform(.setresuid(1000), as: pid)
    #expect(throws: Errno.EACCES) { try f.kernel.readFile("/proc/1/environ", as: pid) }
    #expect(f.errno(.chdir(path: "/proc/1/root"), as: pid) == .EACCES)
    #expect(f.read("/proc/1/comm", as: pid) == "init\n")
  }

  @Test func whatIsMountedOverHidesWhatWasThere() throws {
    let f = KernelFixture()
    let pid = try f.makeContainer()
    try f.mount("tmpfs", "/proc/acpi", "tmpfs", ["MS_RDONLY"], as: pid)
    try f.perform(.mknod(path: "/dev/null", kind: "c", mode: 0o666, major: 1, minor: 3), as: pid)
    try f.mount("/dev/null", "/proc/kcore", "", ["MS_BIND"], as: pid)
    try f.mount("/proc/sys", "/proc/sys", "", ["MS_BIND"], as: pid)
    try f.mount("", "/proc/sys", "", ["MS_BIND", "MS_REMOUNT", "MS_RDONLY"], as: pid)
    #expect(f.read("/proc/kcore", as: pid) == "")
    #expect(f.errno(.writeFile(path: "/proc/sys/kernel/hostname", contents: "x"), as: pid) == .EROFS)
    #expect(f.errno(.writeFile(path: "/proc/sys/net/core/somaxconn", contents: "1"), as: pid) == .EROFS)
  }

  @Test func devicesDoWhatTheyAreFor() throws {
    let (_, status) = try KernelFixture.hosted { process in
      let zero = try process.open("/dev/zero", .read)
      let zeros = try await process.read(zero, 4)
      #expect(zeros == [0, 0, 0, 0])
      let null = try process.open("/dev/null", .read)
      let end = try await process.read(null, 4)
      #expect(end == nil)
      let full = try process.open("/dev/full", .write)
      do { try await process.write(full, [1]) } catch { #expect(error as? Errno == .ENOSPC) }
      let random = try process.open("/dev/urandom", .read)
      let bytes = try await process.read(random, 16)
      #expect(bytes?.count == 16)
      do { _ = try process.open("/dev/tty", .read) } catch { #expect(error as? Errno == .ENXIO) }
      return 0
    }
    #expect(status == 0)
  }

  @Test func generatedFilesAreReadOnceAndWhole() throws {
    let (_, status) = try KernelFixture.hosted { process in
      let fd = try process.open("/proc/self/status", .read)
      var text: [UInt8] = []
      while let bytes = try await process.read(fd, 64) { text += bytes }
      #expect(text.count > 500)
      #expect(String(decoding: text, as: UTF8.self).hasPrefix("Name:\ttest\n"))
      return 0
    }
    #expect(status == 0)
  }

  @Test func theXRayShowsWhatDiffersFromTheHost() throws {
    let f = KernelFixture()
    let pid = try f.makeContainer()
    let picture = try #require(f.kernel.xray(pid: pid))
    #expect(picture["pidInNamespace"]?.int == 1)
    #expect(picture["namespaces"]?["net"]?["shared"]?.bool == false)
    #expect(picture["namespaces"]?["user"]?["shared"]?.bool == true)
    #expect(picture["namespaces"]?["pid"]?["host"]?.int == 4_026_531_836)
    #expect(picture["cgroups"]?[0]?["path"]?.string == "/docker/c1")
    #expect(picture["cgroups"]?[0]?["files"]?["memory.max"]?.string == "max\n")
    #expect(picture["mounts"]?[0]?["type"]?.string == "overlay")
    #expect(picture["capabilities"]?["effective"]?.array?.count == 41)
    #expect(f.kernel.xray(pid: 99_999) == nil)
    let tree = f.kernel.processTree()
    #expect(tree["comm"]?.string == "init")
    #expect(tree.text.contains("\"pidInNamespace\":1"))
  }

  @Test func theSameStepsGiveTheSameKernel() throws {
    func picture() throws -> String {
      let f = KernelFixture()
      let pid = try f.makeContainer()
      return (f.kernel.xray(pid: pid)?.text ?? "") + (f.read("/proc/self/mountinfo") ?? "")
    }
    #expect(try picture() == picture())
  }
}
