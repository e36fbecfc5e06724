import OCISpec

/// BusyBox: one binary, and a link to it for every applet.
enum BusyBox {
  // Where Alpine links its applets.
  static let bin = """
    arch ash base64 cat chattr chgrp chmod chown cp date dd df dmesg dnsdomainname echo egrep false fatattr fgrep fsync \
    getopt grep gunzip gzip hostname ionice iostat ipcalc kill link linux32 linux64 ln login ls lsattr lzop makemime \
    mkdir mknod mktemp more mount mountpoint mpstat mv netstat nice pidof ping ping6 pipe_progress printenv ps pwd \
    reformime rev rm rmdir run-parts sed setpriv setserial sh sleep stat stty su sync tar touch true umount uname \
    usleep watch zcat
    """
  static let sbin = """
    adjtimex arp blkid blockdev depmod fbsplash fdisk findfs fsck fstrim getty halt hwclock ifconfig ifdown ifenslave \
    ifup init inotifyd insmod ip ipaddr iplink ipneigh iproute iprule iptunnel klogd loadkmap logread losetup lsmod \
    mdev mkdosfs mkfs.vfat mkswap modinfo modprobe nameif nologin pivot_root poweroff raidautorun reboot rmmod route \
    setconsole slattach swapoff swapon switch_root sysctl syslogd tunctl udhcpc vconfig watchdog zcip
    """
  static let usrBin = """
    [ [[ awk basename bc beep blkdiscard bunzip2 bzcat bzip2 cal chvt cksum clear cmp comm cpio crontab cryptpw cut dc \
    deallocvt diff dirname dos2unix du eject env expand expr factor fallocate find flock fold free fuser groups hd head \
    hexdump hostid id install ipcrm ipcs killall last less logger lsof lsusb lzcat lzma lzopcat md5sum mesg microcom \
    mkfifo mkpasswd nc nl nmeter nohup nproc nsenter nslookup od openvt passwd paste pgrep pkill pmap printf pscan \
    pstree pwdx readlink realpath renice reset resize seq setkeycodes setsid sha1sum sha256sum sha3sum sha512sum showkey \
    shred shuf sort split strings sum tac tail tee test time timeout top tr traceroute traceroute6 tree truncate tty \
    ttysize udhcpc6 unexpand uniq unix2dos unlink unlzma unlzop unshare unxz unzip uptime uudecode uuencode vi vlock \
    volname wc wget which who whoami whois xargs xxd xzcat yes
    """
  static let usrSbin = """
    add-shell addgroup adduser arping brctl chpasswd chroot crond delgroup deluser ether-wake fbset killall5 loadfont \
    nanddump nandwrite nbd-client ntpd partprobe rdate rdev readahead remove-shell rfkill sendmail setfont setlogcons
    """
  /// What only the busybox image has.
  private static let more = """
    bootchartd chat chpst dhcprelay dumpleases envdir envuidgid ftpd ftpget ftpput httpd inetd linuxrc lpd lpq lpr man \
    mdev nsenter patch popmaildir resume runlevel runsv runsvdir script scriptreplay sha384sum softlimit ssl_client \
    start-stop-daemon sulogin sv svc svlogd tcpsvd telnet telnetd tftp tftpd ts tsort udpsvd users w wall
    """

  static let platforms = Platform.list("amd64 arm/v5 arm/v6 arm/v7 arm64/v8 386 ppc64le riscv64 s390x")
  static let images = [
    image(
      "1.37.0", ["1", "1-glibc", "1.37", "1.37-glibc", "1.37.0", "glibc", "latest", "stable", "stable-glibc"],
      Moment(2024, 9, 26, 21, 31, 42), compressed: 2_215_306),
    image("1.36.1", ["1.36", "1.36-glibc", "1.36.1"], Moment(2023, 5, 19, 0, 0, 0), compressed: 2_150_482),
  ]

