import OCISpec
import Runtime
import Seams

/// The command line of one execution, as a runtime of this flavour reads it.
struct RuncArguments {
  typealias Misuse = RuntimeArguments.Misuse

  private let line: RuntimeArguments
  let root: String
  let isRootGiven: Bool
  /// The file of the log; empty for none.
  let log: String
  let logsJSON: Bool
  let systemdCgroup: Bool

  init(_ command: RuntimeCommand, _ flavour: RuntimeFlavour) throws(Misuse) {
    line = try RuntimeArguments(
      globals: command.globalArguments, verb: command.verb, arguments: command.arguments, program: flavour.rawValue)
    let given = try line.root(in: "/")
    (root, isRootGiven) = (given ?? flavour.defaultRoot, given != nil)
    (log, systemdCgroup) = (line.global("log") ?? "", line.hasGlobal("systemd-cgroup"))
    logsJSON = try line.logsJSON()
    if let misuse = line.misuse { throw misuse }
  }

  /// What is no flag, in order.
  var operands: [String] { line.operands }
  /// The last value of a flag.
  subscript(name: String) -> String? { line[name] }
  /// Every value of a flag, in order.
  func all(_ name: String) -> [String] { line.all(name) }
  /// Whether a switch is on.
  func has(_ name: String) -> Bool { line.has(name) }
  /// Refuses another number of operands than the verb has, as runc does.
  func checkOperands() throws(Misuse) { try line.check() }
  /// The process that `exec`'s flags ask for.
  func process(changing own: RuntimeSpec.Process?) throws(PlanError) -> RuntimeSpec.Process {
    try line.process(changing: own)
  }
  /// The limits that `update`'s flags name.
  func resources() throws(PlanError) -> RuntimeSpec.Resources { try line.resources() }
}
