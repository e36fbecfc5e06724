import CLinux
import Glibc
import Runtime

extension LinuxKernel {
  /// execve(2): does not return unless it is refused. EINVAL for a NUL in an argument or variable.
  func execute(_ path: String, _ arguments: [String], _ environment: [String]) throws(Errno) {
    throw LinuxKernel.execute(path, arguments, environment)
  }

  /// Where a program is, as execvp(3) looks for it: `file` itself when it has a slash, else in every folder of `path`.
  /// Refused with the errno of what was found but is no file (EISDIR for a folder, else EACCES) or cannot be executed
  /// (EACCES), or ENOENT.
  public func lookUp(_ file: String, path: String) throws(Errno) -> String {
    if file.utf8.contains(UInt8(ascii: "/")) {
      try checkExecutable(file)
      return file
    }
    if file.isEmpty { throw .ENOENT }
    var refusal = Errno.ENOENT
    for folder in path.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
      let folder = String(Substring(folder))
      // An empty folder is the working directory.
      let candidate = folder.isEmpty ? "./" + file : folder + "/" + file
      do throws(Errno) {
        try checkExecutable(candidate)
        return candidate
      } catch { if error == .EACCES { refusal = error } }
    }
    throw refusal
  }

  private func checkExecutable(_ path: String) throws(Errno) {
    let kind = try kind(of: KernelPath(path))
    guard kind == .file else { throw kind == .directory ? .EISDIR : .EACCES }
    // faccessat2(2) AT_EACCESS (Linux 5.8): by the effective ids and capabilities, as execve(2) will see it.
    try system(with: path) { clinux_call(439, Linux.atFDCWD, $0, 1 /* X_OK */, 0x200, 0, 0) }
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
