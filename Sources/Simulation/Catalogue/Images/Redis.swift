import OCISpec

/// Redis, on Debian and on Alpine.
enum Redis {
  static let images = [
    onDebian(
      "8.4.0", tags: ["8", "8.4", "8.4.0", "8-trixie", "latest"], Moment(2025, 11, 18, 22, 43, 3), Debian.trixieSlim,
      "trixie", compressed: 23_980_114),
    onDebian(
      "7.4.7", tags: ["7", "7-bookworm", "7.4", "7.4.7"], Moment(2025, 11, 3, 18, 17, 51), Debian.bookwormSlim,
      "bookworm", compressed: 16_241_870),
    onAlpine(
      "8.4.0", tags: ["8-alpine", "8.4-alpine", "alpine"], Moment(2025, 11, 18, 22, 43, 3), Alpine.v3_22, "3.22",
      compressed: 24_215_902),
    onAlpine(
      "7.4.7", tags: ["7-alpine", "7.4-alpine"], Moment(2025, 11, 3, 18, 17, 51), Alpine.v3_21, "3.21",
      compressed: 13_310_004),
  ]

  private static func onDebian(
    _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ codename: String, compressed: Int64
  ) -> ImageModel {
    let user = LayerModel(created, compressed: 1_110) { Debian.addUser(&$0, "redis", id: 999, home: "/home/redis") }
    return image(
      version, tags: tags, created, base, "debian:\(codename)-slim",
      Platform.list("amd64 arm/v5 arm/v7 arm64/v8 386 ppc64le s390x"), user: user,
      userCommand:
        "RUN /bin/sh -c set -eux;     groupadd -r -g 999 redis;     useradd -r -g redis -u 999 redis # buildkit",
      compressed: compressed, folder: "usr/local/bin", procps: true)
  }

  private static func onAlpine(
    _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ alpine: String, compressed: Int64
  ) -> ImageModel {
    let user = LayerModel(created, compressed: 957) { Alpine.addUser(&$0, "redis", id: 999, home: "/home/redis") }
    return image(
      version, tags: tags, created, base, "alpine:\(alpine)", Alpine.platforms, user: user,
      userCommand:
        "RUN /bin/sh -c set -eux;     addgroup -S -g 1000 redis;     adduser -S -G redis -u 999 redis # buildkit",
      compressed: compressed, folder: "usr/local/bin", procps: false)
  }

  private static func image(
    _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ baseName: String,
    _ platforms: [Platform], user: LayerModel, userCommand: String, compressed: Int64, folder: String, procps: Bool
  ) -> ImageModel {
    let install = LayerModel(created, compressed: compressed) { set in
      if procps { Debian.addProcps(&set) }
      set.text("usr/local/share/redis/version", "\(version) on \(baseName)\n")
      set.program("usr/local/bin/gosu", "gosu", size: 2_347_008)
      set.program(folder + "/redis-server", "redis-server", size: 17_640_128)
      set.symlinks(folder, "redis-check-aof redis-check-rdb redis-sentinel", "redis-server")
      set.program(folder + "/redis-cli", "redis-cli", size: 8_822_480)
      set.program(folder + "/redis-benchmark", "redis-cli", size: 8_510_016)
    }
    let data = LayerModel(created, compressed: 98) { $0.folder("data", uid: 999, gid: 999) }
    let script = LayerModel(created, compressed: 573) { set in
      set.text("usr/local/bin/docker-entrypoint.sh", entrypoint, mode: 0o755)
    }
    return ImageModel(
      "library/redis", tags: tags, version: version, platforms: platforms, created: created, base: base,
      baseName: baseName,
      steps: [
        .layer(user, userCommand), .empty("ENV REDIS_VERSION=\(version)"),
        .empty("ENV REDIS_DOWNLOAD_URL=https://github.com/redis/redis/archive/refs/tags/\(version).tar.gz"),
        .layer(
          install,
          "RUN /bin/sh -c set -eux;     make -C /usr/src/redis -j \"$(nproc)\" all;     make -C /usr/src/redis install # buildkit"
        ),
        .layer(data, "RUN /bin/sh -c mkdir /data && chown redis:redis /data # buildkit"),
        .empty("VOLUME [/data]"), .empty("WORKDIR /data"),
        .layer(script, "COPY docker-entrypoint.sh /usr/local/bin/ # buildkit"),
        .empty("ENTRYPOINT [\"docker-entrypoint.sh\"]"), .empty("EXPOSE map[6379/tcp:{}]"),
        .empty("CMD [\"redis-server\"]"),
      ],
      execution: .init(
        exposedPorts: ["6379/tcp"],
        env: [
          Debian.path, "REDIS_VERSION=\(version)",
          "REDIS_DOWNLOAD_URL=https://github.com/redis/redis/archive/refs/tags/\(version).tar.gz",
        ], entrypoint: ["docker-entrypoint.sh"], cmd: ["redis-server"], volumes: ["/data"], workingDir: "/data"))
  }

  private static let entrypoint = """
    #!/bin/sh
    # `docker run redis --appendonly yes` means redis-server with these flags; the server does not run as root.
    set -e

    if [ "${1#-}" != "$1" ] || [ "${1%.conf}" != "$1" ]; then
        set -- redis-server "$@"
    fi

    if [ "$1" = "redis-server" ] && [ "$(id -u)" = "0" ]; then
        find . ! -user redis -exec chown redis {} +
        exec gosu redis "$0" "$@"
    fi

    exec "$@"

    """
}
