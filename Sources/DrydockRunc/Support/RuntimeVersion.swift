import CSeccomp
import OCISpec

/// What `--version` says.
enum RuntimeVersion {
  /// Of Drydock, by semantic versioning.
  static let number = "0.1.0"

  /// Lines: version, specification, libseccomp.
  static var details: String {
    var text = "\(number)\nspec: \(RuntimeSpec.version)"
    if let libseccomp { text += "\nlibseccomp: \(libseccomp)" }
    return text
  }
  /// `drydock-runc version 0.1.0` and the rest, as docker reads it.
  static var text: String { "\(Invocation.program) version \(details)\n" }

  /// Of the libseccomp that is linked in; nil when it does not say.
  static var libseccomp: String? {
    guard let version = seccomp_version() else { return nil }
    return "\(version.pointee.major).\(version.pointee.minor).\(version.pointee.micro)"
  }
}
