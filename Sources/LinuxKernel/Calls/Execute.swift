import CLinux
import Glibc
import Runtime

extension LinuxKernel {
  /// execve(2): does not return unless it is refused. EINVAL for a NUL in an argument or variable.
  func execute(_ path: String, _ arguments: [String], _ environment: [String]) throws(Errno) {
    throw LinuxKernel.execute(path, arguments, environment)
  }

  /// Strings as C has them, the last one null.
  public static func vector(
    _ strings: [String]
  ) throws(Errno) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> {
    if strings.contains(where: { $0.utf8.contains(0) }) { throw .EINVAL }
    let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    for (index, string) in strings.enumerated() { (vector + index).initialize(to: strdup(string)) }
    (vector + strings.count).initialize(to: nil)
    return vector
  }

  public static func free(_ vector: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) {
    var index = 0
    while let string = vector[index] {
      Glibc.free(string)
      index += 1
    }
    vector.deallocate()
  }
}
