import JSONTree
import OCISpec
import Seams
import Synchronization

/// The shim's executable, `containerd-shim-runc-v2`: `start` makes a shim for a container, `delete` cleans up after one
/// that is gone.
public final class ShimFactory: ShimLauncher {
  let world: any World
  let runtime: any RuntimeCLI
  let files: any HostFiles
  let fifos: any FIFOs
  let processes: any Processes

  public init(
    world: any World, runtime: any RuntimeCLI, files: any HostFiles, fifos: any FIFOs, processes: any Processes
  ) {
    (self.world, self.runtime, self.files, self.fifos, self.processes) = (world, runtime, files, fifos, processes)
  }

  public func start(_ invocation: ShimInvocation) async throws -> any ShimAPI {
    Shim(invocation, factory: self, pid: processes.spawnPart(invocation.binary, arguments: invocation.argv("start")))
  }

  /// Kills and deletes what is left of the container, whether its shim said goodbye or not.
  public func delete(_ invocation: ShimInvocation) async throws -> ShimDeleteResult {
    let part = processes.spawnPart(invocation.binary, arguments: invocation.argv("delete"))
    defer { processes.endPart(part) }
    let runtime = ShimRuntime(
      self.runtime, options: ShimRuntime.readOptions(invocation, files), invocation: invocation, caller: part)
    _ = try? await runtime.run("delete", ["--force", invocation.id])
    try? files.unmount(invocation.bundle + "/rootfs")
    let written = (try? files.read(invocation.bundle + "/init.pid")) ?? []
    return ShimDeleteResult(
      pid: Int(String(decoding: written.prefix { $0 != 10 }, as: UTF8.self)) ?? 0, exitStatus: 128 + 9,
      exitedAt: world.unixTime)
  }
}

/// How a shim executes its runtime: runc, or whichever the options name.
struct ShimRuntime: Sendable {
  /// `runc`, `crun`, `railcar` or a path.
  let binary: String
  private let cli: any RuntimeCLI
  private let globals: [String]
  private let caller: Int

  init(_ cli: any RuntimeCLI, options: JSON, invocation: ShimInvocation, caller: Int) {
    (self.cli, self.caller) = (cli, caller)
    let named = options["binary_name"]?.string ?? ""
    binary = named.isEmpty ? "runc" : named
    let root = options["root"]?.string ?? ""
    globals =
      [
        "--root", "\(root.isEmpty ? "/run/containerd/runc" : root)/\(invocation.namespace)", "--log",
        invocation.bundle + "/log.json", "--log-format", "json",
      ] + (options["systemd_cgroup"]?.bool == true ? ["--systemd-cgroup"] : [])
  }

  /// Runs the runtime to its end; a refusal is in the result.
  func execute(
    _ verb: String, _ arguments: [String], document: JSON? = nil, stdio: ProcessStdio = .init()
  ) async throws -> RuntimeResult {
    try await cli.execute(
      RuntimeCommand(
        runtime: binary, verb: verb, globalArguments: globals, arguments: arguments, document: document, stdio: stdio,
        caller: caller))
  }

  /// Runs the runtime; a refusal is thrown in its own words, as the shim reads them from the runtime's log, behind
  /// `failure` (`OCI runtime create failed`).
  @discardableResult
  func run(
    _ verb: String, _ arguments: [String], document: JSON? = nil, stdio: ProcessStdio = .init(), failure: String = ""
  ) async throws -> RuntimeResult {
    let prefix = failure.isEmpty ? "" : failure + ": "
    let result: RuntimeResult
    do { result = try await execute(verb, arguments, document: document, stdio: stdio) } catch let error as EngineError
    {
      throw EngineError(.unknown, unknown("\(prefix)\(error.message)"))
    }
    guard result.status == 0 else {
      let said = ShimRuntime.lastError(result.stderr)
      throw EngineError(
        .unknown,
        unknown(
          said.isEmpty
            ? "\(prefix)unable to retrieve OCI runtime error (EOF): \(binary) did not terminate successfully: exit "
              + "status \(result.status)" : prefix + said))
    }
    return result
  }

  /// The last error of a runtime's log: lines of JSON (`--log-format json`), of logrus' text, or plain.
  static func lastError(_ log: String) -> String {
    var last = ""
    for line in log.split(separator: "\n", omittingEmptySubsequences: true) {
      if line.first == "{", let entry = try? JSON(parsing: String(line)), let message = entry["msg"]?.string {
        if entry["level"]?.string == "error" || last.isEmpty { last = message }
      } else if line.hasPrefix("time="), let start = line.firstRange(of: " msg=") {
        last = unquoted(line[start.upperBound...])
      } else {
        last = line.hasPrefix("ERRO[0000] ") ? String(line.dropFirst(11)) : String(line)
      }
    }
    return String(last.reversed().drop { $0 == " " }.reversed())
  }

  /// A Go string literal's content.
  private static func unquoted(_ text: Substring) -> String {
    guard text.first == "\"" else { return String(text) }
    var out = ""
    var escaped = false
    for character in text.dropFirst() {
      if escaped {
        out.append(character == "n" ? "\n" : character == "t" ? "\t" : character)
        escaped = false
      } else if character == "\\" {
        escaped = true
      } else if character == "\"" {
        break
      } else {
        out.append(character)
      }
    }
    return out
  }

  // MARK: Options

  /// The options stay with the bundle, for `delete`, which is another process.
  static func writeOptions(_ options: JSON, _ invocation: ShimInvocation, _ files: any HostFiles) {
    guard case .object(let object) = options, !object.isEmpty else { return }
    var writer = JSONWriter()
    writer.write(options)
    try? files.write(invocation.bundle + "/options.json", writer.bytes, mode: 0o600)
  }

  static func readOptions(_ invocation: ShimInvocation, _ files: any HostFiles) -> JSON {
    (try? files.read(invocation.bundle + "/options.json")).flatMap { try? JSON(parsing: $0) } ?? .null
  }
}

/// `text: unknown`, as gRPC's unknown errors look to a client.
func unknown(_ text: String) -> String { text.hasSuffix(": unknown") ? text : text + ": unknown" }
