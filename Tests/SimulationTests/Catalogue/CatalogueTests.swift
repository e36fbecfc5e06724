import Archive
import JSONTree
import OCISpec
import Testing

@testable import Simulation

private let amd64 = Platform(architecture: "amd64")

/// Everything that a pull of `tag` for `platform` fetches, checked on the way.
private struct Pulled {
  var manifest: ImageManifest
  var config: ImageConfig
  var files: [String: ArchiveEntry] = [:]
  var layerDigests: [Digest] { manifest.layers.map(\.digest) }

  init(_ repository: String, _ tag: String, platform: Platform = amd64, from catalogue: Catalogue = .hub) throws {
    let index = try #require(catalogue.manifest(repository, tag: tag), "\(repository):\(tag)")
    let descriptor = try #require(
      try JSON(parsing: index.bytes).decode(ImageIndex.self).manifest(for: platform), "\(repository):\(tag)")
    let document = try #require(catalogue.manifest(repository, digest: descriptor.digest))
    #expect(Digest(sha256: document.bytes) == descriptor.digest)
    #expect(Int64(document.bytes.count) == descriptor.size)
    manifest = try JSON(parsing: document.bytes).decode(ImageManifest.self)
    let blob = try #require(catalogue.blob(repository, digest: manifest.config.digest))
    #expect(Digest(sha256: blob.bytes) == manifest.config.digest)
    config = try JSON(parsing: blob.bytes).decode(ImageConfig.self)
    #expect(config.rootfs.diffIDs.count == manifest.layers.count)
    for (layer, diffID) in zip(manifest.layers, config.rootfs.diffIDs) {
      let blob = try #require(catalogue.blob(repository, digest: layer.digest))
      #expect(Digest(sha256: blob.bytes) == layer.digest)
      #expect(blob.size == layer.size)
      let tar = try Gzip.decompress(blob.bytes)
      #expect(Digest(sha256: tar) == diffID)
      var reader = TarReader(tar)
      while let entry = try reader.next() { files[entry.path] = entry }
    }
  }

  /// The file behind `path`, symbolic links followed, also those of folders.
  func resolve(_ path: String, depth: Int = 0) -> ArchiveEntry? {
    guard depth < 20 else { return nil }
    var parts: [Substring] = []
    let components = path.split(separator: "/")
    for (index, component) in components.enumerated() {
      if component == ".." {
        _ = parts.popLast()
        continue
      }
      parts.append(component)
      guard let entry = files[parts.joined(separator: "/")] else { return nil }
      if entry.kind == .symlink {
        let rest = components[(index + 1)...].joined(separator: "/")
        let start = entry.linkTarget.hasPrefix("/") ? "" : parts.dropLast().joined(separator: "/") + "/"
        return resolve(start + entry.linkTarget + (rest.isEmpty ? "" : "/" + rest), depth: depth + 1)
      }
      if entry.kind == .hardLink { return resolve(entry.linkTarget, depth: depth + 1) }
    }
    return files[parts.joined(separator: "/")]
  }

  /// What an executable of that name is, by the image's PATH.
  func program(_ name: String) -> String? {
    if name.hasPrefix("/") {
      return resolve(name).map { ProgramTable.programName(of: $0.content) ?? "script" }
    }
    let path = config.config?.env?.first { $0.hasPrefix("PATH=") }?.dropFirst(5) ?? ""
    for folder in path.split(separator: ":") {
      if let entry = resolve(folder + "/" + name) { return ProgramTable.programName(of: entry.content) ?? "script" }
    }
    return nil
  }
}

@Suite struct CatalogueTests {
  @Test func hasTheOfficialImagesThatPeopleStartWith() {
    let expected = [
      "alpine": ["3.20", "3.21", "latest"], "busybox": ["latest"],
      "debian": ["12", "bookworm", "bookworm-slim", "latest"], "ubuntu": ["22.04", "24.04", "latest"],
      "nginx": ["1.27", "alpine", "latest", "stable"], "redis": ["7", "alpine", "latest"],
      "postgres": ["16", "17", "alpine"], "python": ["3.12", "3.13-slim", "alpine"],
      "node": ["22", "alpine", "slim"], "hello-world": ["latest"], "httpd": ["latest"], "registry": ["2"],
    ]
    for (name, tags) in expected {
      let found = Catalogue.hub.tags("library/" + name) ?? []
      #expect(Set(tags).isSubset(of: found), "\(name): \(found)")
    }
    #expect(Catalogue.hub.tags("library/nope") == nil)
    #expect(Catalogue.hub.manifest("library/alpine", tag: "1.0") == nil)
  }

