import CLinux
import Glibc
import JSONTree
import OCISpec
import Runtime

/// The folder below which each container has one of its own: `--root`.
struct StateRoot: Sendable {
  /// Absolute, clean.
  let path: String
  /// It lies in `$XDG_RUNTIME_DIR`, from which what is not used for long is cleared unless it is sticky.
  private let isSticky: Bool

  init(_ path: String) { self.init(path, isSticky: false) }
  private init(_ path: String, isSticky: Bool) { (self.path, self.isSticky) = (path, isSticky) }

  /// `/run/drydock-runc` for root, `$XDG_RUNTIME_DIR/drydock-runc` for others and for who is root only in a user
  /// namespace of his own.
  static func standard() -> StateRoot {
    if let folder = getenv("XDG_RUNTIME_DIR").map({ String(cString: $0) }), folder.utf8.first == UInt8(ascii: "/"),
      Caller.isRootless
    {
      return StateRoot(PathText.clean(folder) + "/drydock-runc", isSticky: true)
    }
    return StateRoot("/run/drydock-runc")
  }

  /// The folder of a new container, which this process has locked. `exists` when the name is taken: mkdir(2) decides
  /// between two who want it at once.
  func create(_ id: String) throws(Failure) -> StateDirectory {
    try StateRoot.check(id)
    do { try HostFile.makeFolders(path, mode: 0o700) } catch { throw Failure("mkdir \(path): \(error)") }
    if isSticky { chmod(path, S_ISVTX | 0o700) }
    try checkOwner()
    let folder = "\(path)/\(id)"
    // Searchable by all: a container's root in a user namespace opens its FIFO there.
    guard mkdir(folder, 0o711) == 0 else {
      let error = Errno.last
      throw error == .EEXIST ? .exists : Failure("mkdir \(folder): \(error)")
    }
    let directory = try open(id)
    guard try directory.lock(wait: false) else { throw Failure("\(folder): locked by another runtime") }
    return directory
  }

  /// The folder of a container that exists.
  func open(_ id: String) throws(Failure) -> StateDirectory {
    try StateRoot.check(id)
    let folder = "\(path)/\(id)"
    let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else {
      let error = Errno.last
      switch error {
      case .ENOENT: throw .notExist
      // Links are what somebody else put there: nothing behind them is believed.
      case .ENOTDIR, .ELOOP: throw Failure("state directory \(folder): not a directory of this runtime")
      default: throw Failure("open \(folder): \(error)")
      }
    }
    let directory = StateDirectory(id: id, path: folder, descriptor: descriptor)
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { throw Failure("stat \(folder): \(Errno.last)") }
    guard info.st_uid == geteuid() else {
      directory.close()
      throw Failure("state directory \(folder): owned by uid \(info.st_uid), not by \(geteuid())")
    }
    guard info.st_mode & 0o022 == 0 else {
      directory.close()
      throw Failure("state directory \(folder): writable by others")
    }
    return directory
  }

  /// The names that may be containers, sorted; nil when the folder is not there.
  func names() throws(Failure) -> [String]? {
    guard let names = HostFile.names(in: path) else {
      let error = Errno.last
      if error == .ENOENT { return nil }
      throw Failure("open \(path): \(error)")
    }
    return names.filter { name in
      var info = stat()
      return ContainerID.isValid(name) && lstat("\(path)/\(name)", &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }
  }

  private static func check(_ id: String) throws(Failure) {
    if id.isEmpty { throw .emptyID }
    guard ContainerID.isValid(id) else { throw .invalidID }
  }

  /// Who could rename our folders could give us others.
  private func checkOwner() throws(Failure) {
    var info = stat()
    guard stat(path, &info) == 0 else { throw Failure("stat \(path): \(Errno.last)") }
    guard info.st_uid == geteuid() || info.st_uid == 0 else {
      throw Failure("state root \(path): owned by uid \(info.st_uid), not by \(geteuid())")
    }
    guard info.st_mode & 0o022 == 0 || info.st_mode & S_ISVTX != 0 else {
      throw Failure("state root \(path): writable by others")
    }
  }
}

/// A container's folder below `--root`, open: every file in it is reached through the descriptor, so that no other
/// folder can take its place meanwhile.
///
/// It holds `state.json`, `config.json` (as it was at `create`, with what `update` changed) and, between `create` and
/// `start`, `exec.fifo`.
struct StateDirectory: Sendable {
  let id: String
  /// Absolute.
  let path: String
  /// Close-on-exec. Children that are cloned have it too, and hold the lock as long as they do: they close it.
  let descriptor: Int32

  var execFIFO: String { path + "/exec.fifo" }

  func close() { _ = Glibc.close(descriptor) }

  // MARK: Lock

  /// Takes the lock that serialises the verbs that change a container: flock(2) on the folder; it goes with the last
  /// process that has the descriptor. False when another has it and `wait` is false. `notExist` when the container was
  /// deleted meanwhile.
  func lock(wait: Bool = true) throws(Failure) -> Bool {
    while flock(descriptor, wait ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
      switch Errno.last.code {
      case EWOULDBLOCK: return false
      case EINTR: continue
      case let code: throw Failure("lock \(path): \(Errno(number: code))")
      }
    }
    var info = stat()
    guard fstat(descriptor, &info) == 0, info.st_nlink > 0 else { throw .notExist }
    return true
  }

  /// Gives the lock back before the process ends.
  func unlock() { flock(descriptor, LOCK_UN) }

  // MARK: state.json

