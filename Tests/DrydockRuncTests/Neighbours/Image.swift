import Glibc
import JSONTree
import Testing

/// busybox as an image that docker, podman and containerd import.
struct Image {
  /// A root file system in tar.
  let layer: String
  /// The same as `docker save` writes it, named `localhost/busybox:test`.
  let archive: String

  static let reference = "localhost/busybox:test"

  init(_ box: Sandbox) throws {
    let rootfs = "\(box.folder)/image-root"
    try Rootfs.make(at: rootfs)
    let folder = "\(box.folder)/image"
    try Files.makeDirectory(folder)
    layer = "\(folder)/layer.tar"
    archive = "\(box.folder)/image.tar"
    try Self.must(box.host("tar", "-C", rootfs, "--owner=0", "--group=0", "-cf", layer, "."))
    let sum = try Self.must(box.host("sha256sum", layer)).words[0]
    let config: JSON = [
      "architecture": "amd64", "os": "linux",
      "config": ["Env": ["PATH=/bin:/sbin:/usr/bin"], "Cmd": ["sh"]],
      "rootfs": ["type": "layers", "diff_ids": [.string("sha256:\(sum)")]],
    ]
    try Files.write(config.pretty(), to: "\(folder)/config.json")
    let manifest: JSON = [["Config": "config.json", "RepoTags": [.string(Self.reference)], "Layers": ["layer.tar"]]]
    try Files.write(manifest.pretty(), to: "\(folder)/manifest.json")
    try Self.must(box.host("tar", "-C", folder, "-cf", archive, "manifest.json", "config.json", "layer.tar"))
  }

  @discardableResult
  private static func must(_ outcome: Outcome) throws -> String {
    guard outcome.succeeded else { throw Refused(doing: "make an image", outcome: outcome) }
    return outcome.stdout
  }
}

extension Sandbox {
  /// Removes the cgroups that a neighbour made as parents of its containers' and leaves there, empty.
  func removeEmptyCgroups() {
    // Whoever watches a container, such as conmon, is in one of them a moment longer.
    _ = becomesTrue(within: 5) {
      for folder in CgroupFiles.host.folders(prefix: "") where folder.contains("/\(name)") { rmdir(folder) }
      return CgroupFiles.host.folders(prefix: name).isEmpty
    }
  }

  /// What a container of a neighbour says that its mark is.
  var mark: String { "\(Self.marker)=\(name)" }
}