  private static func image(_ version: String, _ tags: [String], _ created: Moment, compressed: Int64) -> ImageModel {
    let layer = LayerModel(created, compressed: compressed, files: files, own: own)
    return ImageModel(
      "library/busybox", tags: tags, version: version, platforms: platforms, created: created,
      steps: [.layer(layer, "BusyBox \(version) (glibc), Debian 12")],
      execution: .init(
        env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], cmd: ["sh"], workingDir: "/"))
  }

  private static func files(_ set: inout FileSet) {
    // All applets are one file here: hard links, not symbolic ones.
    set.program("bin/[", "busybox", size: 1_133_448)
    let names = Set(
      (bin + " " + sbin + " " + usrBin + " " + usrSbin + " " + more).split(separator: " ").map(String.init))
    for name in names.union(["busybox"]).subtracting(["["]).sorted() {
      set.hardLink("bin/" + name, "bin/[", mode: 0o755)
    }
    set.folder("dev")
    set.text(
      "etc/group",
      """
      root:x:0:
      daemon:x:1:
      bin:x:2:
      sys:x:3:
      adm:x:4:
      tty:x:5:
      disk:x:6:
      wheel:x:10:
      utmp:x:43:
      video:x:44:
      users:x:100:
      www-data:x:33:
      nobody:x:65534:

      """)
    set.opaque("etc/localtime", size: 114)
    set.folders("etc/network/if-down.d etc/network/if-post-down.d etc/network/if-pre-up.d etc/network/if-up.d")
    set.text("etc/nsswitch.conf", "passwd:\tfiles\ngroup:\tfiles\nhosts:\tfiles dns\n")
    set.text(
      "etc/passwd",
      """
      root:x:0:0:root:/root:/bin/sh
      daemon:x:1:1:daemon:/usr/sbin:/bin/false
      bin:x:2:2:bin:/bin:/bin/false
      sys:x:3:3:sys:/dev:/bin/false
      sync:x:4:100:sync:/bin:/bin/sync
      mail:x:8:8:mail:/var/spool/mail:/bin/false
      www-data:x:33:33:www-data:/var/www:/bin/false
      operator:x:37:37:Operator:/var:/bin/false
      nobody:x:65534:65534:nobody:/home:/bin/false

      """)
    set.text("etc/shadow", "root:*:::::::\n", mode: 0o600)
    set.folder("home", uid: 65534, gid: 65534)
    set.folder("lib")
    for (name, size) in [("libc.so.6", 1_926_256), ("libm.so.6", 907_784), ("libresolv.so.2", 60_328)]
      as [(String, Int64)]
    {
      set.opaque("lib/" + name, size: size, mode: 0o755)
    }
    for name in ["libnss_compat.so.2", "libnss_dns.so.2", "libnss_files.so.2", "libnss_hesiod.so.2", "libpthread.so.0"]
    {
      set.opaque("lib/" + name, size: 14_480, mode: 0o755)
    }
    set.folder("root", mode: 0o700)
    set.folder("tmp", mode: 0o1777)
    set.symlink("usr/bin/env", "../../bin/env")
    set.folder("usr/sbin", uid: 1, gid: 1)
    set.folder("var/spool/mail", uid: 8, gid: 8)
    set.folder("var/www", uid: 33, gid: 33)
  }

  private static func own(_ set: inout FileSet, _ platform: Platform) {
    switch platform.architecture {
    case "amd64":
      set.symlink("lib64", "lib")
      set.opaque("lib/ld-linux-x86-64.so.2", size: 210_968, mode: 0o755)
    case "arm64": set.opaque("lib/ld-linux-aarch64.so.1", size: 202_904, mode: 0o755)
    case "386": set.opaque("lib/ld-linux.so.2", size: 210_260, mode: 0o755)
    default:
      set.opaque("lib/ld-linux-\(platform.machine)\(platform.variant ?? "").so.1", size: 205_000, mode: 0o755)
    }
  }
}
