import Glibc

/// The root file system of the tests' containers: busybox, one link for every applet used, and a few folders.
enum Rootfs {
  private static let applets = """
    [ ash awk basename cat chmod chown chroot chrt cmp cp cut date dd df dirname dmesg echo egrep env expr false find
    fold free grep head hexdump hostname id ifconfig ionice ip kill killall link linux32 linux64 ln ls mkdir mkfifo mknod mktemp mount
    mountpoint mv nc nice nproc nsenter od pidof ping pivot_root printenv printf ps pwd readlink realpath renice rm
    rmdir route sed seq setarch setsid sh sleep sort stat stty su sync sysctl tail taskset tee test time timeout top touch
    tr true truncate tty umount uname uniq unlink unshare uptime usleep wc which whoami xargs yes
    """.words

  /// A copy of busybox that all roots of this process link to.
  private static let busybox: String? = {
    guard let source = Files.program("busybox") else { return nil }
    let path = "/tmp/drydock-test-\(getpid())-busybox"
    guard (try? Files.copy(source, to: path, mode: 0o755)) != nil else { return nil }
    atexit { unlink("/tmp/drydock-test-\(getpid())-busybox") }
    return path
  }()

  static func make(at path: String) throws {
    guard let busybox else { throw Unmet(description: "busybox (package busybox-static) is not installed") }
    try Files.makeDirectory(path)
    for folder in ["bin", "dev", "etc", "home", "proc", "root", "sbin", "sys", "tmp", "usr", "var"] {
      try Files.makeDirectory("\(path)/\(folder)", mode: folder == "tmp" ? 0o1777 : 0o755)
    }
    guard link(busybox, "\(path)/bin/busybox") == 0 else { throw SystemError("link busybox") }
    for applet in applets { try Files.link("busybox", at: "\(path)/bin/\(applet)") }
    try Files.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n", to: "\(path)/etc/passwd")
    try Files.write("root:x:0:\nuser:x:1000:\nwheel:x:10:user\n", to: "\(path)/etc/group")
  }
}
