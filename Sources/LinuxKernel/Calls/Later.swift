import OCISpec
import Runtime
extension LinuxKernel {
  func copyTree(_ source: KernelPath, _ target: KernelPath) throws(Errno) { throw .ENOSYS }
  func deviceProgram(_ cgroup: String, _ rules: [DeviceRule]) throws(Errno) { throw .ENOSYS }
}
