import OCISpec

/// PostgreSQL, on Debian and on Alpine.
enum Postgres {
  static let images = [
    onDebian(
      18, "18.1", tags: ["18", "18-trixie", "18.1", "latest"], Moment(2025, 11, 13, 22, 27, 9), Debian.trixieSlim,
      "trixie", compressed: 120_310_551),
    onDebian(
      17, "17.7", tags: ["17", "17-trixie", "17.7"], Moment(2025, 11, 13, 22, 27, 9), Debian.trixieSlim, "trixie",
      compressed: 118_772_008),
    onDebian(
      16, "16.11", tags: ["16", "16-bookworm", "16.11"], Moment(2025, 11, 13, 22, 27, 9), Debian.bookwormSlim,
      "bookworm", compressed: 114_530_661),
    onAlpine(
      18, "18.1", tags: ["18-alpine", "18.1-alpine", "alpine"], Moment(2025, 12, 18, 0, 30, 4), Alpine.v3_23, "3.23",
      compressed: 105_260_019),
    onAlpine(
      17, "17.7", tags: ["17-alpine", "17.7-alpine"], Moment(2025, 12, 18, 0, 30, 4), Alpine.v3_23, "3.23",
      compressed: 104_118_230),
    onAlpine(
      16, "16.11", tags: ["16-alpine", "16.11-alpine"], Moment(2025, 12, 18, 0, 30, 4), Alpine.v3_23, "3.23",
      compressed: 103_040_774),
  ]

  private static func onDebian(
    _ major: Int, _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ codename: String,
    compressed: Int64
  ) -> ImageModel {
    let user = LayerModel(created, compressed: 1_172) { set in
      Debian.addUser(&set, "postgres", id: 999, home: "/var/lib/postgresql")
      set.folder("var/lib/postgresql", mode: 0o1777, uid: 999, gid: 999)
    }
    return image(
      major, version, tags: tags, created, base, "debian:\(codename)-slim",
      Platform.list("amd64 arm/v5 arm/v7 arm64/v8 386 ppc64le s390x"), user: user,
      userCommand:
        "RUN /bin/sh -c set -eux;     groupadd -r postgres --gid=999;     useradd -r -g postgres --uid=999 --home-dir=/var/lib/postgresql --shell=/bin/bash postgres # buildkit",
      compressed: compressed, folder: "usr/lib/postgresql/\(major)/bin", procps: true)
  }

  private static func onAlpine(
    _ major: Int, _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ alpine: String,
    compressed: Int64
  ) -> ImageModel {
    let user = LayerModel(created, compressed: 970) { set in
      Alpine.addUser(&set, "postgres", id: 70, home: "/var/lib/postgresql")
      set.folder("var/lib/postgresql", mode: 0o1777, uid: 70, gid: 70)
    }
    return image(
      major, version, tags: tags, created, base, "alpine:\(alpine)", Alpine.platforms, user: user,
      userCommand:
        "RUN /bin/sh -c set -eux;     addgroup -g 70 -S postgres;     adduser -u 70 -S -D -G postgres -H -h /var/lib/postgresql -s /bin/sh postgres # buildkit",
      compressed: compressed, folder: "usr/local/bin", procps: false)
  }

