import Archive
import Foundation
import OCISpec
import Seams
import Testing

@testable import ImageStore

/// The genuine GNU tar writes archives and unpacks them beside us: whole trees must be equal.
@Suite("Trees as GNU tar makes them", .enabled(if: isRoot, "owners and devices take root"))
struct NeighbourTests {
  /// Everything that a layer can hold.
  private static let tree = """
    mkdir -p $1/bin $1/etc/deep/er $1/dev $1/empty
    printf su > $1/bin/su; chmod 4755 $1/bin/su; ln $1/bin/su $1/bin/another; ln $1/bin/su $1/a-first-name
    head -c 300000 /dev/urandom > $1/bin/large; chown 1234:5678 $1/bin/large; chmod 2711 $1/bin/large
    ln -s ../bin/su $1/etc/su; ln -s /nowhere/$(printf 'l%.0s' $(seq 150)) $1/etc/long-link; chown -h 7:8 $1/etc/su
    mknod $1/dev/null c 1 3; mknod $1/dev/disk b 8 1; mkfifo -m 640 $1/dev/fifo; chown 3000000:4000000 $1/dev/fifo
    d=$1/$(printf 'p%.0s' $(seq 90))/$(printf 'q%.0s' $(seq 120))/$(printf 'r%.0s' $(seq 200)); mkdir -p $d; echo long > $d/olá
    chmod 1777 $1/empty; touch -d '1999-01-01 00:00:00.123456789Z' $1/etc/deep/er/old; touch -d '@1600000000.5' $1/etc
    truncate -s 9000000 $1/sparse; printf middle | dd of=$1/sparse bs=1 seek=5000000 conv=notrunc 2>/dev/null
    truncate -s 40000000 $1/holes; for i in $(seq 30); do printf x | dd of=$1/holes bs=1 seek=$((i*1000000)) conv=notrunc 2>/dev/null; done
    set_xattr() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))' "$@"; }
    set_xattr $1/bin/large user.note 613d620a63; set_xattr $1/etc user.folder 78
    set_xattr $1/bin/another security.capability 0100000200040000000000000000000000000000
    """

