import CLinux
import Glibc
import Seams

extension OverlayDriver {
  /// Why overlayfs cannot be had in the folder `root`; nil when it can. Makes two folders there and asks the kernel
  /// for an overlay of them, which is never mounted. Blocks.
  public static func obstacle(in root: String) -> String? {
    do throws(FileError) {
      let folder = try OpenFile.folder(at: FilePath(root), making: 0o700)
      let name = FilePath("check-overlayfs-\(getpid())")
      try removeTree(name, in: folder)
      try folder.makeFolder(name, mode: 0o700)
      defer { try? removeTree(name, in: folder) }
      let made = try folder.open(name, OpenFile.folder, .plain)
      for name: FilePath in ["lower", "upper", "work"] { try made.makeFolder(name, mode: 0o755) }
      let path = "\(root)/\(name)"
      let isInUserNamespace = FilePrivileges.current().isInUserNamespace
      let result = clinux_try_overlay("\(path)/lower", "\(path)/upper", "\(path)/work", isInUserNamespace ? 1 : 0)
      if result < 0 { throw FileError(result: result, "overlayfs in \(root)") }
      return nil
    } catch {
      return error.description
    }
  }
}

/// The snapshot driver for a folder: overlayfs where it can be had, else plain copies. Blocks.
///
/// - Returns: the driver, containerd's name for it (`overlayfs`, `native`), and why it is not overlayfs.
public func snapshotDriver(
  for root: String, pool: BlockingPool = .shared, limits: UnpackLimits = .init()
) throws -> (driver: any SnapshotDriver, name: String, obstacle: String?) {
  guard let obstacle = OverlayDriver.obstacle(in: root) else {
    return (try OverlayDriver(root, pool: pool, limits: limits), "overlayfs", nil)
  }
  return (try CopyDriver(root, pool: pool, limits: limits), "native", obstacle)
}
