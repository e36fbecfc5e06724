import OCISpec

/// Debian, and what images built on it have in common.
enum Debian {
  static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  static let platforms12 = Platform.list("amd64 arm/v5 arm/v7 arm64/v8 386 mips64le ppc64le s390x")
  static let platforms13 = Platform.list("amd64 arm/v5 arm/v7 arm64/v8 386 ppc64le riscv64 s390x")

  static let bullseyeSlim = image(
    11, "11.11", "bullseye", slim: true, tags: ["11-slim", "bullseye-slim"], Moment(2025, 12, 8),
    compressed: 30_258_106)
  static let bookworm = image(
    12, "12.12", "bookworm", slim: false, tags: ["12", "12.12", "bookworm"], Moment(2025, 12, 8),
    compressed: 48_480_327)
  static let bookwormSlim = image(
    12, "12.12", "bookworm", slim: true, tags: ["12-slim", "12.12-slim", "bookworm-slim"], Moment(2025, 12, 8),
    compressed: 28_229_021)
  static let trixie = image(
    13, "13.2", "trixie", slim: false, tags: ["13", "13.2", "latest", "trixie"], Moment(2025, 12, 8),
    compressed: 49_284_613)
  static let trixieSlim = image(
    13, "13.2", "trixie", slim: true, tags: ["13-slim", "13.2-slim", "stable-slim", "trixie-slim"],
    Moment(2025, 12, 8), compressed: 29_773_961)
  static let images = [bullseyeSlim, bookworm, bookwormSlim, trixie, trixieSlim]

  // The commands that every Debian has.
  static let coreutils = """
    [ arch b2sum base32 base64 basename cat chcon chgrp chmod chown cksum comm cp csplit cut date dd df dir dircolors \
    dirname du echo env expand expr factor false fmt fold groups head hostid id install join link ln logname ls md5sum \
    mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pinky pr printenv printf ptx pwd readlink \
    realpath rm rmdir runcon seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf \
    stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc \
    who whoami yes
    """
  static let utilities = """
    awk cmp diff dmesg egrep fgrep find findmnt flock getent getopt grep gunzip gzip hostname ipcs logger lsblk lscpu \
    mawk more mount mountpoint nsenter prlimit sed setpriv setsid su tar taskset umount unshare which xargs zcat
    """
  /// The package procps: the genuine slim images lack it. The catalogue's servers have it, so that `docker exec web ps`
  /// shows something.
  static let procps = "free kill pgrep pidof pkill pmap ps pwdx tload top uptime vmstat w watch"

  static func addProcps(_ set: inout FileSet) { set.programs("usr/bin", procps, "coreutils", size: 60_000) }

  /// A point release of the past, for images that nobody has built again since.
  static func old(_ major: Int, _ version: String, _ codename: String, _ created: Moment, compressed: Int64)
    -> ImageModel
  { image(major, version, codename, slim: true, tags: [], created, compressed: compressed) }

  private static func image(
    _ major: Int, _ version: String, _ codename: String, slim: Bool, tags: [String], _ created: Moment,
    compressed: Int64
  ) -> ImageModel {
    let layer = LayerModel(
      created, compressed: compressed,
      files: { set in
        base(&set)
        set.text("etc/debian_version", version + "\n")
        set.text("etc/issue", "Debian GNU/Linux \(major) \\n \\l\n\n")
        set.text(
          "etc/apt/sources.list.d/debian.sources",
          "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: \(codename) \(codename)-updates\nComponents: main\n")
        set.text(
          "usr/lib/os-release",
          """
          PRETTY_NAME="Debian GNU/Linux \(major) (\(codename))"
          NAME="Debian GNU/Linux"
          VERSION_ID="\(major)"
          VERSION="\(major) (\(codename))"
          VERSION_CODENAME=\(codename)
          DEBIAN_VERSION_FULL=\(version)
          ID=debian
          HOME_URL="https://www.debian.org/"
          SUPPORT_URL="https://www.debian.org/support"
          BUG_REPORT_URL="https://bugs.debian.org/"

          """)
        set.opaque("usr/share/locale/locale.alias", size: 2_996)
        // Manuals, translations and documents are what "slim" is without.
        if !slim {
          set.opaque("usr/share/doc/packages", size: 6_212_402)
          set.opaque("usr/share/locale/messages", size: 24_818_230)
          set.opaque("usr/share/man/pages", size: 9_640_018)
        }
      }, own: libraries)
    return ImageModel(
      "library/debian", tags: tags, version: version, platforms: major == 12 ? platforms12 : platforms13,
      created: created,
      steps: [.layer(layer, "# debian.sh --arch 'amd64' out/ '\(codename)' '@1765152000'")],
      execution: .init(env: [path], cmd: ["bash"], workingDir: "/"))
  }

