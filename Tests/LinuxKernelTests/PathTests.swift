import Glibc
import Runtime
import Testing

@testable import LinuxKernel

/// No root needed: what is resolved within a root is a matter of openat2(2).
@Suite("Paths within a root")
struct PathTests {
  let kernel = LinuxKernel()

  @Test("Links stay within the root, absolute or not, and so does ..")
  func links() throws {
    try withFolder { folder in
      let root = folder + "/root"
      func at(_ path: String) -> KernelPath { KernelPath(root: root, path) }
      try kernel.perform(.mkdir(path: KernelPath(root), mode: 0o755))
      try kernel.perform(.mkdir(path: at("/etc"), mode: 0o755))
      try kernel.perform(.symlink(target: "/etc", path: at("absolute")))
      try kernel.perform(.symlink(target: "../../../../etc", path: at("/climbs")))
      try kernel.perform(.createFile(path: at("/absolute/one"), mode: 0o600))
      try kernel.perform(.createFile(path: at("/climbs/two"), mode: 0o640))
      try kernel.perform(.createFile(path: at("../../three"), mode: 0o600))
      #expect(access(root + "/etc/one", F_OK) == 0)
      #expect(access(root + "/etc/two", F_OK) == 0)
      #expect(access(root + "/three", F_OK) == 0)
      #expect(access("/etc/one", F_OK) != 0)
      #expect(try kernel.kind(of: at("/climbs")) == .directory)
      #expect(try kernel.kind(of: at("/climbs"), followingLinks: false) == .link)
    }
  }

  @Test("A link to the outside leads to nothing, and what it names outside is neither written nor changed")
  func escapes() throws {
    try withFolder { folder in
      let root = folder + "/root"
      try kernel.perform(.mkdir(path: KernelPath(root), mode: 0o755))
      try kernel.perform(.createFile(path: KernelPath(folder + "/secret"), mode: 0o600))
      try kernel.perform(.symlink(target: folder + "/secret", path: KernelPath(root: root, "/link")))
      let link = KernelPath(root: root, "/link")
      #expect(throws: Errno.ENOENT) { try kernel.perform(.chmod(path: link, mode: 0o777)) }
      #expect(throws: Errno.ENOENT) { try kernel.perform(.writeFile(path: link, contents: "x")) }
      #expect(throws: Errno.EEXIST) { try kernel.perform(.mkdir(path: link, mode: 0o755)) }
      #expect(kernel.mode(of: KernelPath(folder + "/secret")) == 0o600)
      #expect(text(folder + "/secret") == "")
      #expect(!kernel.exists(link))
      #expect(kernel.exists(link, followingLinks: false))
      try kernel.perform(.unlink(path: link))
      #expect(kernel.exists(KernelPath(folder + "/secret")))
    }
  }

  @Test("Magic links of procfs are not followed within a root")
  func magicLinks() throws {
    let own = KernelPath(root: "/", "/proc/self/root/etc")
    #expect(throws: Errno.ELOOP) { try kernel.kind(of: own) }
  }

  @Test("A root that has become another folder is opened again after a mount without root, or when told")
  func anotherRoot() throws {
    try withFolder { folder in
      for name in ["a", "b"] {
        try kernel.perform(.mkdir(path: KernelPath("\(folder)/\(name)"), mode: 0o755))
        try kernel.perform(.createFile(path: KernelPath("\(folder)/\(name)/\(name)"), mode: 0o600))
      }
      #expect(kernel.exists(KernelPath(root: folder + "/a", "/a")))
      #expect(kernel.exists(KernelPath(root: folder + "/b", "/b")))
      #expect(rename(folder + "/b", folder + "/c") == 0)
      #expect(rename(folder + "/a", folder + "/b") == 0)
      #expect(kernel.exists(KernelPath(root: folder + "/b", "/b")))
      kernel.forget()
      #expect(kernel.exists(KernelPath(root: folder + "/b", "/a")))
    }
  }

