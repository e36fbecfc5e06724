import Runtime
import Seams

/// Who listens on a socket of the file system (unix(7)): a part of the engine, outside of the model.
struct LocalSockets {
  typealias Service = @Sendable (Duplex) async -> Void
  private struct Key: Hashable {
    let fileSystem: ObjectIdentifier
    let inode: UInt64
    init(_ inode: Inode) { (fileSystem, self.inode) = (ObjectIdentifier(inode.fs), inode.number) }
  }
  private var services: [Key: Service] = [:]

  subscript(inode: Inode) -> Service? {
    get { services[Key(inode)] }
    set { services[Key(inode)] = newValue }
  }
}

extension SimKernel {
  /// From now on `service` answers what connects to the socket at `path` of the host, wherever it is mounted.
  /// ENOENT when it is not there, ECONNREFUSED when it is no socket.
  public func listen(local path: String, _ service: @escaping @Sendable (Duplex) async -> Void) throws(Errno) {
    try locked { kernel throws(Errno) in
      kernel.current = kernel.initProcess
      let inode = try kernel.resolve(path).inode
      guard inode.kind == .socket else { throw .ECONNREFUSED }
      kernel.localSockets[inode] = service
    }
  }
}

extension ProcessHandle {
  func connect(local path: String) async throws -> Duplex {
    let service = try call("connect") { kernel, _ throws(Errno) -> LocalSockets.Service in
      let found = try kernel.resolve(path)
      try kernel.mayWrite(found)
      guard found.inode.kind == .socket, let service = kernel.localSockets[found.inode] else { throw .ECONNREFUSED }
      return service
    }
    let (there, back) = (ByteChannel(), ByteChannel())
    let connection = Duplex(input: back, output: there)
    try hold(connection)
    kernel.world.spawn { await service(Duplex(input: there, output: back)) }
    return connection
  }
}
