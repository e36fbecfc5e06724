/// containerd.runc.v1.Options: how a shim is to run the runtime.
public struct RuntimeOptions: ProtobufMessage, Hashable {
  public static let typeName = "containerd.runc.v1.Options"
  public var noPivotRoot = false
  public var noNewKeyring = false
  /// A cgroup for the shim itself.
  public var shimCgroup = ""
  /// Whom the pipes belong to that are the container's stdio.
  public var ioUID: UInt32 = 0
  public var ioGID: UInt32 = 0
  /// A name to be found in PATH, or a path; empty for the shim's default.
  public var binaryName = ""
  /// The folder of the runtime's state, without the namespace; empty for the shim's default.
  public var root = ""
  public var systemdCgroup = false

  public init() {}
  public init(_ fields: ProtobufFields) {
    (noPivotRoot, noNewKeyring, shimCgroup) = (fields.bool(1), fields.bool(2), fields.text(3))
    (ioUID, ioGID) = (fields.uint32(4), fields.uint32(5))
    (binaryName, root, systemdCgroup) = (fields.text(6), fields.text(7), fields.bool(9))
  }
  public func write(to writer: inout ProtobufWriter) {
    writer.write(1, noPivotRoot)
    writer.write(2, noNewKeyring)
    writer.write(3, shimCgroup)
    writer.write(4, uint32: ioUID)
    writer.write(5, uint32: ioGID)
    writer.write(6, binaryName)
    writer.write(7, root)
    writer.write(9, systemdCgroup)
  }
  public var any: ProtobufAny { ProtobufAny(RuntimeOptions.typeName, bytes) }

  /// Options of another type are for other shims: nil.
  public init?(_ any: ProtobufAny?) throws(ProtobufError) {
    guard let any, any.typeName == RuntimeOptions.typeName else { return nil }
    try self.init(parsing: any.value)
  }
}