  /// What Debian and Ubuntu have in common.
  static func base(_ set: inout FileSet) {
    set.symlink("bin", "usr/bin")
    set.folders("boot dev etc/alternatives etc/apt/apt.conf.d etc/apt/keyrings etc/apt/preferences.d")
    set.folders(
      "etc/apt/sources.list.d etc/apt/trusted.gpg.d etc/cron.daily etc/default etc/dpkg etc/init.d etc/kernel")
    set.folders("etc/ld.so.conf.d etc/opt etc/pam.d etc/profile.d etc/security etc/skel etc/systemd/system")
    set.text("etc/bash.bashrc", "[ -z \"$PS1\" ] && return\nPS1='${debian_chroot:+($debian_chroot)}\\u@\\h:\\w\\$ '\n")
    set.text("etc/fstab", "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n")
    set.text("etc/group", group)
    set.text("etc/gshadow", "root:*::\nshadow:*::\n", mode: 0o640, gid: 42)
    set.text("etc/host.conf", "multi on\n")
    set.text("etc/hostname", "localhost\n")
    set.text("etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
    set.text("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
    set.text("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: db files\n")
    set.symlink("etc/os-release", "../usr/lib/os-release")
    set.text("etc/passwd", passwd)
    set.text("etc/profile", "PATH=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nexport PATH\n")
    set.text("etc/shadow", "root:*:20430:0:99999:7:::\nnobody:*:20430:0:99999:7:::\n", mode: 0o640, gid: 42)
    set.text(
      "etc/shells", "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n/bin/dash\n")
    set.folder("home")
    set.symlink("lib", "usr/lib")
    set.folders("media mnt opt")
    set.folder("proc", mode: 0o555)
    set.folder("root", mode: 0o700)
    set.text("root/.bashrc", "# ~/.bashrc: executed by bash(1) for non-login shells.\n")
    set.text("root/.profile", "if [ -f ~/.bashrc ]; then . ~/.bashrc; fi\n")
    set.folder("run")
    set.folder("run/lock", mode: 0o1777)
    set.symlink("sbin", "usr/sbin")
    set.folders("srv sys")
    set.folder("tmp", mode: 0o1777)
    set.programs("usr/bin", coreutils, "coreutils", size: 44_000)
    set.programs("usr/bin", utilities, "coreutils", size: 96_000)
    set.program("usr/bin/bash", "bash", size: 1_298_416)
    set.program("usr/bin/dash", "sh", size: 129_736)
    set.symlink("usr/bin/sh", "dash")
    set.program("usr/bin/apt", "apt-get", size: 18_752)
    set.program("usr/bin/apt-cache", "apt-get", size: 88_544)
    set.program("usr/bin/apt-get", "apt-get", size: 51_600)
    set.opaque("usr/bin/dpkg", size: 318_176, mode: 0o755)
    set.opaque("usr/bin/perl", size: 3_790_088, mode: 0o755)
    set.folders("usr/games usr/include usr/lib/apt/methods usr/lib/dpkg/methods usr/lib/init usr/lib/systemd/system")
    set.opaque("usr/lib/locale/C.utf8/LC_CTYPE", size: 360_460)
    set.folders(
      "usr/local/bin usr/local/etc usr/local/games usr/local/include usr/local/lib usr/local/sbin usr/local/share")
    set.folders("usr/local/src usr/src")
    set.program("usr/sbin/chroot", "coreutils", size: 39_000)
    set.program("usr/sbin/nologin", "coreutils", size: 14_000)
    set.opaque("usr/sbin/ldconfig", size: 922_400, mode: 0o755)
    set.folders("usr/share/bash-completion usr/share/doc usr/share/info usr/share/man usr/share/misc")
    set.opaque("usr/share/keyrings/archive-keyring.gpg", size: 63_336)
    set.opaque("usr/share/perl5/Debconf.pm", size: 910_220)
    set.opaque("usr/share/zoneinfo/tzdata.zi", size: 3_210_330)
    set.folders(
      "var/backups var/cache/apt/archives/partial var/lib/apt/lists/partial var/lib/misc var/local var/log/apt")
    set.text(
      "var/lib/dpkg/status",
      "Package: bash\nStatus: install ok installed\n\nPackage: coreutils\nStatus: install ok installed\n\n")
    set.opaque("var/lib/dpkg/available", size: 2_630_118)
    set.symlink("var/lock", "/run/lock")
    set.folder("var/mail", mode: 0o2775, gid: 8)
    set.folders("var/opt var/spool")
    set.symlink("var/run", "/run")
    set.folder("var/tmp", mode: 0o1777)
  }

  /// glibc and the other libraries, in the architecture's own folder.
  static func libraries(_ set: inout FileSet, _ platform: Platform) {
    if platform.architecture == "amd64" { set.symlink("lib64", "usr/lib64") }
    let folder = "usr/lib/" + platform.multiarch
    for (name, size) in [
      ("libc.so.6", 1_926_256), ("libm.so.6", 907_784), ("libstdc++.so.6", 2_190_440), ("libcrypto.so.3", 4_709_720),
      ("libapt-pkg.so.6.0", 2_111_640), ("libgnutls.so.30", 2_045_480), ("libsystemd.so.0", 872_824),
      ("gconv", 8_012_480), ("libperl", 2_860_300), ("perl-base", 8_120_440), ("libdb-5.3.so", 1_811_000),
      ("security", 2_310_400),
      ("libsqlite-pcre-lzma-zstd-and-others.so", 13_402_816),
    ] as [(String, Int64)] { set.opaque(folder + "/" + name, size: size) }
    if platform.architecture == "amd64" {
      set.symlink("usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    }
  }

  private static let passwd = """
    root:x:0:0:root:/root:/bin/bash
    daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
    bin:x:2:2:bin:/bin:/usr/sbin/nologin
    sys:x:3:3:sys:/dev:/usr/sbin/nologin
    sync:x:4:65534:sync:/bin:/bin/sync
    games:x:5:60:games:/usr/games:/usr/sbin/nologin
    man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
    lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
    mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
    news:x:9:9:news:/var/spool/news:/usr/sbin/nologin
    uucp:x:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin
    proxy:x:13:13:proxy:/bin:/usr/sbin/nologin
    www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
    backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
    list:x:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin
    irc:x:39:39:ircd:/run/ircd:/usr/sbin/nologin
    _apt:x:42:65534::/nonexistent:/usr/sbin/nologin
    nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin

    """
  private static let group = """
    root:x:0:
    daemon:x:1:
    bin:x:2:
    sys:x:3:
    adm:x:4:
    tty:x:5:
    disk:x:6:
    lp:x:7:
    mail:x:8:
    news:x:9:
    uucp:x:10:
    man:x:12:
    proxy:x:13:
    kmem:x:15:
    dialout:x:20:
    fax:x:21:
    voice:x:22:
    cdrom:x:24:
    floppy:x:25:
    tape:x:26:
    sudo:x:27:
    audio:x:29:
    dip:x:30:
    www-data:x:33:
    backup:x:34:
    operator:x:37:
    list:x:38:
    irc:x:39:
    src:x:40:
    shadow:x:42:
    utmp:x:43:
    video:x:44:
    sasl:x:45:
    plugdev:x:46:
    staff:x:50:
    games:x:60:
    users:x:100:
    nogroup:x:65534:

    """

  /// A line of /etc/passwd and of /etc/group added to Debian's: layers above hold whole files.
  static func addUser(_ set: inout FileSet, _ name: String, id: UInt32, home: String) {
    set.text("etc/passwd", passwd + "\(name):x:\(id):\(id):\(name) user:\(home):/bin/false\n")
    set.text("etc/group", group + "\(name):x:\(id):\n")
  }
}
