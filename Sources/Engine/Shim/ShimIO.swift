import Runtime
import Seams

/// The standard streams of a process: FIFOs that containerd's client made, or a file for what it writes.
///
/// The shim holds them for as long as the process runs, whoever reads or writes at the other end comes and goes: that
/// is why a container's output survives a restart of dockerd.
struct ShimIO: Sendable {
  let stdin: ByteChannel?
  let stdout: ByteChannel?
  let stderr: ByteChannel?
  let terminal: Bool

  /// Opens the streams; a path is that of a FIFO, `file:///…` a log file, empty nothing (/dev/null).
  init(
    stdin: String, stdout: String, stderr: String, terminal: Bool, fifos: any FIFOs, files: any HostFiles,
    world: any World
  ) throws {
    func open(_ path: String, _ stream: String) throws -> ByteChannel? {
      if path.isEmpty { return nil }
      if path.hasPrefix("file://") {
        let channel = ByteChannel()
        let file = String(path.dropFirst(7))
        do { try files.append(file, []) } catch {
          throw EngineError(.unknown, unknown("failed to open \(stream) log \(file): \(error)"))
        }
        world.spawn {
          while let bytes = await channel.read() {
            do { try files.append(file, bytes) } catch { break }
          }
          channel.closeReading()
        }
        return channel
      }
      guard let channel = fifos.channel(path) else {
        throw EngineError(.unknown, unknown("failed to open \(stream) fifo: open \(path): no such file or directory"))
      }
      return channel
    }
    self.stdin = try open(stdin, "stdin")
    self.stdout = try open(stdout, "stdout")
    // A terminal has one stream for both.
    self.stderr = terminal ? nil : try open(stderr, "stderr")
    self.terminal = terminal
  }

  /// What the runtime gives to the process.
  var stdio: ProcessStdio { ProcessStdio(stdin: stdin, stdout: stdout, stderr: stderr, terminal: terminal) }

  /// Nothing more will be written or read.
  func close() {
    stdin?.closeReading()
    stdout?.closeWriting()
    stderr?.closeWriting()
  }
}