  private static func image(
    _ major: Int, _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ baseName: String,
    _ platforms: [Platform], user: LayerModel, userCommand: String, compressed: Int64, folder: String, procps: Bool
  ) -> ImageModel {
    // Since 18 each major version has a folder of its own below the volume.
    let data = major >= 18 ? "/var/lib/postgresql/\(major)/docker" : "/var/lib/postgresql/data"
    let volume = major >= 18 ? "/var/lib/postgresql" : data
    let path = procps ? Debian.path + ":/" + folder : Debian.path
    let install = LayerModel(created, compressed: compressed) { set in
      if procps { Debian.addProcps(&set) }
      set.program(folder + "/postgres", "postgres", size: 10_233_856)
      set.program("usr/local/bin/gosu", "gosu", size: 2_347_008)
      set.program(folder + "/initdb", "initdb", size: 196_984)
      set.program(folder + "/psql", "psql", size: 758_808)
      set.program(folder + "/pg_isready", "pg_isready", size: 96_200)
      set.text("usr/share/postgresql/version", "PostgreSQL \(version) on \(baseName)\n")
      set.opaque("usr/share/postgresql/postgres.bki", size: 962_410)
      set.opaque("usr/lib/llvm/libLLVM.so", size: 128_720_616)
      set.opaque("usr/lib/locale/locale-archive", size: 3_060_304)
      set.opaque("usr/lib/postgresql/extensions", size: 118_240_000)
    }
    let folders = LayerModel(created, compressed: 128) { set in
      set.folder("docker-entrypoint-initdb.d")
      set.folder("var/run/postgresql", mode: 0o3777, uid: procps ? 999 : 70, gid: procps ? 999 : 70)
    }
    let script = LayerModel(created, compressed: 5_915) { set in
      set.text("usr/local/bin/docker-entrypoint.sh", entrypoint, mode: 0o755)
      set.symlink("usr/local/bin/docker-ensure-initdb.sh", "docker-entrypoint.sh")
    }
    return ImageModel(
      "library/postgres", tags: tags, version: version, platforms: platforms, created: created, base: base,
      baseName: baseName,
      steps: [
        .layer(user, userCommand), .empty("ENV GOSU_VERSION=1.19"), .empty("ENV LANG=en_US.utf8"),
        .layer(folders, "RUN /bin/sh -c mkdir /docker-entrypoint-initdb.d # buildkit"),
        .empty("ENV PG_MAJOR=\(major)"), .empty("ENV PATH=\(path.dropFirst(5))"), .empty("ENV PG_VERSION=\(version)"),
        .layer(
          install,
          "RUN /bin/sh -c set -ex;     apt-get install -y --no-install-recommends \"postgresql-$PG_MAJOR=$PG_VERSION\"; # buildkit"
        ),
        .empty("ENV PGDATA=\(data)"), .empty("VOLUME [\(volume)]"),
        .layer(script, "COPY docker-entrypoint.sh docker-ensure-initdb.sh /usr/local/bin/ # buildkit"),
        .empty("ENTRYPOINT [\"docker-entrypoint.sh\"]"), .empty("STOPSIGNAL SIGINT"), .empty("EXPOSE map[5432/tcp:{}]"),
        .empty("CMD [\"postgres\"]"),
      ],
      execution: .init(
        exposedPorts: ["5432/tcp"],
        env: [
          path, "GOSU_VERSION=1.19", "LANG=en_US.utf8", "PG_MAJOR=\(major)", "PG_VERSION=\(version)", "PGDATA=\(data)",
        ], entrypoint: ["docker-entrypoint.sh"], cmd: ["postgres"], volumes: [volume], workingDir: "/",
        stopSignal: "SIGINT"))
  }

  private static let entrypoint = """
    #!/bin/sh
    # Makes the database cluster when there is none, as the user postgres, then runs the server.
    set -e

    if [ "${1#-}" != "$1" ]; then
        set -- postgres "$@"
    fi

    if [ "$1" = "postgres" ]; then
        if [ "$(id -u)" = "0" ]; then
            mkdir -p "$PGDATA"
            chown postgres "$PGDATA"
            chmod 700 "$PGDATA"
            exec gosu postgres "$0" "$@"
        fi
        if [ ! -s "$PGDATA/PG_VERSION" ]; then
            if [ -z "$POSTGRES_PASSWORD" ] && [ "$POSTGRES_HOST_AUTH_METHOD" != "trust" ]; then
                echo "Error: Database is uninitialized and superuser password is not specified." >&2
                echo "       You must specify POSTGRES_PASSWORD to a non-empty value for the" >&2
                echo "       superuser. For example, \\"-e POSTGRES_PASSWORD=password\\" on \\"docker run\\"." >&2
                echo "" >&2
                echo "       You may also use \\"POSTGRES_HOST_AUTH_METHOD=trust\\" to allow all" >&2
                echo "       connections without a password. This is *not* recommended." >&2
                echo "" >&2
                echo "       See PostgreSQL documentation about \\"trust\\":" >&2
                echo "       https://www.postgresql.org/docs/current/auth-trust.html" >&2
                exit 1
            fi
            POSTGRES_USER="${POSTGRES_USER:-postgres}"
            export POSTGRES_USER
            POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
            export POSTGRES_DB
            echo "$POSTGRES_PASSWORD" > /var/run/postgresql/.password
            initdb --username="$POSTGRES_USER" --pwfile=/var/run/postgresql/.password "$PGDATA"
            rm -f /var/run/postgresql/.password
            echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"
            for f in /docker-entrypoint-initdb.d/*; do
                case "$f" in
                    *.sh) echo "$0: running $f"; "$f" ;;
                    *.sql) echo "$0: running $f" ;;
                esac
            done
            echo "PostgreSQL init process complete; ready for start up."
            echo ""
        else
            echo ""
            echo "PostgreSQL Database directory appears to contain a database; Skipping initialization"
            echo ""
        fi
    fi

    exec "$@"

    """
}
