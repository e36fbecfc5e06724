import CLinux
import Glibc
import JSONTree
import OCISpec
import Runtime

/// Linux, as the process that calls it meets it: the kernel seam's real end.
///
/// What makes or ends processes, or waits, is not here: see `Process/`.
public struct LinuxKernel: Sendable {
  public init() {}
}
