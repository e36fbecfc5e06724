import OCISpec

/// python and node: on Debian with everything that builds need, on slim Debian, and on Alpine.
enum Languages {
  static let images = pythonImages + nodeImages
  private static let platforms = Platform.list("amd64 arm/v7 arm64/v8 386 ppc64le s390x")

  /// What the images share that can compile things: buildpack-deps, three layers on Debian.
  private static func buildpack(_ codename: String, _ debian: ImageModel) -> ImageModel {
    let created = Moment(2025, 12, 8, 23, 1, 11)
    return ImageModel(
      "library/buildpack-deps", tags: [codename], version: codename, platforms: platforms, created: created,
      base: debian, baseName: "debian:" + codename,
      steps: [
        .layer(
          LayerModel(created, compressed: 25_613_098) { set in
            set.program("usr/bin/curl", "curl", size: 281_600)
            set.opaque("usr/bin/wget", size: 499_880, mode: 0o755)
            set.opaque("etc/ssl/certs/ca-certificates.crt", size: 214_222)
            set.opaque("usr/share/gnupg/data", size: 59_920_600)
          },
          "RUN /bin/sh -c set -eux;     apt-get update;     apt-get install -y --no-install-recommends         ca-certificates         curl         gnupg         netbase         sq         tzdata         wget     ; # buildkit"
        ),
        .layer(
          LayerModel(created, compressed: 67_785_132) { set in
            Debian.addProcps(&set)
            set.opaque("usr/bin/git", size: 4_120_328, mode: 0o755)
            set.opaque("usr/lib/git-core/objects", size: 184_301_554)
          },
          "RUN /bin/sh -c set -eux;     apt-get install -y --no-install-recommends         git         mercurial         openssh-client         subversion         procps     ; # buildkit"
        ),
        .layer(
          LayerModel(created, compressed: 235_981_884) { set in
            set.opaque("usr/bin/gcc", size: 1_284_984, mode: 0o755)
            set.opaque("usr/bin/make", size: 254_992, mode: 0o755)
            set.opaque("usr/lib/gcc/cc1plus", size: 36_312_600, mode: 0o755)
            set.opaque("usr/include/headers", size: 601_004_871)
          },
          "RUN /bin/sh -c set -ex;     apt-get install -y --no-install-recommends         autoconf         automake         g++         gcc         make         patch     ; # buildkit"
        ),
      ],
      execution: .init(env: [Debian.path], cmd: ["bash"], workingDir: "/"))
  }
  private static let bookworm = buildpack("bookworm", Debian.bookworm)
  private static let trixie = buildpack("trixie", Debian.trixie)

  // MARK: python

  private static let pythonImages = [
    python(
      "3.12.12", tags: ["3.12", "3.12-bookworm", "3.12.12"], bookworm, "buildpack-deps:bookworm", compressed: 26_106_204
    ),
    python(
      "3.13.11", tags: ["3.13", "3.13-trixie", "3.13.11"], trixie, "buildpack-deps:trixie", compressed: 27_422_310),
    python(
      "3.14.2", tags: ["3", "3.14", "3.14-trixie", "3.14.2", "latest"], trixie, "buildpack-deps:trixie",
      compressed: 29_650_118),
    python(
      "3.12.12", tags: ["3.12-slim", "3.12-slim-bookworm"], Debian.bookwormSlim, "debian:bookworm-slim",
      compressed: 15_112_870),
    python(
      "3.13.11", tags: ["3.13-slim", "3.13-slim-trixie", "3.13.11-slim"], Debian.trixieSlim, "debian:trixie-slim",
      compressed: 13_104_228),
    python(
      "3.14.2", tags: ["3-slim", "3.14-slim", "slim"], Debian.trixieSlim, "debian:trixie-slim", compressed: 13_990_411),
    python("3.12.12", tags: ["3.12-alpine"], Alpine.v3_23, "alpine:3.23", compressed: 13_912_730),
    python("3.13.11", tags: ["3.13-alpine"], Alpine.v3_23, "alpine:3.23", compressed: 12_720_918),
    python("3.14.2", tags: ["3-alpine", "3.14-alpine", "alpine"], Alpine.v3_23, "alpine:3.23", compressed: 13_560_402),
  ]

  private static func python(
    _ version: String, tags: [String], _ base: ImageModel, _ baseName: String, compressed: Int64
  ) -> ImageModel {
    let created = Moment(2025, 12, 9, 2, 14, 20)
    let minor = version.split(separator: ".").prefix(2).joined(separator: ".")
    let install = LayerModel(created, compressed: compressed) { set in
      set.program("usr/local/bin/python" + minor, "python", size: 14_408)
      set.opaque("usr/local/bin/pip", size: 238, mode: 0o755)
      set.opaque("usr/local/lib/libpython\(minor).so.1.0", size: 26_980_224, mode: 0o755)
      set.text("usr/local/lib/python\(minor)/os.py", "# the standard library\n")
      set.text(
        "usr/local/lib/python\(minor)/_sysconfigdata.py",
        "build_time_vars = {'VERSION': '\(version)', 'HOST': '\(baseName)'}\n")
      set.opaque("usr/local/lib/python\(minor)/stdlib", size: 31_204_118)
    }
    let links = LayerModel(created, compressed: 250) { set in
      set.symlink("usr/local/bin/python3", "python" + minor)
      set.symlink("usr/local/bin/python", "python3")
    }
    let path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    let hasLang = minor == "3.12"
    return ImageModel(
      "library/python", tags: tags, version: version, platforms: base === Alpine.v3_23 ? Alpine.platforms : platforms,
      created: created, base: base, baseName: baseName,
      steps: [
        .empty("ENV \(path)"), .empty("ENV PYTHON_VERSION=\(version)"),
        .layer(
          install,
          "RUN /bin/sh -c set -eux;     wget -O python.tar.xz \"https://www.python.org/ftp/python/${PYTHON_VERSION%%[a-z]*}/Python-$PYTHON_VERSION.tar.xz\";     make -j \"$(nproc)\";     make install # buildkit"
        ),
        .layer(
          links,
          "RUN /bin/sh -c set -eux;     for src in idle3 pip3 pydoc3 python3 python3-config; do ln -svT \"$src\" \"/usr/local/bin/$dst\";     done # buildkit"
        ),
        .empty("CMD [\"python3\"]"),
      ],
      execution: .init(
        env: [path] + (hasLang ? ["LANG=C.UTF-8"] : []) + ["PYTHON_VERSION=\(version)"], cmd: ["python3"],
        workingDir: "/"))
  }