  @Test(
    "each format, and each way to store holes",
    arguments: [
      "--format=pax", "--format=gnu", "--format=pax --sparse --sparse-version=0.0",
      "--format=pax --sparse --sparse-version=0.1", "--format=pax --sparse --sparse-version=1.0",
      "--format=gnu --sparse", "--format=pax --zstd", "--format=pax --gzip",
    ])
  func formats(_ flags: String) async throws {
    try await StoreFixture.with { store in
      let script = """
        make() { \(NeighbourTests.tree)
        }
        cd \(store.path); make \(store.path)/tree
        xattrs=; case "\(flags)" in *pax*) xattrs="--xattrs --xattrs-include=*";; esac
        tar \(flags) $xattrs --numeric-owner -cf archive -C tree .
        mkdir theirs; tar $xattrs --numeric-owner -xpf archive -C theirs
        """
      let run = try LayerToolRun.run(["-ec", script], by: "/bin/sh")
      try #require(run.status == 0, "\(run.errors)")
      let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: store.path + "/archive")))
      let driver = try OverlayDriver(store.path)
      let digest = try await store.blob(bytes)
      try await driver.create(1, parents: [])
      _ = try await driver.apply(
        digest, mediaType: MediaType.ociLayerGzip, from: store.blobs, to: 1, parents: [])
      let theirs = try describe(store.path + "/theirs")
      #expect(theirs.split(separator: "\n").count > 20)
      #expect(try describe(store.tree(1)) == theirs)
      if flags.contains("sparse") {
        var status = stat()
        #expect(lstat(store.tree(1) + "/holes", &status) == 0)
        #expect(Int(status.st_blocks) * 512 < 4_000_000, "the holes are holes again")
      }
    }
  }

  @Test("diff and apply give the same tree again, by overlays and by copies", arguments: [false, true])
  func roundTrip(_ copies: Bool) async throws {
    try await StoreFixture.with { store in
      let driver: any SnapshotDriver = copies ? try CopyDriver(store.path) : try OverlayDriver(store.path)
      try await driver.create(1, parents: [])
      // Whole seconds: a diff has no others, as containerd's.
      let script = """
        make() { \(NeighbourTests.tree)
        }
        make \(store.tree(1))
        find \(store.tree(1)) -depth -exec touch -h -d @1500000000 {} +
        """
      try #require(try LayerToolRun.run(["-ec", script], by: "/bin/sh").status == 0)
      for type in [MediaType.ociLayerGzip, MediaType.ociLayer, "application/vnd.oci.image.layer.v1.tar+zstd"] {
        let writer = try await store.blobs.writer("diff")
        let written = try await driver.diff(1, parents: [], mediaType: type, into: writer)
        let digest = try await writer.commit(nil)
        try await driver.create(2, parents: [])
        let read = try await driver.apply(digest, mediaType: type, from: store.blobs, to: 2, parents: [])
        #expect(read == written)
        #expect(try describe(store.tree(2)) == describe(store.tree(1)))
        try await driver.remove(2)
      }
    }
  }

  @Test("what changed on an overlay that was really mounted is what the diff says, and the merged tree comes again")
  func mounted() async throws {
    try await StoreFixture.with { store in
      let driver = try OverlayDriver(store.path)
      let file = { (path: String) in ArchiveEntry(path: path, modified: 1_600_000_000, content: Array(path.utf8)) }
      let folder = { (path: String) in
        ArchiveEntry(path: path, kind: .directory, mode: 0o755, modified: 1_600_000_000)
      }
      let hard = ArchiveEntry(path: "hard2", kind: .hardLink, modified: 1_600_000_000, linkTarget: "hard1")
      try await store.apply(
        [
          folder("d"), file("d/gone"), file("d/kept"), folder("whole"), file("whole/a"), folder("replaced"),
          file("replaced/below"), file("file"), file("hard1"), hard, folder("far"), folder("far/er"), file("far/er/f"),
        ], by: driver)
      try await driver.create(2, parents: [1])
      let options = driver.mounts(2, parents: [1], readOnly: false)[0].options.joined(separator: ",")
      let changes = """
        mkdir \(store.path)/at; mount -t overlay -o '\(options)' overlay \(store.path)/at; cd \(store.path)/at
        rm d/gone; rm -r whole; rm -r replaced; mkdir replaced; echo new > replaced/above; rm file; mkdir file
        echo more >> far/er/f; ln far/er/f linked; mknod -m 600 device c 5 1; mv d/kept moved; chmod 700 far
        find . -exec touch -h -d @1700000000 {} +
        """
      let run = try LayerToolRun.script(changes + "\ncp -a \(store.path)/at \(store.path)/merged")
      try #require(run.status == 0, "\(run.errors)")
      let writer = try await store.blobs.writer("diff")
      let written = try await driver.diff(2, parents: [1], mediaType: MediaType.ociLayer, into: writer)
      let digest = try await writer.commit(nil)
      var reader = TarReader(try await store.blobs.read(digest))
      var names: [String] = []
      while let entry = try reader.next() { names.append(entry.path) }
      // containerd's order and names: a folder before what is in it, a whiteout for what has gone, also for what is
      // hidden in a folder that was made anew; a link after the file that it is linked to.
      #expect(
        names.filter { $0.contains(".wh.") } == ["d/.wh.gone", "d/.wh.kept", "replaced/.wh.below", ".wh.whole"],
        "\(names)")
      #expect(names.firstIndex(of: "far").map { $0 < names.firstIndex(of: "far/er/f") ?? 0 } == true)
      try await driver.create(3, parents: [1])
      #expect(
        try await driver.apply(digest, mediaType: MediaType.ociLayer, from: store.blobs, to: 3, parents: [1]) == written
      )
      let lower = driver.mounts(9, parents: [3, 1], readOnly: true)[0].options.joined(separator: ",")
      let again = try LayerToolRun.script(
        "mount -t overlay -o '\(lower)' overlay \(store.path)/at; cp -a \(store.path)/at \(store.path)/again")
      try #require(again.status == 0, "\(again.errors)")
      #expect(try describe(store.path + "/again") == describe(store.path + "/merged"))
    }
  }

  @Test("an image as umoci and containerd unpack it: the same names, bytes, modes, owners, xattrs, times, links")
  func otherUnpackers() async throws {
    try await StoreFixture.with { store in
      // The first layer has everything; the second hides, replaces, makes opaque, and adds.
      let script = """
        make() { \(NeighbourTests.tree)
        }
        cd \(store.path); mkdir tree upper; make \(store.path)/tree
        find tree -depth -exec touch -h -d @1500000000 {} +
        # umoci knows no holes.
        tar --format=pax --xattrs '--xattrs-include=*' --numeric-owner -cf 1.tar -C tree .
        mkdir -p upper/bin upper/etc/deep upper/dev upper/new; : >upper/bin/.wh.another; : >upper/etc/deep/.wh..wh..opq
        echo inside >upper/etc/deep/file; echo now-a-file >upper/empty; mkdir upper/a-first-name
        echo x >upper/a-first-name/y; : >upper/dev/.wh.fifo; ln -s ../bin upper/new/link; ln upper/new/link upper/new/again
        chmod 2750 upper/new; chown 99:98 upper/new
        find upper -depth -exec touch -h -d @1600000000 {} +
        tar --format=pax --numeric-owner -cf - -C upper bin etc dev new empty a-first-name | gzip -1 >2.tar.gz
        gzip -dc 2.tar.gz >2.tar
        umoci init --layout image; umoci new --image image:a
        umoci raw add-layer --image image:a 1.tar; umoci raw add-layer --image image:a 2.tar
        umoci raw unpack --image image:a umoci >/dev/null 2>&1
        """
      let run = try LayerToolRun.run(["-ec", script], by: "/bin/sh")
      try #require(run.status == 0, "\(run.errors)")
      let driver = try OverlayDriver(store.path)
      var parents: [Int] = []
      for number in [1, 2] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(store.path)/\(number).tar")))
        let digest = try await store.blob(bytes, ref: "\(number)")
        try await driver.create(number, parents: parents)
        _ = try await driver.apply(
          digest, mediaType: MediaType.ociLayer, from: store.blobs, to: number, parents: parents)
        parents.insert(number, at: 0)
      }
      let options = driver.mounts(9, parents: parents, readOnly: true)[0].options.joined(separator: ",")
      let daemon = """
        cd \(store.path); mkdir at ours
        mount -t overlay -o '\(options)' overlay at; cp -a at/. ours; umount at
        printf 'version = 2\nroot = "%s/c/root"\nstate = "%s/c/state"\n[grpc]\naddress = "%s/c.sock"\n' \
          $PWD $PWD $PWD >c.toml
        PATH=$PATH:/usr/sbin containerd -c c.toml >c.log 2>&1 & pid=$!
        trap 'kill $pid; wait $pid || true' EXIT
        for i in $(seq 3000); do ctr -a c.sock version >/dev/null 2>&1 && break; sleep 0.1; done
        tar -cf image.tar -C image .
        ctr -a c.sock images import --base-name theirs image.tar >/dev/null
        mkdir mounted theirs; ctr -a c.sock images mount theirs:a mounted >/dev/null
        cp -a mounted/. theirs; umount mounted
        """
      let unpacked = try LayerToolRun.script(daemon)
      try #require(unpacked.status == 0, "\(unpacked.errors)")
      let ours = try describe(store.path + "/ours")
      #expect(ours.split(separator: "\n").count > 20)
      #expect(ours.contains("/new/again") && !ours.contains("/bin/another") && !ours.contains("/etc/deep/er"))
      func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
      #expect(ours.contains("security.capability"))
      for (name, theirs) in [("containerd", "theirs"), ("umoci", "umoci")] {
        let description = try describe("\(store.path)/\(theirs)")
        // containerd gives a file away again for each further link to it, which takes its capabilities.
        func compared(_ text: String) -> [String] {
          lines(text).map { line in
            guard name == "containerd", let start = line.firstRange(of: " ('security.capability'") else { return line }
            return String(line[..<start.lowerBound])
          }
        }
        let difference = compared(ours).difference(from: compared(description))
        #expect(difference.isEmpty, "\(name): \(difference)")
      }
    }
  }
}