  @Test func noTagIsGivenTwice() {
    for catalogue in [Catalogue.hub, .shop] {
      for repository in catalogue.repositories {
        let tags = catalogue.tags(repository) ?? []
        #expect(Set(tags).count == tags.count, "\(repository): \(tags)")
      }
    }
  }

  @Test func everyImageHoldsTogetherAndCanStart() throws {
    for catalogue in [Catalogue.hub, .shop] {
      for repository in catalogue.repositories where repository != "ratelimitpreview/test" {
        var seen: Set<Digest> = []
        for tag in catalogue.tags(repository) ?? [] {
          guard let index = catalogue.manifest(repository, tag: tag), seen.insert(index.digest).inserted else {
            continue
          }
          let image = try Pulled(repository, tag, from: catalogue)
          let execution = try #require(image.config.config)
          let command = try #require(((execution.entrypoint ?? []) + (execution.cmd ?? [])).first)
          #expect(image.program(command) != nil, "\(repository):\(tag) starts \(command)")
          // An entrypoint script goes on to the command: that one must be there too.
          if let main = execution.cmd?.first, !main.hasPrefix("/etc") {
            #expect(image.program(main) != nil, "\(repository):\(tag) runs \(main)")
          }
          let layers = image.config.history?.filter { $0.emptyLayer != true }.count
          #expect(layers == image.manifest.layers.count, "\(repository):\(tag)")
        }
      }
    }
  }

  @Test func commandsAreWhereTheGenuineImagesHaveThem() throws {
    let alpine = try Pulled("library/alpine", "latest")
    #expect(alpine.resolve("bin/sh")?.path == "bin/busybox")
    #expect(alpine.program("ps") == "busybox" && alpine.program("apk") == "apk" && alpine.program("bash") == nil)
    let debian = try Pulled("library/debian", "12")
    #expect(debian.program("sh") == "sh" && debian.program("bash") == "bash" && debian.program("ls") == "coreutils")
    #expect(debian.resolve("bin/cat")?.path == "usr/bin/cat", "usr is merged")
    #expect(debian.program("ps") == nil)
    let busybox = try Pulled("library/busybox", "latest")
    #expect(busybox.files["bin/sh"]?.kind == .hardLink && busybox.program("sh") == "busybox")
    let nginx = try Pulled("library/nginx", "latest")
    #expect(nginx.program("nginx") == "nginx" && nginx.program("curl") == "curl" && nginx.program("ps") == "coreutils")
    #expect(nginx.resolve("var/run") != nil && nginx.files["var/log/nginx/access.log"]?.linkTarget == "/dev/stdout")
    #expect(try Pulled("library/postgres", "16").program("pg_isready") == "pg_isready")
  }

  @Test func imagesShareTheLayersOfTheirBase() throws {
    let slim = try Pulled("library/debian", "bookworm-slim").layerDigests
    for (name, tag) in [("nginx", "1.27"), ("redis", "7"), ("postgres", "16"), ("python", "3.12-slim")] {
      #expect(try Pulled("library/" + name, tag).layerDigests.first == slim[0], "\(name)")
    }
    let alpine = try Pulled("library/alpine", "3.21").layerDigests
    #expect(try Pulled("library/nginx", "1.27-alpine").layerDigests.first == alpine[0])
    let python = try Pulled("library/python", "3.12").layerDigests
    #expect(try python.prefix(4) == Pulled("library/node", "22").layerDigests.prefix(4))
  }

