import OCISpec

/// Alpine Linux: one layer, musl, busybox for nearly every command.
enum Alpine {
  static let platforms = Platform.list("amd64 arm/v6 arm/v7 arm64/v8 386 ppc64le riscv64 s390x")
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  static let v3_20 = image("3.20.8", ["3.20", "3.20.8"], Moment(2025, 10, 8, 11, 4, 20), compressed: 3_627_108)
  static let v3_21 = image("3.21.5", ["3.21", "3.21.5"], Moment(2025, 10, 8, 11, 4, 40), compressed: 3_644_511)
  static let v3_22 = image("3.22.2", ["3.22", "3.22.2"], Moment(2025, 10, 8, 11, 4, 56), compressed: 3_802_452)
  static let v3_23 = image(
    "3.23.2", ["3", "3.23", "3.23.2", "latest"], Moment(2025, 12, 17, 18, 35, 2), compressed: 3_864_189)
  static let images = [v3_20, v3_21, v3_22, v3_23]

  private static func image(_ version: String, _ tags: [String], _ created: Moment, compressed: Int64) -> ImageModel {
    let layer = LayerModel(created, compressed: compressed, files: { files(&$0, version: version) }, own: own)
    return ImageModel(
      "library/alpine", tags: tags, version: version, platforms: platforms, created: created,
      steps: [
        .layer(layer, "ADD alpine-minirootfs-\(version)-x86_64.tar.gz / # buildkit"),
        .empty("CMD [\"/bin/sh\"]"),
      ],
      execution: .init(env: [path], cmd: ["/bin/sh"], workingDir: "/"))
  }

  private static func files(_ set: inout FileSet, version: String) {
    set.folder("bin")
    set.program("bin/busybox", "busybox", size: 808_712)
    set.symlinks("bin", BusyBox.bin, "/bin/busybox")
    set.folders("dev etc/apk/keys etc/busybox-paths.d etc/conf.d etc/crontabs etc/init.d etc/logrotate.d")
    set.folders("etc/modprobe.d etc/modules-load.d etc/network/if-up.d etc/opt etc/periodic/daily etc/profile.d")
    set.folders("etc/secfixes.d etc/ssl/certs etc/sysctl.d etc/udhcpc")
    let branch = "v" + version.split(separator: ".").prefix(2).joined(separator: ".")
    set.text("etc/alpine-release", version + "\n")
    set.text(
      "etc/apk/repositories",
      "https://dl-cdn.alpinelinux.org/alpine/\(branch)/main\nhttps://dl-cdn.alpinelinux.org/alpine/\(branch)/community\n"
    )
    set.text("etc/apk/world", "alpine-baselayout\nalpine-keys\nalpine-release\napk-tools\nbusybox\nlibc-utils\n")
    set.text(
      "etc/fstab", "/dev/cdrom\t/media/cdrom\tiso9660\tnoauto,ro 0 0\n/dev/usbdisk\t/media/usb\tvfat\tnoauto\t0 0\n")
    set.text("etc/group", group)
    set.text("etc/hostname", "localhost\n")
    set.text("etc/hosts", "127.0.0.1\tlocalhost localhost.localdomain\n::1\t\tlocalhost localhost.localdomain\n")
    set.text("etc/issue", "Welcome to Alpine Linux \(branch.dropFirst())\nKernel \\r on an \\m (\\l)\n\n")
    set.text("etc/modules", "af_packet\nipv6\n")
    set.text("etc/motd", "Welcome to Alpine!\n\nThe Alpine Wiki contains a large amount of how-to guides.\n")
    set.symlink("etc/mtab", "../proc/mounts")
    set.text("etc/nsswitch.conf", "# musl itself does not support NSS\nhosts: files dns\n")
    set.symlink("etc/os-release", "../usr/lib/os-release")
    set.text("etc/passwd", passwd)
    set.text(
      "etc/profile",
      "export PATH=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nexport PAGER=less\numask 022\n")
    set.text("etc/protocols", "ip\t0\tIP\nicmp\t1\tICMP\ntcp\t6\tTCP\nudp\t17\tUDP\nipv6-icmp\t58\tIPv6-ICMP\n")
    set.text("etc/securetty", "console\ntty1\n", mode: 0o644)
    set.text("etc/services", "ftp\t21/tcp\nssh\t22/tcp\ndomain\t53/udp\nhttp\t80/tcp\nhttps\t443/tcp\n")
    set.text("etc/shadow", "root:*::0:::::\nbin:!::0:::::\ndaemon:!::0:::::\nnobody:!::0:::::\n", mode: 0o640, gid: 42)
    set.text("etc/shells", "# valid login shells\n/bin/sh\n/bin/ash\n")
    set.opaque("etc/ssl/certs/ca-certificates.crt", size: 214_222)
    set.text("etc/sysctl.conf", "# content of this file will override /etc/sysctl.d/*\n")
    set.folders("home lib/apk/db lib/firmware lib/modules-load.d lib/sysctl.d")
    set.text(
      "lib/apk/db/installed", "P:alpine-baselayout\nV:3.6.8-r1\n\nP:busybox\nV:1.37.0-r12\n\nP:musl\nV:1.2.5-r9\n\n")
    set.folders("media/cdrom media/floppy media/usb mnt opt")
    set.folder("proc", mode: 0o555)
    set.folder("root", mode: 0o700)
    set.folder("run")
    set.folder("run/lock")
    set.program("sbin/apk", "apk", size: 70_104)
    set.symlinks("sbin", BusyBox.sbin, "/bin/busybox")
    set.folders("srv sys")
    set.folder("tmp", mode: 0o1777)
    set.symlinks("usr/bin", BusyBox.usrBin, "/bin/busybox")
    set.text(
      "usr/lib/os-release",
      """
      NAME="Alpine Linux"
      ID=alpine
      VERSION_ID=\(version)
      PRETTY_NAME="Alpine Linux \(branch)"
      HOME_URL="https://alpinelinux.org/"
      BUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"

      """)
    set.opaque("usr/lib/libapk.so.2.14.0", size: 222_288, mode: 0o755)
    set.opaque("usr/lib/libcrypto.so.3", size: 4_653_032, mode: 0o755)
    set.opaque("usr/lib/libssl.so.3", size: 840_192, mode: 0o755)
    set.opaque("usr/lib/libz.so.1.3.1", size: 100_384, mode: 0o755)
    set.symlink("usr/lib/libz.so.1", "libz.so.1.3.1")
    set.folders("usr/local/bin usr/local/lib usr/local/share")
    set.symlinks("usr/sbin", BusyBox.usrSbin, "/bin/busybox")
    set.folders("usr/share/apk/keys usr/share/man usr/share/misc usr/share/udhcpc")
    set.folders(
      "var/cache/apk var/cache/misc var/lib/apk var/lib/misc var/local var/log var/mail var/opt var/spool/cron")
    set.folder("var/empty", mode: 0o555)
    set.symlink("var/lock", "../run/lock")
    set.symlink("var/run", "../run")
    set.folder("var/tmp", mode: 0o1777)
  }

