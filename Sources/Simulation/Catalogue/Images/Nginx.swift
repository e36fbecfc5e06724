import OCISpec

/// nginx, on Debian and on Alpine.
enum Nginx {
  private static let debian = Platform.list("amd64 arm/v5 arm/v7 arm64/v8 386 ppc64le s390x")

  static let images = [
    onDebian(
      "1.29.4", "0.9.4", tags: ["1", "1-trixie", "1.29", "1.29.4", "latest", "mainline", "trixie"],
      Moment(2025, 12, 9, 22, 50, 18), base: Debian.trixieSlim, codename: "trixie", compressed: 33_142_590),
    onDebian(
      "1.28.0", "0.8.10", tags: ["1.28", "1.28.0", "stable", "stable-bookworm"], Moment(2025, 12, 9, 22, 49, 3),
      base: Debian.bookwormSlim, codename: "bookworm", compressed: 43_943_105),
    onDebian(
      "1.27.5", "0.8.10", tags: ["1.27", "1.27-bookworm", "1.27.5"], Moment(2025, 4, 16, 14, 50, 31),
      base: Debian.bookwormSlim, codename: "bookworm", compressed: 43_955_620),
    onAlpine(
      "1.29.4", "0.9.4", tags: ["1-alpine", "1.29-alpine", "1.29.4-alpine", "alpine", "mainline-alpine"],
      Moment(2025, 12, 18, 0, 11, 57), base: Alpine.v3_23, alpine: "3.23", compressed: 17_210_840),
    onAlpine(
      "1.27.5", "0.8.10", tags: ["1.27-alpine", "1.27.5-alpine"], Moment(2025, 4, 16, 14, 50, 31),
      base: Alpine.v3_21, alpine: "3.21", compressed: 15_534_902),
    onAlpine(
      "1.28.0", "0.8.10", tags: ["1.28-alpine", "stable-alpine"], Moment(2025, 10, 9, 0, 1, 14),
      base: Alpine.v3_21, alpine: "3.21", compressed: 15_560_117),
  ]

  static func onDebian(
    _ version: String, _ njs: String, tags: [String], _ created: Moment, base: ImageModel, codename: String,
    compressed: Int64, repository: String = "library/nginx"
  ) -> ImageModel {
    let install = LayerModel(created, compressed: compressed) { set in
      Debian.addUser(&set, "nginx", id: 101, home: "/nonexistent")
      Debian.addProcps(&set)
      set.program("usr/bin/curl", "curl", size: 281_600)
      set.program("usr/bin/envsubst", "coreutils", size: 39_640)
      server(&set, version, size: 1_522_440)
      set.opaque("usr/lib/nginx/modules/ngx_http_js_module.so", size: 5_822_656)
      set.opaque("usr/lib/nginx/modules/ngx_http_image_filter_module.so", size: 27_872)
      set.opaque("usr/share/libs/perl-and-friends", size: 62_820_400)
    }
    return image(
      version, njs, repository: repository, tags: tags, platforms: debian, created, base: base,
      baseName: "debian:\(codename)-slim", release: "1~\(codename)", install: install,
      command: "RUN /bin/sh -c set -x     && groupadd --system --gid 101 nginx     && useradd --system --gid nginx "
        + "--no-create-home --home /nonexistent --comment \"nginx user\" --shell /bin/false --uid 101 nginx     && "
        + "apt-get update     && apt-get install --no-install-recommends --no-install-suggests -y $nginxPackages "
        + "gettext-base curl # buildkit")
  }

  private static func onAlpine(
    _ version: String, _ njs: String, tags: [String], _ created: Moment, base: ImageModel, alpine: String,
    compressed: Int64
  ) -> ImageModel {
    let install = LayerModel(created, compressed: compressed) { set in
      Alpine.addUser(&set, "nginx", id: 101, home: "/var/cache/nginx")
      set.program("usr/bin/curl", "curl", size: 281_600)
      set.program("usr/bin/envsubst", "busybox", size: 39_640)
      server(&set, version, size: 1_382_840)
      set.opaque("usr/lib/nginx/modules/ngx_http_js_module.so", size: 4_110_280)
      set.opaque("usr/lib/libs", size: 35_800_400)
    }
    return image(
      version, njs, repository: "library/nginx", tags: tags, platforms: Alpine.platforms, created, base: base,
      baseName: "alpine:\(alpine)", release: "1", install: install,
      command: "RUN /bin/sh -c set -x     && addgroup -g 101 -S nginx     && adduser -S -D -H -u 101 -h "
        + "/var/cache/nginx -s /sbin/nologin -G nginx -g nginx nginx     && apk add --no-cache $nginxPackages "
        + "gettext-envsubst curl # buildkit")
  }