  @Test func anIndexHasAnImageAndAnAttestationForEachPlatform() throws {
    let blob = try #require(Catalogue.hub.manifest("library/alpine", tag: "3.21"))
    #expect(blob.mediaType == MediaType.ociIndex)
    let index = try JSON(parsing: blob.bytes).decode(ImageIndex.self)
    let platforms = index.manifests.compactMap(\.platform).map(\.description)
    #expect(
      Set(platforms) == [
        "linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "linux/386", "linux/ppc64le", "linux/riscv64",
        "linux/s390x", "unknown/unknown",
      ])
    let attestations = index.manifests.filter { $0.annotations?["vnd.docker.reference.type"] == "attestation-manifest" }
    #expect(attestations.count == 8)
    for attestation in attestations {
      let subject = attestation.annotations?["vnd.docker.reference.digest"]
      #expect(index.manifests.contains { $0.digest.description == subject })
      #expect(Catalogue.hub.manifest("library/alpine", digest: attestation.digest) != nil)
    }
    #expect(Set(index.manifests.map(\.digest)).count == 16)
  }

  @Test func platformsHaveLayersOfTheirOwn() throws {
    let arm = Platform(architecture: "arm64")
    let (a, b) = try (Pulled("library/nginx", "latest"), Pulled("library/nginx", "latest", platform: arm))
    #expect(a.config.architecture == "amd64" && b.config.architecture == "arm64" && b.config.variant == "v8")
    #expect(a.layerDigests[0] != b.layerDigests[0])
    #expect(b.files["usr/lib/aarch64-linux-gnu/libc.so.6"] != nil)
    #expect(a.layerDigests.last == b.layerDigests.last, "a script is the same everywhere")
  }

  @Test func sizesAreThoseOfTheGenuineImages() throws {
    let alpine = try Pulled("library/alpine", "3.21")
    #expect(alpine.manifest.layers.map(\.size) == [3_644_511])
    let unpacked = alpine.files.values.reduce(Int64(0)) { $0 + $1.size }
    #expect((7_000_000...9_000_000).contains(unpacked), "\(unpacked)")
    let nginx = try Pulled("library/nginx", "latest")
    #expect((55_000_000...80_000_000).contains(nginx.manifest.layers.reduce(0) { $0 + $1.size }))
    // What is really held in memory is small.
    var held = 0
    for layer in nginx.manifest.layers {
      held += Catalogue.hub.blob("library/nginx", digest: layer.digest)?.bytes.count ?? 0
    }
    #expect(held < 100_000, "\(held)")
  }

  @Test func unpackedSizesAreNearTheGenuineImages() throws {
    for (name, tag, megabytes) in [
      ("debian", "bookworm-slim", 74.8), ("debian", "12", 117), ("ubuntu", "24.04", 78.1), ("nginx", "latest", 152),
      ("redis", "7", 117), ("postgres", "17", 438), ("python", "3.12", 1020), ("node", "22-slim", 227),
      ("busybox", "latest", 4.4), ("hello-world", "latest", 0.01),
    ] as [(String, String, Double)] {
      let size = try Pulled("library/" + name, tag).files.values.reduce(0.0) { $0 + Double($1.size) } / 1e6
      let isNear = size > megabytes * 0.75 && size < megabytes * 1.3 + 0.1
      #expect(isNear, "\(name):\(tag) \(size)")
    }
  }

  @Test func configsSayWhatTheGenuineOnesSay() throws {
    let nginx = try #require(try Pulled("library/nginx", "latest").config.config)
    #expect(nginx.entrypoint == ["/docker-entrypoint.sh"] && nginx.cmd == ["nginx", "-g", "daemon off;"])
    #expect(nginx.stopSignal == "SIGQUIT" && nginx.exposedPorts?.keys.sorted() == ["80/tcp"])
    let postgres = try #require(try Pulled("library/postgres", "17").config.config)
    #expect(postgres.volumes?.keys.sorted() == ["/var/lib/postgresql/data"] && postgres.stopSignal == "SIGINT")
    #expect(try Pulled("library/postgres", "18").config.config?.volumes?.keys.sorted() == ["/var/lib/postgresql"])
    #expect(try Pulled("library/alpine", "latest").config.config?.cmd == ["/bin/sh"])
    #expect(try Pulled("library/redis", "7").config.config?.workingDir == "/data")
  }

  @Test func aDigestIsFoundWithoutAskingForTheTagBefore() throws {
    let index = try #require(Catalogue.hub.manifest("library/alpine", tag: "3.20"))
    #expect(Catalogue(Alpine.images).manifest("library/alpine", digest: index.digest)?.bytes == index.bytes)
    #expect(Catalogue.hub.manifest("library/busybox", digest: index.digest) == nil)
    #expect(Catalogue.hub.blob("library/alpine", digest: index.digest) == nil, "a manifest is no blob")
  }

  @Test func momentsCountFrom1970() {
    #expect(Moment(1970, 1, 1, 0, 0, 0).seconds == 0)
    #expect(Moment(2026, 1, 1, 0, 0, 0).seconds == 1_767_225_600)
    #expect(Moment(2024, 2, 29, 23, 59, 59).seconds == 1_709_251_199)
    #expect(Moment(2025, 3, 9, 1, 2, 3).text == "2025-03-09T01:02:03Z")
  }
}
