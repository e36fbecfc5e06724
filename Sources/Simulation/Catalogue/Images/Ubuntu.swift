import OCISpec

/// Ubuntu: Debian's relative, in one layer.
enum Ubuntu {
  static let platforms = Platform.list("amd64 arm/v7 arm64/v8 ppc64le riscv64 s390x")
  static let images = [
    image(
      "22.04", "22.04.5 LTS (Jammy Jellyfish)", "jammy", tags: ["22.04", "jammy", "jammy-20251212"],
      Moment(2025, 12, 12, 9, 54, 17), compressed: 29_537_874),
    image(
      "24.04", "24.04.3 LTS (Noble Numbat)", "noble",
      tags: ["24.04", "latest", "noble", "noble-20251013"], Moment(2025, 10, 13, 18, 31, 29), compressed: 29_723_644),
  ]

  private static func image(
    _ version: String, _ long: String, _ codename: String, tags: [String], _ created: Moment, compressed: Int64
  ) -> ImageModel {
    let layer = LayerModel(
      created, compressed: compressed,
      files: { set in
        Debian.base(&set)
        Debian.addProcps(&set)
        set.text(
          "etc/apt/sources.list.d/ubuntu.sources",
          "Types: deb\nURIs: http://archive.ubuntu.com/ubuntu/\nSuites: \(codename)\nComponents: main universe\n")
        set.text("etc/debian_version", version == "22.04" ? "bookworm/sid\n" : "trixie/sid\n")
        let name = long.prefix { $0 != "(" }.trimmingBlanks
        set.text("etc/issue", "Ubuntu \(name) \\n \\l\n\n")
        set.text(
          "etc/lsb-release",
          "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=\(version)\nDISTRIB_CODENAME=\(codename)\nDISTRIB_DESCRIPTION=\"Ubuntu \(name)\"\n"
        )
        set.text(
          "usr/lib/os-release",
          """
          PRETTY_NAME="Ubuntu \(name)"
          NAME="Ubuntu"
          VERSION_ID="\(version)"
          VERSION="\(long)"
          VERSION_CODENAME=\(codename)
          ID=ubuntu
          ID_LIKE=debian
          HOME_URL="https://www.ubuntu.com/"
          SUPPORT_URL="https://help.ubuntu.com/"
          BUG_REPORT_URL="https://bugs.launchpad.net/ubuntu/"
          UBUNTU_CODENAME=\(codename)

          """)
        if version == "24.04" { set.folder("home/ubuntu", mode: 0o750, uid: 1000, gid: 1000) }
        set.opaque("usr/share/unicode/data", size: 21_480_000)
      }, own: Debian.libraries)
    return ImageModel(
      "library/ubuntu", tags: tags, version: version, platforms: platforms, created: created,
      steps: [
        .empty("/bin/sh -c #(nop)  ARG RELEASE"), .empty("/bin/sh -c #(nop)  ARG LAUNCHPAD_BUILD_ARCH"),
        .empty("/bin/sh -c #(nop)  LABEL org.opencontainers.image.ref.name=ubuntu"),
        .empty("/bin/sh -c #(nop)  LABEL org.opencontainers.image.version=\(version)"),
        .layer(layer, "/bin/sh -c #(nop) ADD file:\(codename)-oci-root.tar.gz in / "),
        .empty("/bin/sh -c #(nop)  CMD [\"/bin/bash\"]"),
      ],
      execution: .init(
        env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], cmd: ["/bin/bash"],
        labels: ["org.opencontainers.image.ref.name": "ubuntu", "org.opencontainers.image.version": version]))
  }
}

extension Substring {
  fileprivate var trimmingBlanks: String {
    var rest = self
    while rest.last == " " { rest.removeLast() }
    return String(rest)
  }
}