  /// `notExist` where `create` did not come so far; a clear refusal where the notes are not what we wrote.
  func load() throws(Failure) -> ContainerRecord {
    let bytes: [UInt8]
    do { bytes = try HostFile.read("state.json", at: descriptor, limit: 4 << 20, regular: true, noFollow: true) } catch
    {
      switch error {
      case .errno(.ENOENT): throw .notExist
      case .errno(let errno): throw Failure("open \(path)/state.json: \(errno)")
      case .irregular: throw broken("not a regular file")
      case .large: throw broken("too large")
      }
    }
    // `create` was about to write the first notes: nothing was made before.
    if bytes.isEmpty { throw .notExist }
    let json: JSON
    do { json = try JSON(parsing: bytes, maxDepth: 16) } catch { throw broken(error.description) }
    do { return try ContainerRecord(json, id: id) } catch { throw broken(error.message) }
  }

  private func broken(_ reason: String) -> Failure {
    Failure("container \(id) has a broken state: \(path)/state.json: \(reason)")
  }

  /// The first `state.json` of a new container. It needs no other name first: who reads before the one write(2) sees an
  /// empty file, and takes that for none.
  func createState(_ record: ContainerRecord) throws(Failure) {
    var writer = JSONWriter(reserving: 2048)
    writer.write(record.json)
    // Longer ones could be read when they are half there.
    if writer.bytes.count > 4096 { return try replace("state.json", writer.bytes) }
    let file = openat(descriptor, "state.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure("open \(path)/state.json: \(Errno.last)") }
    defer { Glibc.close(file) }
    do { try HostFile.write(writer.bytes, to: file) } catch { throw Failure("write \(path)/state.json: \(error)") }
  }

  /// Replaces `state.json` at once: whoever reads sees the old one or the new one.
  func save(_ record: ContainerRecord) throws(Failure) {
    var writer = JSONWriter(reserving: 2048)
    writer.write(record.json)
    try replace("state.json", writer.bytes)
  }

  /// RENAME_EXCHANGE.
  private static let exchange = 2

  /// A new file under a name of this process's own, then rename(2).
  private func replace(_ name: String, _ bytes: [UInt8]) throws(Failure) {
    let temporary = ".\(name).\(getpid())"
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    var file = openat(descriptor, temporary, flags, 0o600)
    if file < 0, Glibc.errno == Glibc.EEXIST {
      // Of a runtime of the same number that was killed.
      unlinkat(descriptor, temporary, 0)
      file = openat(descriptor, temporary, flags, 0o600)
    }
    guard file >= 0 else { throw Failure("open \(path)/\(temporary): \(Errno.last)") }
    do throws(Errno) {
      defer { Glibc.close(file) }
      try HostFile.write(bytes, to: file)
    } catch {
      unlinkat(descriptor, temporary, 0)
      throw Failure("write \(path)/\(temporary): \(error)")
    }
    // Where the old file is exchanged and then removed, its blocks need not be allocated: ext4 allocates those of a file
    // that is renamed over another at once, and removing it later takes three times as long.
    let exchanged = temporary.withCString { from in
      name.withCString { to in
        clinux_call(
          Int(SYS_renameat2), Int(descriptor), Int(bitPattern: from), Int(descriptor), Int(bitPattern: to),
          StateDirectory.exchange, 0)
      }
    }
    if exchanged == 0 {
      unlinkat(descriptor, temporary, 0)
      return
    }
    guard renameat(descriptor, temporary, descriptor, name) == 0 else {
      throw Failure("rename \(path)/\(temporary) to \(name): \(Errno.last)")
    }
  }

  // MARK: config.json

  /// Keeps the configuration of a new container, before `save` says that it is there: until then nobody reads it.
  func createConfig(_ bytes: [UInt8]) throws(Failure) {
    let file = openat(descriptor, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Failure("open \(path)/config.json: \(Errno.last)") }
    defer { Glibc.close(file) }
    do { try HostFile.write(bytes, to: file) } catch { throw Failure("write \(path)/config.json: \(error)") }
  }

  /// Keeps the configuration with which the container is created: what becomes of the bundle's file later does not
  /// matter. To be called before the first `save`.
  func saveConfig(_ bytes: [UInt8]) throws(Failure) { try replace("config.json", bytes) }

  /// The kept configuration, as it stands.
  func configBytes() throws(Failure) -> [UInt8] {
    do {
      return try HostFile.read(
        "config.json", at: descriptor, limit: RuntimeSpec.Limits.size, regular: true, noFollow: true)
    } catch {
      throw Failure("container \(id) has a broken state: \(path)/config.json: \(BundleConfig.words(error))")
    }
  }

  /// The kept configuration.
  func config() throws(Failure) -> RuntimeSpec.Config {
    let bytes = try configBytes()
    do { return try RuntimeSpec.Config(parsing: bytes) } catch {
      throw Failure("container \(id) has a broken state: \(path)/config.json: \(error)")
    }
  }

  // MARK: Removal

  /// Removes the folder with all its files, `state.json` last: whoever is killed in the middle can be followed by
  /// another `delete`. The descriptor stays open, and with it the lock.
  func remove() throws(Failure) {
    let names = (HostFile.names(in: path) ?? []).filter { $0 != "state.json" } + ["state.json"]
    for name in names where unlinkat(descriptor, name, 0) != 0 {
      let error = Errno.last
      if error == .ENOENT { continue }
      throw Failure("unable to remove container state dir: unlink \(path)/\(name): \(error)")
    }
    guard rmdir(path) == 0 || Glibc.errno == Glibc.ENOENT else {
      throw Failure("unable to remove container state dir: rmdir \(path): \(Errno.last)")
    }
  }
}
