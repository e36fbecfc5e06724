import Glibc
import OCISpec
import Runtime

/// Linux, as the process that calls it meets it: the kernel seam's real end.
///
/// What makes or ends processes, or waits, is not here: see `Process/`.
///
/// It keeps a few descriptors (close-on-exec): the root that paths are resolved in, procfs, the old root during
/// pivot_root. A process that was forked has them too, but in a mount namespace of its own they lead to the old one:
/// it calls `forget()` first.
public final class LinuxKernel: Sendable {
  let kept = OneThread()

  public init() {}

  /// Closes the descriptors that are kept: a child in new namespaces begins with this.
  public func forget() { kept.withLock { $0.forget() } }

  /// What the kernel said of the last refusal beyond its errno (a file system's own message), if anything.
  public var detail: String? { kept.withLock { $0.detail } }

  /// What is kept from one call to the next; -1 is no descriptor.
  struct Kept {
    /// The root of `KernelPath`s, opened once.
    private(set) var rootPath: String?
    private(set) var root: Int32 = -1
    /// A procfs that is none but procfs.
    var procfs: Int32 = -1 { didSet { close(oldValue) } }
    /// The root before pivot_root(".", ".").
    var oldRoot: Int32 = -1 { didSet { close(oldValue) } }
    /// /dev/null, checked.
    var nullDevice: Int32 = -1 { didSet { close(oldValue) } }
    /// An empty, read-only folder with a SELinux label: what hides folders.
    private(set) var emptyFolder: (label: String, tree: Int32)?
    /// Copies of mounts for attachments to come, by `prepareMount`'s numbers; they outlive `forget`.
    var prepared: [(number: Int, tree: Int32)] = []
    var detail: String?
    /// The filter for the call to come, and what it was made of.
    var filter: (profile: RuntimeSpec.Seccomp, filter: SeccompFilter)?

    mutating func set(root path: String?, _ descriptor: Int32) {
      close(root)
      (rootPath, root) = (path, descriptor)
    }
    mutating func set(emptyFolder folder: (label: String, tree: Int32)?) {
      if let emptyFolder { close(emptyFolder.tree) }
      emptyFolder = folder
    }
    mutating func forget() {
      set(root: nil, -1)
      set(emptyFolder: nil)
      (procfs, oldRoot, nullDevice, detail) = (-1, -1, -1, nil)
    }
    private func close(_ descriptor: Int32) { if descriptor >= 0 { _ = Glibc.close(descriptor) } }
  }
}

/// What a process that has one thread keeps for itself.
///
/// No Mutex: it knows who holds it by a thread's number, which it asks for once, in each place of the program by itself;
/// after a fork into a PID namespace one place would know the old number and another the new one.
final class OneThread: @unchecked Sendable {
  private var value = LinuxKernel.Kept()
  func withLock<Result, Failure>(_ body: (inout LinuxKernel.Kept) throws(Failure) -> Result) throws(Failure) -> Result {
    try body(&value)
  }
}
