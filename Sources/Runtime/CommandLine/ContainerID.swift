/// The names of containers.
public enum ContainerID {
  /// Letters, digits and `_+-.`, at most 1024 of them, and no name that leads elsewhere (runc's rule).
  public static func isValid(_ id: String) -> Bool {
    if id.isEmpty || id == "." || id == ".." || id.utf8.count > 1024 { return false }
    return id.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
  }
}
