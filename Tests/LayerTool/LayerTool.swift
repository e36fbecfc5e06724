import CLinux
import Dispatch
import Glibc
import ImageStore
import OCISpec
import Seams

/// The store's work as a process of its own: what can be killed, run in a user namespace or on a full disk, and
/// measured. The tests and `make bench-layers` drive it.
///
///     layer-tool [--as-user] [--die-at CALL] [--copy] [--limit BYTES] ROOT VERB …
///
///     ingest REF                           standard input becomes a blob; prints its digest
///     apply ID PARENTS TYPE DIGEST         prints diff id and size (PARENTS: `-`, or ids with commas, nearest first)
///     diff ID PARENTS TYPE REF             prints the digest of the layer, its diff id and size
///     changes ID PARENTS                   prints what `docker diff` prints
///     remove ID
///     mounts ID PARENTS                    prints options of the mount that shows the snapshot, read only
///     driver                               prints the name of the driver that the folder gets, and why
///     ingests                              prints refs and offsets
///     million COUNT ID                     applies that many files, made as they are read
///     pull LAYOUT [LAYERS AT ONCE]         takes the layers of an OCI layout in and unpacks them, one on the other
///     unpack LAYOUT                        unpacks them only
///
/// The last line on standard error is the peak of its memory in KiB.
@main
struct LayerTool {
  static func main() {
    var arguments = Array(CommandLine.arguments.dropFirst())
    do {
      var deadlyCall: String?
      var mustCopy = false
      var limits = UnpackLimits()
      while let flag = arguments.first, flag.hasPrefix("--") {
        arguments.removeFirst()
        switch flag {
        case "--as-user": try enterUserNamespace()
        case "--copy": mustCopy = true
        case "--die-at": deadlyCall = arguments.removeFirst()
        case "--limit": limits.bytes = Int64(arguments.removeFirst()) ?? 0
        default: throw Misuse(description: "unknown flag \(flag)")
        }
      }
      if let deadlyCall { try die(at: deadlyCall) }
      guard arguments.count >= 2 else { throw Misuse(description: "layer-tool ROOT VERB …") }
      let work = Work(
        root: arguments[0], verb: arguments[1], arguments: Array(arguments.dropFirst(2)), mustCopy: mustCopy,
        limits: limits)
      Task {
        var status: Int32 = 0
        do { try await work.run() } catch {
          say("\(error)", to: STDERR_FILENO)
          status = 1
        }
        say(peak(), to: STDERR_FILENO)
        exit(status)
      }
      dispatchMain()
    } catch {
      say("\(error)", to: STDERR_FILENO)
      exit(2)
    }
  }

  /// VmHWM of /proc/self/status.
  private static func peak() -> String {
    let file = open("/proc/self/status", O_RDONLY)
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 8192)
    let count = max(0, read(file, &bytes, bytes.count))
    for line in String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n") {
      if line.hasPrefix("VmHWM:") { return String(line.filter { ("0"..."9").contains($0) }) }
    }
    return "0"
  }

  /// Goes on in a child that is root of a user namespace and of a mount namespace: outside it is user 100000, who has
  /// 65,536 ids and owns nothing.
  private static func enterUserNamespace() throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Misuse(description: "pipe: \(errno)") }
    let child = clinux_clone3(UInt64(CLONE_NEWUSER | CLONE_NEWNS), SIGCHLD, -1, nil)
    guard child >= 0 else { throw Misuse(description: "clone3: errno \(-child)") }
    if child == 0 {
      close(ends[1])
      var byte: UInt8 = 0
      guard read(ends[0], &byte, 1) == 1, setgroups(0, nil) == 0, setgid(0) == 0, setuid(0) == 0
      else { throw Misuse(description: "user namespace: errno \(errno)") }
      close(ends[0])
      return
    }
    for map in ["uid_map", "gid_map"] {
      let file = open("/proc/\(child)/\(map)", O_WRONLY)
      let text = "0 100000 65536"
      guard file >= 0, write(file, text, text.utf8.count) == text.utf8.count else {
        throw Misuse(description: "\(map): errno \(errno)")
      }
      close(file)
    }
    guard write(ends[1], "x", 1) == 1 else { throw Misuse(description: "write: errno \(errno)") }
    var status: Int32 = 0
    while waitpid(pid_t(child), &status, 0) < 0, errno == EINTR {}
    exit(status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f))
  }
}

struct Misuse: Error, CustomStringConvertible {
  let description: String
}

/// A line.
func say(_ text: String, to descriptor: Int32 = STDOUT_FILENO) {
  let line = text + "\n"
  _ = write(descriptor, line, line.utf8.count)
}