  private static func own(_ set: inout FileSet, _ platform: Platform) {
    let name = muslName(platform)
    set.text("etc/apk/arch", name + "\n")
    set.opaque("lib/ld-musl-\(name).so.1", size: 661_960, mode: 0o755)
    set.symlink("lib/libc.musl-\(name).so.1", "ld-musl-\(name).so.1")
  }

  /// Alpine's names of architectures.
  private static func muslName(_ platform: Platform) -> String {
    switch platform.description {
    case "linux/386": "x86"
    case "linux/arm/v6": "armhf"
    case "linux/arm/v7": "armv7"
    case "linux/ppc64le": "ppc64le"
    default: platform.machine
    }
  }

  private static let passwd = """
    root:x:0:0:root:/root:/bin/sh
    bin:x:1:1:bin:/bin:/sbin/nologin
    daemon:x:2:2:daemon:/sbin:/sbin/nologin
    lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin
    sync:x:5:0:sync:/sbin:/bin/sync
    shutdown:x:6:0:shutdown:/sbin:/sbin/shutdown
    halt:x:7:0:halt:/sbin:/sbin/halt
    mail:x:8:12:mail:/var/mail:/sbin/nologin
    news:x:9:13:news:/usr/lib/news:/sbin/nologin
    uucp:x:10:14:uucp:/var/spool/uucppublic:/sbin/nologin
    cron:x:16:16:cron:/var/spool/cron:/sbin/nologin
    ftp:x:21:21::/var/lib/ftp:/sbin/nologin
    sshd:x:22:22:sshd:/dev/null:/sbin/nologin
    games:x:35:35:games:/usr/games:/sbin/nologin
    ntp:x:123:123:NTP:/var/empty:/sbin/nologin
    guest:x:405:100:guest:/dev/null:/sbin/nologin
    nobody:x:65534:65534:nobody:/:/sbin/nologin

    """
  private static let group = """
    root:x:0:root
    bin:x:1:root,bin,daemon
    daemon:x:2:root,bin,daemon
    sys:x:3:root,bin
    adm:x:4:root,daemon
    tty:x:5:
    disk:x:6:root
    lp:x:7:lp
    kmem:x:9:
    wheel:x:10:root
    floppy:x:11:root
    mail:x:12:mail
    news:x:13:news
    uucp:x:14:uucp
    cron:x:16:cron
    audio:x:18:
    cdrom:x:19:
    dialout:x:20:root
    ftp:x:21:
    sshd:x:22:
    input:x:23:
    tape:x:26:root
    video:x:27:root
    netdev:x:28:
    kvm:x:34:kvm
    games:x:35:
    shadow:x:42:
    www-data:x:82:
    users:x:100:games
    ntp:x:123:
    abuild:x:300:
    utmp:x:406:
    ping:x:999:
    nogroup:x:65533:
    nobody:x:65534:

    """
}

extension Alpine {
  /// Alpine's /etc/passwd and /etc/group with a user more: layers above hold whole files.
  static func addUser(_ set: inout FileSet, _ name: String, id: UInt32, home: String) {
    set.text("etc/passwd", passwd + "\(name):x:\(id):\(id):\(name):\(home):/sbin/nologin\n")
    set.text("etc/group", group + "\(name):x:\(id):\n")
  }
}