  private static func image(
    _ version: String, _ njs: String, repository: String, tags: [String], platforms: [Platform], _ created: Moment,
    base: ImageModel, baseName: String, release: String, install: LayerModel, command: String
  ) -> ImageModel {
    func copy(_ name: String, _ text: String, to folder: String, compressed: Int64) -> ImageModel.Step {
      .layer(
        LayerModel(created, compressed: compressed) { set in
          set.text((folder.isEmpty ? "" : folder + "/") + name, text, mode: 0o755)
        }, "COPY \(name) /\(folder) # buildkit")
    }
    return ImageModel(
      repository, tags: tags, version: version, platforms: platforms, created: created, base: base,
      baseName: baseName,
      steps: [
        .empty("LABEL maintainer=NGINX Docker Maintainers <docker-maint@nginx.com>"),
        .empty("ENV NGINX_VERSION=\(version)"), .empty("ENV NJS_VERSION=\(njs)"), .empty("ENV NJS_RELEASE=\(release)"),
        .empty("ENV PKG_RELEASE=\(release)"), .empty("ENV DYNPKG_RELEASE=\(release)"),
        .layer(install, command),
        copy("docker-entrypoint.sh", entrypoint, to: "", compressed: 627),
        copy("10-listen-on-ipv6-by-default.sh", listen, to: "docker-entrypoint.d", compressed: 956),
        copy("15-local-resolvers.envsh", resolvers, to: "docker-entrypoint.d", compressed: 403),
        copy("20-envsubst-on-templates.sh", templates, to: "docker-entrypoint.d", compressed: 1_209),
        copy("30-tune-worker-processes.sh", workers, to: "docker-entrypoint.d", compressed: 1_398),
        .empty("ENTRYPOINT [\"/docker-entrypoint.sh\"]"), .empty("EXPOSE map[80/tcp:{}]"), .empty("STOPSIGNAL SIGQUIT"),
        .empty("CMD [\"nginx\" \"-g\" \"daemon off;\"]"),
      ],
      execution: .init(
        exposedPorts: ["80/tcp"],
        env: [
          Debian.path, "NGINX_VERSION=\(version)", "NJS_VERSION=\(njs)", "NJS_RELEASE=\(release)",
          "PKG_RELEASE=\(release)", "DYNPKG_RELEASE=\(release)",
        ], entrypoint: ["/docker-entrypoint.sh"], cmd: ["nginx", "-g", "daemon off;"], workingDir: "/",
        labels: ["maintainer": "NGINX Docker Maintainers <docker-maint@nginx.com>"], stopSignal: "SIGQUIT"))
  }

  /// The server, its settings and its pages.
  private static func server(_ set: inout FileSet, _ version: String, size: Int64) {
    set.text(
      "etc/nginx/conf.d/default.conf",
      """
      server {
          listen       80;
          server_name  localhost;

          location / {
              root   /usr/share/nginx/html;
              index  index.html index.htm;
          }

          error_page   500 502 503 504  /50x.html;
          location = /50x.html {
              root   /usr/share/nginx/html;
          }
      }

      """)
    set.text("etc/nginx/fastcgi_params", "fastcgi_param  QUERY_STRING       $query_string;\n")
    set.text(
      "etc/nginx/mime.types",
      "types {\n    text/html  html htm shtml;\n    text/css   css;\n    image/png  png;\n    text/plain txt;\n}\n")
    set.symlink("etc/nginx/modules", "/usr/lib/nginx/modules")
    set.text(
      "etc/nginx/nginx.conf",
      """
      user  nginx;
      worker_processes  auto;

      error_log  /var/log/nginx/error.log notice;
      pid        /run/nginx.pid;

      events {
          worker_connections  1024;
      }

      http {
          include       /etc/nginx/mime.types;
          default_type  application/octet-stream;

          log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                            '$status $body_bytes_sent "$http_referer" '
                            '"$http_user_agent" "$http_x_forwarded_for"';

          access_log  /var/log/nginx/access.log  main;

          sendfile        on;
          keepalive_timeout  65;

          include /etc/nginx/conf.d/*.conf;
      }

      """)
    set.text("etc/nginx/scgi_params", "scgi_param  REQUEST_METHOD     $request_method;\n")
    set.text("etc/nginx/uwsgi_params", "uwsgi_param  QUERY_STRING       $query_string;\n")
    set.program("usr/sbin/nginx", "nginx", size: size)
    set.text(
      "usr/share/nginx/html/50x.html",
      page("Error", "An error occurred.", "Sorry, the page you are looking for is currently unavailable."))
    set.text(
      "usr/share/nginx/html/index.html",
      page(
        "Welcome to nginx!", "Welcome to nginx!",
        "If you see this page, the nginx web server is successfully installed and working."))
    set.folder("var/cache/nginx")
    set.folder("var/log/nginx")
    // What is logged goes to the container's streams.
    set.symlink("var/log/nginx/access.log", "/dev/stdout")
    set.symlink("var/log/nginx/error.log", "/dev/stderr")
    set.folder("docker-entrypoint.d")
  }

