import LinuxKernel

/// `drydock-runc` from its arguments to its exit status.
public enum DrydockRunc {
  public static func main(_ arguments: [String]) -> Int32 { 1 }
}
