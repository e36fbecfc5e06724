import Glibc
import LinuxKernel
import Runtime

/// `drydock-runc` from its arguments to its exit status.
public enum DrydockRunc {
  /// One execution of the runtime, with the process's own arguments.
  public static func main() -> Int32 { main(LinuxKernel.arguments) }

  /// One execution of the runtime. The arguments include the program's own name; the result is the exit status.
  public static func main(_ arguments: [String]) -> Int32 {
    let line: RuntimeArguments
    do { line = try RuntimeArguments(Array(arguments.dropFirst()), program: Invocation.program) } catch {
      return misuse(error, .standard)
    }
    let log: Log
    do { log = try Log(line) } catch { return misuse(error, .standard) }
    if let status = answerQuestion(line, log) { return status }
    do { try line.check() } catch { return misuse(error, log) }
    do throws(Failure) {
      log.debug(
        "\(Invocation.program) \(RuntimeVersion.number): \(([line.verb] + line.operands).joined(separator: " "))")
      let status = try perform(Invocation(line, log))
      log.debug("\(line.verb) ends with status \(status)")
      return status
    } catch {
      log.error(frame(line.verb) + error.message)
      return error.status ?? (line.verb == "exec" ? 255 : 1)
    }
  }

  /// Each verb is a function of its own, `(Invocation) throws(Failure) -> exit status`.
  static func perform(_ invocation: Invocation) throws(Failure) -> Int32 {
    switch invocation.verb {
    case "create": try create(invocation)
    case "start": try start(invocation)
    case "run": try run(invocation)
    case "exec": try exec(invocation)
    case "kill": try kill(invocation)
    case "delete": try delete(invocation)
    case "state": try state(invocation)
    case "list": try list(invocation)
    case "ps": try ps(invocation)
    case "pause": try pause(invocation)
    case "resume": try resume(invocation)
    case "update": try update(invocation)
    case "events": try events(invocation)
    case "spec": try spec(invocation)
    case "features": try features(invocation)
    case "plan": try plan(invocation)
    case "checkpoint", "restore": throw Failure("\(invocation.verb): CRIU is not supported")
    default: throw Failure("\(invocation.verb): not supported")
    }
  }

  /// What stands before a verb's error, in runc's words: who starts runtimes knows them.
  static func frame(_ verb: String) -> String {
    switch verb {
    case "create", "run": "runc \(verb) failed: "
    case "exec": "exec failed: "
    default: ""
    }
  }

  // MARK: Help

  /// `--help`, `--version`, `help`, no verb at all, and one that there is not: the exit status; nil when there is
  /// something to do.
  private static func answerQuestion(_ line: RuntimeArguments, _ log: Log) -> Int32? {
    if line.wantsVersion {
      print(RuntimeVersion.text)
      return 0
    }
    switch line.verb {
    case "": printHelp()
    case "help", "h":
      guard let name = line.operands.first else {
        printHelp()
        return 0
      }
      return printHelp(of: name, log)
    default:
      guard RuntimeGrammar.verb(line.verb) != nil, !line.wantsHelp else { return printHelp(of: line.verb, log) }
      return nil
    }
    return 0
  }

  private static func printHelp() {
    print(
      RuntimeUsage.text(
        program: Invocation.program, version: RuntimeVersion.details, root: StateRoot.standard().path))
  }

  private static func printHelp(of name: String, _ log: Log) -> Int32 {
    guard let verb = RuntimeGrammar.verb(name) else {
      log.error("No help topic for '\(name)'")
      return 3
    }
    print(RuntimeUsage.text(of: verb, program: Invocation.program))
    return 0
  }

  private static func misuse(_ misuse: RuntimeArguments.Misuse, _ log: Log) -> Int32 {
    print(misuse.usage)
    log.error(misuse.message)
    return 1
  }

  /// Writes to stdout. Nobody is left to hear it when that fails.
  static func print(_ text: String) { _ = try? HostFile.write(text.utf8, to: 1) }
}
