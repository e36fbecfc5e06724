import OCISpec

/// hello-world, httpd, the registry, and a small web application.
enum Others {
  static let images = [hello, httpd, registry2, registry3, whoami, rateLimitPreview]

  private static let hello: ImageModel = {
    let created = Moment(2025, 8, 8, 19, 5, 17)
    let layer = LayerModel(
      created, compressed: 2_380, files: { _ in },
      own: { set, platform in
        // Each platform's binary says which it is.
        set.program("hello", "hello", size: platform.architecture == "amd64" ? 10_072 : 9_488)
        set.text(".platform", platform.description + "\n")
      })
    return ImageModel(
      "library/hello-world", tags: ["latest", "linux"], version: "latest",
      platforms: Platform.list("amd64 arm/v5 arm/v7 arm64/v8 386 ppc64le riscv64 s390x"), created: created,
      steps: [.layer(layer, "COPY hello / # buildkit"), .empty("CMD [\"/hello\"]")],
      execution: .init(env: [Debian.path], cmd: ["/hello"], workingDir: "/"))
  }()

  private static let httpd: ImageModel = {
    let created = Moment(2025, 12, 9, 3, 20, 45)
    let prefix = "usr/local/apache2"
    let folders = LayerModel(created, compressed: 145) { set in
      set.folder(prefix, uid: 33, gid: 33)
    }
    let install = LayerModel(created, compressed: 15_860_440) { set in
      Debian.addProcps(&set)
      set.program(prefix + "/bin/httpd", "httpd", size: 2_480_064)
      set.text(
        prefix + "/conf/httpd.conf",
        "ServerRoot \"/usr/local/apache2\"\nListen 80\nDocumentRoot \"/usr/local/apache2/htdocs\"\nErrorLog /proc/self/fd/2\nCustomLog /proc/self/fd/1 common\n"
      )
      set.text(prefix + "/htdocs/index.html", "<html><body><h1>It works!</h1></body></html>\n")
      set.folder(prefix + "/logs")
      set.opaque(prefix + "/modules/all.so", size: 4_230_118)
      set.opaque("usr/share/libs/apr-and-friends", size: 36_200_884)
    }
    let script = LayerModel(created, compressed: 294) { set in
      set.text(
        "usr/local/bin/httpd-foreground",
        "#!/bin/sh\nset -e\n\n# A pid file of an earlier life would stop Apache.\nrm -f /usr/local/apache2/logs/httpd.pid\n\nexec httpd -DFOREGROUND \"$@\"\n",
        mode: 0o755)
    }
    let path = "PATH=/usr/local/apache2/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return ImageModel(
      "library/httpd", tags: ["2", "2.4", "2.4.66", "latest", "trixie"], version: "2.4.66",
      platforms: Platform.list("amd64 arm/v5 arm/v7 arm64/v8 386 ppc64le riscv64 s390x"), created: created,
      base: Debian.trixieSlim, baseName: "debian:trixie-slim",
      steps: [
        .empty("ENV HTTPD_PREFIX=/usr/local/apache2"), .empty("ENV \(path)"),
        .layer(
          folders, "RUN /bin/sh -c mkdir -p \"$HTTPD_PREFIX\"   && chown www-data:www-data \"$HTTPD_PREFIX\" # buildkit"
        ),
        .empty("WORKDIR /usr/local/apache2"), .empty("ENV HTTPD_VERSION=2.4.66"),
        .layer(
          install,
          "RUN /bin/sh -c set -eux;     ./configure --prefix=\"$HTTPD_PREFIX\" --enable-mods-shared=reallyall;     make -j \"$(nproc)\";     make install # buildkit"
        ),
        .empty("STOPSIGNAL SIGWINCH"), .layer(script, "COPY httpd-foreground /usr/local/bin/ # buildkit"),
        .empty("EXPOSE map[80/tcp:{}]"), .empty("CMD [\"httpd-foreground\"]"),
      ],
      execution: .init(
        exposedPorts: ["80/tcp"],
        env: [path, "HTTPD_PREFIX=/usr/local/apache2", "HTTPD_VERSION=2.4.66"],
        cmd: ["httpd-foreground"], workingDir: "/usr/local/apache2", stopSignal: "SIGWINCH"))
  }()

  private static let registry2 = registry(
    "2.8.3", tags: ["2", "2.8", "2.8.3"], Moment(2023, 10, 2, 18, 42, 52), Alpine.v3_20, "alpine:3.18",
    config: "/etc/docker/registry/config.yml", compressed: 7_213_808)
  private static let registry3 = registry(
    "3.0.0", tags: ["3", "3.0", "3.0.0", "latest"], Moment(2025, 4, 3, 15, 30, 2), Alpine.v3_21, "alpine:3.21",
    config: "/etc/distribution/config.yml", compressed: 16_204_511)

  private static func registry(
    _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ baseName: String, config: String,
    compressed: Int64
  ) -> ImageModel {
    let binary = LayerModel(created, compressed: compressed) {
      $0.program("bin/registry", "registry", size: 17_826_848)
    }
    let settings = LayerModel(created, compressed: 397) { set in
      set.text(
        String(config.dropFirst()),
        """
        version: 0.1
        log:
          fields:
            service: registry
        storage:
          filesystem:
            rootdirectory: /var/lib/registry
        http:
          addr: :5000

        """)
    }
    let script = LayerModel(created, compressed: 213) { set in
      set.text(
        "entrypoint.sh",
        "#!/bin/sh\nset -e\n\ncase \"$1\" in\n    *.yaml|*.yml) set -- registry serve \"$@\" ;;\n    serve|garbage-collect|help|-*) set -- registry \"$@\" ;;\nesac\n\nexec \"$@\"\n",
        mode: 0o755)
    }
    return ImageModel(
      "library/registry", tags: tags, version: version,
      platforms: Platform.list("amd64 arm/v6 arm/v7 arm64/v8 ppc64le s390x"), created: created, base: base,
      baseName: baseName,
      steps: [
        .layer(
          binary,
          "RUN /bin/sh -c set -eux;     tar --extract --verbose --file registry.tar.gz --directory /bin/ registry;     registry --version # buildkit"
        ),
        .layer(settings, "COPY ./config-example.yml \(config) # buildkit"),
        .empty("VOLUME [/var/lib/registry]"), .empty("EXPOSE map[5000/tcp:{}]"),
        .layer(script, "COPY ./entrypoint.sh /entrypoint.sh # buildkit"),
        .empty("ENTRYPOINT [\"/entrypoint.sh\"]"), .empty("CMD [\"\(config)\"]"),
      ],
      execution: .init(
        exposedPorts: ["5000/tcp"], env: [Alpine.path], entrypoint: ["/entrypoint.sh"], cmd: [config],
        volumes: ["/var/lib/registry"], workingDir: "/"))
  }

  /// One static binary that tells who asks and who answers.
  private static let whoami: ImageModel = {
    let created = Moment(2024, 11, 14, 19, 27, 33)
    let certificates = LayerModel(created, compressed: 126_718) {
      $0.opaque("etc/ssl/certs/ca-certificates.crt", size: 214_222)
    }
    let zones = LayerModel(created, compressed: 280_884) { $0.opaque("usr/share/zoneinfo/tzdata.zi", size: 1_342_010) }
    let binary = LayerModel(
      created, compressed: 2_561_005, files: { _ in },
      own: { set, platform in
        set.program("whoami", "whoami", size: 6_512_640)
        set.text(".platform", platform.description + "\n")
      })
    return ImageModel(
      "traefik/whoami", tags: ["latest", "v1.10", "v1.10.3"], version: "v1.10.3",
      platforms: Platform.list("amd64 arm/v6 arm/v7 arm64/v8"), created: created,
      steps: [
        .layer(certificates, "COPY /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ # buildkit"),
        .layer(zones, "COPY /usr/share/zoneinfo /usr/share/zoneinfo # buildkit"),
        .layer(binary, "COPY whoami / # buildkit"), .empty("ENTRYPOINT [\"/whoami\"]"), .empty("EXPOSE map[80/tcp:{}]"),
      ],
      execution: .init(exposedPorts: ["80/tcp"], env: [Debian.path], entrypoint: ["/whoami"], workingDir: "/"))
  }()

  /// The repository by which users ask Docker Hub how many pulls they have left.
  private static let rateLimitPreview = ImageModel(
    "ratelimitpreview/test", tags: ["latest"], version: "latest", platforms: Platform.list("amd64"),
    created: Moment(2020, 10, 14),
    steps: [
      .layer(
        LayerModel(Moment(2020, 10, 14), compressed: 188) { $0.text("README", "How many pulls are left?\n") },
        "COPY README / # buildkit")
    ], execution: .init(env: [Debian.path], cmd: ["/README"]))
}
