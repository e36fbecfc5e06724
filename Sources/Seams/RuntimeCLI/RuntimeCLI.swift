import Handoff
import JSONTree

/// The shim → runC seam: executing an OCI runtime (runtime-spec, "command line interface" of runc).
public protocol RuntimeCLI: Sendable {
  /// Runs the executable to its end. A refusal is a result with a status that is not 0 and a message on stderr;
  /// throws only when the executable itself cannot be executed.
  func execute(_ command: RuntimeCommand) async throws -> RuntimeResult
}

/// One execution of the runtime.
public struct RuntimeCommand: Sendable {
  /// `runc`, `crun`, `railcar`, or the path of an executable.
  public var runtime: String
  public var verb: String
  /// Options before the verb.
  public var globalArguments: [String]
  /// Everything after the verb, the container's id last.
  public var arguments: [String]
  /// What the runtime reads besides: `config.json` for create, the process for exec, resources for update.
  public var document: JSON?
  /// The three descriptors that the executed process, and so the container's, inherits.
  public var stdio: ProcessStdio
  /// The host's pid of the part that executes it (`Processes.spawnPart`), a shim, which the container's process falls
  /// to when the runtime ends; 0 when it is no such part.
  public var caller: Int

  public init(
    runtime: String, verb: String, globalArguments: [String], arguments: [String], document: JSON? = nil,
    stdio: ProcessStdio = .init(), caller: Int = 0
  ) {
    (self.runtime, self.verb, self.globalArguments, self.arguments) = (runtime, verb, globalArguments, arguments)
    (self.document, self.stdio, self.caller) = (document, stdio, caller)
  }

  /// The runtime's name, without the folder that its executable is in.
  public var name: String {
    guard runtime.utf8.contains(UInt8(ascii: "/")) else { return runtime }
    return runtime.split(separator: "/").last.map(String.init) ?? runtime
  }
  public var argv: [String] { [runtime] + globalArguments + [verb] + arguments }
  /// The container's id: the last argument.
  public var id: String { arguments.last ?? "" }
  /// The value of `--name value` or `--name=value` among the arguments.
  public func option(_ name: String) -> String? {
    for (index, argument) in arguments.enumerated() {
      if argument == name, index + 1 < arguments.count { return arguments[index + 1] }
      if argument.hasPrefix(name + "=") { return String(argument.dropFirst(name.count + 1)) }
    }
    return nil
  }
}

/// Standard input, output and error of a process.
public struct ProcessStdio: Sendable {
  public var stdin: ByteChannel?
  public var stdout: ByteChannel?
  public var stderr: ByteChannel?
  public var terminal: Bool
  public init(stdin: ByteChannel? = nil, stdout: ByteChannel? = nil, stderr: ByteChannel? = nil, terminal: Bool = false)
  {
    (self.stdin, self.stdout, self.stderr, self.terminal) = (stdin, stdout, stderr, terminal)
  }
}

/// How an execution ended.
public struct RuntimeResult: Sendable, Hashable, Codable, JSONWritable {
  public var status: Int
  public var stdout: String
  public var stderr: String
  /// What the runtime wrote into its `--pid-file`.
  public var pid: Int?
  public init(status: Int = 0, stdout: String = "", stderr: String = "", pid: Int? = nil) {
    (self.status, self.stdout, self.stderr, self.pid) = (status, stdout, stderr, pid)
  }
}

/// Records every execution of a runtime.
public struct TracedRuntimeCLI: RuntimeCLI {
  private let next: any RuntimeCLI
  private let tap: Tap
  public init(_ next: any RuntimeCLI, tap: Tap) { (self.next, self.tap) = (next, tap) }

  public func execute(_ command: RuntimeCommand) async throws -> RuntimeResult {
    // runc's version is asked as `runc --version`: there the verb is an option.
    let name = command.name
    return try await tap.carry(
      "\(name) \(command.verb)", Payload(command: command),
      outcome: { result in
        result.status == 0
          ? .success(result)
          : .failure(code: result.status, message: result.stderr)
      }
    ) { try await next.execute(command) }
  }

  private struct Payload: JSONWritable {
    let command: RuntimeCommand
    var json: JSON {
      var object: JSONObject = ["argv": JSON(command.argv)]
      if let document = command.document {
        object[command.verb == "exec" ? "process" : command.verb == "update" ? "resources" : "config"] = document
      }
      return .object(object)
    }
    func write(to writer: inout JSONWriter) { writer.write(json) }
  }
}