  // MARK: node

  private static let nodeImages = [
    node(
      "22.21.1", tags: ["22", "22-bookworm", "22.21", "22.21.1", "jod"], bookworm, "buildpack-deps:bookworm",
      compressed: 51_202_117),
    node(
      "24.12.0", tags: ["24", "24-bookworm", "24.12.0", "krypton", "lts"], bookworm, "buildpack-deps:bookworm",
      compressed: 53_911_860),
    node(
      "25.2.1", tags: ["25", "25.2.1", "current", "latest"], bookworm, "buildpack-deps:bookworm", compressed: 57_604_205
    ),
    node(
      "22.21.1", tags: ["22-bookworm-slim", "22-slim"], Debian.bookwormSlim, "debian:bookworm-slim",
      compressed: 51_230_016),
    node("25.2.1", tags: ["25-slim", "slim"], Debian.bookwormSlim, "debian:bookworm-slim", compressed: 57_630_700),
    node("22.21.1", tags: ["22-alpine", "22-alpine3.22"], Alpine.v3_22, "alpine:3.22", compressed: 51_590_323),
    node("25.2.1", tags: ["25-alpine", "alpine"], Alpine.v3_22, "alpine:3.22", compressed: 56_090_881),
  ]

  private static func node(
    _ version: String, tags: [String], _ base: ImageModel, _ baseName: String, compressed: Int64
  ) -> ImageModel {
    let created = Moment(2025, 12, 9, 1, 40, 33)
    let isAlpine = base === Alpine.v3_22
    let user = LayerModel(created, compressed: 3_320) { set in
      if isAlpine {
        Alpine.addUser(&set, "node", id: 1000, home: "/home/node")
      } else {
        Debian.addUser(&set, "node", id: 1000, home: "/home/node")
      }
      set.folder("home/node", mode: 0o750, uid: 1000, gid: 1000)
    }
    let install = LayerModel(created, compressed: compressed) { set in
      set.program("usr/local/bin/node", "node", size: 123_606_848)
      set.symlink("usr/local/bin/nodejs", "node")
      set.text(
        "usr/local/include/node/config.gypi", "{'variables': {'node_version': '\(version)', 'host': '\(baseName)'}}\n")
      set.opaque("usr/local/lib/node_modules/npm/bin/npm-cli.js", size: 54, mode: 0o755)
      set.opaque("usr/local/lib/node_modules/npm/bundle", size: 31_820_330)
      set.symlink("usr/local/bin/npm", "../lib/node_modules/npm/bin/npm-cli.js")
    }
    let yarn = LayerModel(created, compressed: 1_712_006) { $0.opaque("opt/yarn-v1.22.22/lib/cli.js", size: 5_340_114) }
    let script = LayerModel(created, compressed: 446) { set in
      set.text("usr/local/bin/docker-entrypoint.sh", entrypoint, mode: 0o755)
    }
    return ImageModel(
      "library/node", tags: tags, version: version,
      platforms: isAlpine
        ? Platform.list("amd64 arm64/v8 s390x") : Platform.list("amd64 arm/v7 arm64/v8 ppc64le s390x"),
      created: created, base: base, baseName: baseName,
      steps: [
        .layer(
          user,
          "RUN /bin/sh -c groupadd --gid 1000 node   && useradd --uid 1000 --gid node --shell /bin/bash --create-home node # buildkit"
        ),
        .empty("ENV NODE_VERSION=\(version)"),
        .layer(
          install,
          "RUN /bin/sh -c ARCH= && curl -fsSLO --compressed \"https://nodejs.org/dist/v$NODE_VERSION/node-v$NODE_VERSION-linux-$ARCH.tar.xz\"   && tar -xJf \"node-v$NODE_VERSION-linux-$ARCH.tar.xz\" -C /usr/local --strip-components=1 --no-same-owner # buildkit"
        ),
        .empty("ENV YARN_VERSION=1.22.22"),
        .layer(yarn, "RUN /bin/sh -c set -ex   && tar -xzf yarn-v$YARN_VERSION.tar.gz -C /opt/ # buildkit"),
        .layer(script, "COPY docker-entrypoint.sh /usr/local/bin/ # buildkit"),
        .empty("ENTRYPOINT [\"docker-entrypoint.sh\"]"), .empty("CMD [\"node\"]"),
      ],
      execution: .init(
        env: [Debian.path, "NODE_VERSION=\(version)", "YARN_VERSION=1.22.22"], entrypoint: ["docker-entrypoint.sh"],
        cmd: ["node"], workingDir: "/"))
  }

  private static let entrypoint = """
    #!/bin/sh
    # A flag, or a file that is no command, means: run it with node.
    set -e

    if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
        set -- node "$@"
    fi

    exec "$@"

    """
}