  private static func page(_ title: String, _ heading: String, _ text: String) -> String {
    """
    <!DOCTYPE html>
    <html>
    <head>
    <title>\(title)</title>
    <style>
    html { color-scheme: light dark; }
    body { width: 35em; margin: 0 auto;
    font-family: Tahoma, Verdana, Arial, sans-serif; }
    </style>
    </head>
    <body>
    <h1>\(heading)</h1>
    <p>\(text)</p>
    </body>
    </html>

    """
  }

  private static let entrypoint = """
    #!/bin/sh
    # Runs the scripts of /docker-entrypoint.d, then the server.
    set -e

    say() {
        if [ -z "$NGINX_ENTRYPOINT_QUIET_LOGS" ]; then
            echo "$@"
        fi
    }

    if [ "$1" = "nginx" ] || [ "$1" = "nginx-debug" ]; then
        if [ -n "$(ls /docker-entrypoint.d)" ]; then
            say "$0: /docker-entrypoint.d/ is not empty, will attempt to perform configuration"
            say "$0: Looking for shell scripts in /docker-entrypoint.d/"
            for f in /docker-entrypoint.d/*; do
                case "$f" in
                    *.envsh)
                        if [ -x "$f" ]; then
                            say "$0: Sourcing $f"
                            . "$f"
                        else
                            say "$0: Ignoring $f, not executable"
                        fi
                        ;;
                    *.sh)
                        if [ -x "$f" ]; then
                            say "$0: Launching $f"
                            "$f"
                        else
                            say "$0: Ignoring $f, not executable"
                        fi
                        ;;
                    *) say "$0: Ignoring $f" ;;
                esac
            done
            say "$0: Configuration complete; ready for start up"
        else
            say "$0: No files found in /docker-entrypoint.d/, skipping configuration"
        fi
    fi

    exec "$@"

    """
  private static let listen = """
    #!/bin/sh
    # Lets the default server listen on IPv6 too.
    set -e

    ME=10-listen-on-ipv6-by-default.sh
    FILE=/etc/nginx/conf.d/default.conf

    say() {
        if [ -z "$NGINX_ENTRYPOINT_QUIET_LOGS" ]; then
            echo "$@"
        fi
    }

    if [ ! -f "$FILE" ]; then
        say "$ME: info: $FILE is not a file or does not exist"
        exit 0
    fi
    if [ ! -w "$FILE" ]; then
        say "$ME: info: can not modify $FILE (read-only file system?)"
        exit 0
    fi
    if grep -q "listen  \\[::\\]:80;" "$FILE"; then
        say "$ME: info: IPv6 listen already enabled"
        exit 0
    fi
    say "$ME: info: Getting the checksum of $FILE"
    sed -i -e 's,listen       80;,listen       80;\\n    listen  [::]:80;,' "$FILE"
    say "$ME: info: Enabled listen on IPv6 in $FILE"

    """
  private static let resolvers = """
    #!/bin/sh
    # Offers the container's name servers to templates.
    if [ -n "$NGINX_ENTRYPOINT_LOCAL_RESOLVERS" ]; then
        NGINX_LOCAL_RESOLVERS=$(awk '$1 == "nameserver" {print $2}' /etc/resolv.conf)
        export NGINX_LOCAL_RESOLVERS
    fi

    """
  private static let templates = """
    #!/bin/sh
    # Fills in /etc/nginx/templates/*.template with the environment.
    set -e

    ME=20-envsubst-on-templates.sh
    FROM=/etc/nginx/templates
    TO=/etc/nginx/conf.d

    if [ ! -d "$FROM" ]; then
        exit 0
    fi
    for f in "$FROM"/*.template; do
        name=$(basename "$f" .template)
        echo "$ME: Running envsubst on $f to $TO/$name"
        envsubst < "$f" > "$TO/$name"
    done

    """
  private static let workers = """
    #!/bin/sh
    # Sets worker_processes to the CPUs of the container's cgroup, when asked to.
    set -e

    ME=30-tune-worker-processes.sh
    if [ -z "$NGINX_ENTRYPOINT_WORKER_PROCESSES_AUTOTUNE" ]; then
        exit 0
    fi
    sed -i -e "s/^worker_processes.*/worker_processes  $(nproc);/" /etc/nginx/nginx.conf
    echo "$ME: info: Set worker_processes to $(nproc)"

    """
}
