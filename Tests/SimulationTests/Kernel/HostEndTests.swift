import Archive
import OCISpec
import Runtime
import Seams
import Testing

@testable import Simulation

/// What the engine plugs in: the host's files, FIFOs, blobs.
@Suite struct KernelHostEndTests {
  @Test func filesAreWrittenReplacedAndAppended() throws {
    let f = KernelFixture()
    #expect(throws: Errno.ENOENT) { try f.files.write("/var/lib/x/y", [], mode: 0o600) }
    try f.files.makeDirectory("/var/lib/x", mode: 0o710)
    #expect(f.files.stat("/var/lib/x")?.mode == 0o710)
    try f.files.write("/var/lib/x/y", Array("one".utf8), mode: 0o666)
    try f.files.append("/var/lib/x/y", Array(" two".utf8))
    #expect(try f.files.read("/var/lib/x/y") == Array("one two".utf8))
    #expect(f.files.stat("/var/lib/x/y")?.mode == 0o666)
    try f.files.write("/var/lib/x/y", Array("3".utf8), mode: 0o600)
    #expect(try f.files.read("/var/lib/x/y") == Array("3".utf8))
    try f.files.removeAll("/var/lib/x")
    try f.files.removeAll("/var/lib/x")
    #expect(f.files.stat("/var/lib/x") == nil)
  }

  @Test func mountsWithOptionsOfMount8() throws {
    let f = KernelFixture()
    try f.files.makeDirectory("/data", mode: 0o755)
    try f.files.mount(source: "/data", target: "/mnt", type: "bind", options: ["rbind", "ro", "rslave"])
    #expect(throws: Errno.EROFS) { try f.files.write("/mnt/x", [], mode: 0o644) }
    #expect(throws: Errno.EBUSY) { try f.files.removeAll("/mnt") }
    try f.files.unmount("/mnt")
    try f.files.unmount("/mnt")
    #expect(f.files.stat("/mnt") != nil)
  }

  @Test func archivesGoOutAndIn() throws {
    let f = KernelFixture()
    try f.files.makeDirectory("/jail/etc/app", mode: 0o750)
    try f.files.write("/jail/etc/app/conf", Array("x=1".utf8), mode: 0o640)
    try f.files.symlink(target: "/etc", "/jail/link")
    let archive = try f.files.archive("/jail/link/app", root: "/jail")
    var reader = TarReader(archive)
    var paths: [String] = []
    while let entry = try reader.next() { paths.append(entry.path) }
    #expect(paths == ["app", "app/conf"])
    try f.files.makeDirectory("/jail/opt", mode: 0o755)
    try f.files.extract(archive, to: "/opt", root: "/jail")
    #expect(try f.files.read("/jail/opt/app/conf") == Array("x=1".utf8))
    #expect(f.files.stat("/jail/opt/app")?.mode == 0o750)
    // Through a link that would lead out of the root.
    try f.files.extract(archive, to: "/link", root: "/jail")
    #expect(f.files.stat("/etc/app") == nil)
    let hostile = TarWriter.archive([ArchiveEntry(path: "../out", content: [1])])
    #expect(throws: Errno.EINVAL) { try f.files.extract(hostile, to: "/opt", root: "/jail") }
    #expect(throws: Errno.EINVAL) { try f.files.extract([1, 2, 3], to: "/opt", root: "/jail") }
    #expect(throws: Errno.ENOENT) { try f.files.archive("/none", root: "/jail") }
  }

  @Test func fifosAreChannelsByPath() throws {
    let f = KernelFixture()
    let fifos = SimFIFOs(f.kernel)
    try fifos.make("/run/docker/containerd/abc/init-stdout")
    try fifos.make("/run/docker/containerd/abc/init-stdout")
    let channel = try #require(fifos.channel("/run/docker/containerd/abc/init-stdout"))
    channel.push([7])
    #expect(fifos.channel("/run/docker/containerd/abc/init-stdout")?.tryRead() == [7])
    fifos.remove("/run/docker/containerd/abc/init-stdout")
    #expect(fifos.channel("/run/docker/containerd/abc/init-stdout") == nil)
    #expect(fifos.channel("/etc/hostname") == nil)
  }

  @Test func blobsAreVisibleOnceTheirDigestFits() throws {
    let world = SimWorld(seed: 1)
    let store = MemoryBlobStore(world: world)
    let bytes = Array("hello".utf8)
    let digest = Digest(sha256: bytes)
    let messages = world.runBlocking { () -> [String] in
      var messages: [String] = []
      do {
        let writer = try await store.writer("ref")
        try await writer.append(Array("hel".utf8))
        await writer.close()
        let again = try await store.writer("ref")
        messages.append("\(await again.offset())")
        do { try await again.commit(digest) } catch { messages.append("\(error)") }
        try await again.append(Array("lo".utf8))
        messages.append("\(await store.size(digest) ?? -1)")
        try await again.commit(digest)
        messages.append("\(await store.size(digest) ?? -1)")
        messages.append(String(decoding: try await store.read(digest, offset: 1, count: 3), as: UTF8.self))
        try await store.remove(digest)
        _ = try await store.read(digest)
      } catch { messages.append("\(error)") }
      return messages
    }
    let partial = Digest(sha256: Array("hel".utf8))
    #expect(
      messages == [
        "3", "unexpected commit digest \(partial), expected \(digest): failed precondition", "-1", "5", "ell",
        "content \(digest): not found",
      ])
  }
}
