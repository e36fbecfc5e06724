/// Which Docker Engine this one speaks like.
public enum EngineVersion {
  public static let version = "29.0.0"
  /// The newest Remote API, and the oldest that is still spoken.
  public static let api = "1.52"
  public static let minimumAPI = "1.24"
  static let platformName = "Drydock Engine"
  /// Of the Docker release whose behaviour is followed.
  static let commit = "d105562"
  static let built = "2025-11-10T00:00:00.000000000+00:00"
  /// The place where Docker names its Go version: what this engine is built with.
  static let language = "swift6.3"
  static let initVersion = "0.19.0"
  static let initCommit = "de40ad0"
}
