import OCISpec

/// Docker Hub's images in the catalogue.
let hubImages =
  Alpine.images + BusyBox.images + Debian.images + Ubuntu.images + Nginx.images + Redis.images + Postgres.images
  + [Shop.oldNginx] + Languages.images + Others.images + Shop.hubImages

/// The images of the private registries: a shop's web site and its API.
let shopImages = Shop.images

/// A small company's own images, for the lessons on private registries and scans.
enum Shop {
  /// 1.0 stands on an old nginx on Debian 11, which a scanner finds critical things in; 1.1 on a current one on Alpine.
  static let images = [
    web("1.0", tags: ["1.0"], Moment(2024, 1, 22, 9, 12, 0), oldNginx, "nginx:1.21"),
    web("1.1", tags: ["1.1", "latest"], Moment(2025, 12, 19, 10, 41, 7), newNginx, "nginx:1.29-alpine"),
    api,
  ]

  /// A public and a private repository of the account `ana` on Docker Hub.
  static let hubImages = [
    web("1.1", tags: ["latest"], Moment(2025, 12, 19, 10, 41, 7), newNginx, "nginx:1.29-alpine", repository: "ana/web"),
    web(
      "1.2-beta", tags: ["1.2-beta", "latest"], Moment(2025, 12, 30, 16, 2, 55), newNginx, "nginx:1.29-alpine",
      repository: "ana/shop"),
  ]

  /// Its base layer is what the scanner's findings are about.
  static let oldNginx = Nginx.onDebian(
    "1.21.6", "0.7.2", tags: ["1.21", "1.21.6"], Moment(2022, 5, 28, 5, 41, 39), base: oldBullseye,
    codename: "bullseye",
    compressed: 25_341_640)
  private static let oldBullseye = Debian.old(
    11, "11.3", "bullseye", Moment(2022, 5, 28), compressed: 31_366_757)
  private static let newNginx = Nginx.images[3]

  private static func web(
    _ version: String, tags: [String], _ created: Moment, _ base: ImageModel, _ baseName: String,
    repository: String = "shop/web"
  ) -> ImageModel {
    let site = LayerModel(created, compressed: 41_206) { set in
      set.text(
        "usr/share/nginx/html/index.html",
        "<!DOCTYPE html>\n<html>\n<head><title>Shop \(version)</title></head>\n<body><h1>Shop \(version)</h1></body>\n</html>\n"
      )
      set.text("usr/share/nginx/html/version", version + "\n")
      set.opaque("usr/share/nginx/html/logo.png", size: 38_114)
    }
    let nginx = base === newNginx ? ("1.29.4", "0.9.4", "1") : ("1.21.6", "0.7.2", "1~bullseye")
    return ImageModel(
      repository, tags: tags, version: version, platforms: Platform.list("amd64 arm64/v8"), created: created,
      base: base,
      baseName: baseName,
      steps: [
        .layer(site, "COPY site /usr/share/nginx/html # buildkit"),
        .empty("LABEL org.opencontainers.image.version=\(version)"),
        .empty(
          "HEALTHCHECK &{[\"CMD-SHELL\" \"curl -fsS http://localhost/ || exit 1\"] \"30s\" \"3s\" \"0s\" \"0s\" '\\x00'}"
        ),
      ],
      execution: .init(
        exposedPorts: ["80/tcp"],
        env: [
          Debian.path, "NGINX_VERSION=\(nginx.0)", "NJS_VERSION=\(nginx.1)", "NJS_RELEASE=\(nginx.2)",
          "PKG_RELEASE=\(nginx.2)", "DYNPKG_RELEASE=\(nginx.2)",
        ], entrypoint: ["/docker-entrypoint.sh"], cmd: ["nginx", "-g", "daemon off;"], workingDir: "/",
        labels: ["org.opencontainers.image.version": version], stopSignal: "SIGQUIT",
        healthcheck: .init(
          test: ["CMD-SHELL", "curl -fsS http://localhost/ || exit 1"], interval: 30_000_000_000, timeout: 3_000_000_000
        )))
  }

  private static let api: ImageModel = {
    let created = Moment(2025, 12, 20, 8, 30, 12)
    let base = Languages.images.first { $0.tags.contains("3.13-slim") }
    let code = LayerModel(created, compressed: 18_440) { set in
      set.text(
        "srv/api/app.py",
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\nHTTPServer((\"\", 8000), SimpleHTTPRequestHandler).serve_forever()\n"
      )
      set.text("srv/api/version", "2.3.0\n")
    }
    return ImageModel(
      "shop/api", tags: ["2.3", "2.3.0", "latest"], version: "2.3.0", platforms: Platform.list("amd64 arm64/v8"),
      created: created, base: base, baseName: "python:3.13-slim",
      steps: [
        .empty("WORKDIR /srv/api"), .layer(code, "COPY . /srv/api # buildkit"), .empty("USER nobody"),
        .empty("EXPOSE map[8000/tcp:{}]"), .empty("CMD [\"python3\" \"-m\" \"http.server\" \"8000\"]"),
      ],
      execution: .init(
        user: "nobody", exposedPorts: ["8000/tcp"],
        env: [
          "PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON_VERSION=3.13.11",
        ],
        cmd: ["python3", "-m", "http.server", "8000"], workingDir: "/srv/api"))
  }()
}
