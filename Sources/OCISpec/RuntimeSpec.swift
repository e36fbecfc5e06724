/// The documents of the OCI runtime specification 1.3: `config.json`, the state, the features of a runtime.
///
/// The names are the specification's, and so are the rules; where it leaves something open, runc's practice counts.
public enum RuntimeSpec {
  /// The version of the specification that is written here.
  public static let version = "1.3.0"
}