  @Test("Names that cannot be anything new, and texts with a NUL")
  func names() throws {
    try withFolder { folder in
      for path in ["/", "", "..", "/a/..", "/.", "//"] {
        #expect(throws: Errno.self) { try kernel.perform(.mkdir(path: KernelPath(root: folder, path), mode: 0o755)) }
      }
      #expect(throws: Errno.EINVAL) {
        try kernel.perform(.mkdir(path: KernelPath(root: folder, "/a\0b"), mode: 0o755))
      }
      #expect(throws: Errno.EINVAL) { try kernel.perform(.createFile(path: KernelPath(folder + "/a\0b"), mode: 0o600)) }
      #expect(throws: Errno.EINVAL) {
        try kernel.perform(.symlink(target: "a\0b", path: KernelPath(root: folder, "l")))
      }
      #expect(throws: Errno.EINVAL) {
        try kernel.perform(.execve(path: "/bin/true", arguments: ["true", "a\0b"], environment: []))
      }
      #expect(throws: Errno.EINVAL) {
        try kernel.perform(.execve(path: "/bin/true", arguments: ["true"], environment: ["A=\0"]))
      }
      try kernel.perform(.mkdir(path: KernelPath(root: folder, "/trailing///"), mode: 0o755))
      #expect(kernel.exists(KernelPath(root: folder, "trailing")))
    }
  }

  @Test("Missing folders are made one by one, also behind a link that leads nowhere yet")
  func folders() throws {
    try withFolder { folder in
      func at(_ path: String) -> KernelPath { KernelPath(root: folder, path) }
      try kernel.perform(.makeFolders(path: at("/a/b/../c/./d"), mode: 0o700))
      #expect(kernel.mode(of: at("/a/c/d")) == 0o700)
      #expect(kernel.mode(of: at("/a/b")) == 0o755)
      try kernel.perform(.makeFolders(path: at("/a/c/d"), mode: 0o755))
      try kernel.perform(.symlink(target: "../../../run", path: at("/a/run")))
      try kernel.perform(.makeFolders(path: at("/a/run/lock"), mode: 0o755))
      #expect(try kernel.kind(of: KernelPath(folder + "/run/lock")) == .directory)
      try kernel.perform(.createFile(path: at("/file"), mode: 0o600))
      #expect(throws: Errno.ENOTDIR) { try kernel.perform(.makeFolders(path: at("/file/x"), mode: 0o755)) }
      try kernel.perform(.symlink(target: "loop", path: at("/loop")))
      #expect(throws: Errno.ELOOP) { try kernel.perform(.makeFolders(path: at("/loop/x"), mode: 0o755)) }
      #expect(throws: Errno.EINVAL) { try kernel.perform(.makeFolders(path: at("/n\0/x"), mode: 0o755)) }
    }
  }

  @Test("Creating a file: never over something, but through a link that leads nowhere yet")
  func files() throws {
    try withFolder { folder in
      func at(_ path: String) -> KernelPath { KernelPath(root: folder, path) }
      try kernel.perform(.writeFile(path: KernelPath("/dev/null"), contents: "nothing"))
      try kernel.perform(.createFile(path: at("x"), mode: 0o644))
      try kernel.perform(.writeFile(path: at("x"), contents: "long text"))
      try kernel.perform(.writeFile(path: at("x"), contents: "short"))
      #expect(text(folder + "/x") == "short")
      #expect(throws: Errno.EEXIST) { try kernel.perform(.createFile(path: at("x"), mode: 0o600)) }
      #expect(text(folder + "/x") == "short")
      try kernel.perform(.symlink(target: "/y", path: at("link")))
      try kernel.perform(.createFile(path: at("link"), mode: 0o600))
      #expect(try kernel.kind(of: at("/y"), followingLinks: false) == .file)
      try kernel.perform(.mknod(path: at("pipe"), kind: "p", mode: 0o600, major: 0, minor: 0))
      #expect(throws: Errno.EEXIST) { try kernel.perform(.createFile(path: at("pipe"), mode: 0o600)) }
      try kernel.perform(.mkdir(path: at("d"), mode: 0o755))
      try kernel.perform(.rmdir(path: at("d")))
      #expect(throws: Errno.ENOENT) { try kernel.perform(.rmdir(path: at("d"))) }
    }
  }

  @Test("Conditions of steps look at paths as their calls will")
  func conditions() throws {
    try withFolder { folder in
      let (here, link, gone) = (KernelPath(folder), KernelPath(root: folder, "link"), KernelPath(root: folder, "gone"))
      try kernel.perform(.symlink(target: "gone", path: link))
      let call = KernelCall.chdir(path: "/")
      #expect(kernel.holds(.exists(here), for: call) == true)
      #expect(kernel.holds(.directory(here), for: call) == true)
      #expect(kernel.holds(.nonDirectory(here), for: call) == false)
      #expect(kernel.holds(.missing(gone), for: call) == true)
      #expect(kernel.holds(.nonDirectory(gone), for: call) == false)
      #expect(kernel.holds(.exists(link), for: call) == false)
      #expect(kernel.holds(.exists(link), for: .unlink(path: link)) == true)
      #expect(kernel.holds(.missingOnWay(gone, goal: here), for: call) == false)
      #expect(kernel.holds(.previousRefused, for: call) == nil)
    }
  }

  @Test("What makes or awaits processes is not performed here")
  func otherCalls() {
    for call in [KernelCall.clone(namespaces: []), .wait(pid: 1), .exit(status: 0), .openFIFO(path: "/x")] {
      #expect(throws: Errno.ENOSYS) { try kernel.perform(call) }
    }
  }
}
