import Glibc
import JSONTree
import OCISpec
import Runtime

/// `plan`: what the kernel would be asked, call by call, without asking it. Nobody has to be root for that.
extension DrydockRunc {
  static func plan(_ invocation: Invocation) throws(Failure) -> Int32 {
    let arguments = invocation.arguments
    let bundle = try invocation.bundle()
    let (_, config) = try BundleConfig.read(bundle)
    let id = invocation.id.isEmpty ? "container" : invocation.id
    guard ContainerID.isValid(id) else { throw .invalidID }
    let host = Host()
    // Who is not root may look at what root would do.
    let rootless = invocation.isRootless() && config.linux?.isNew(.user) ?? false
    let options = PlanOptions(
      id: id, bundle: bundle, stateRoot: invocation.root.path, executable: "/proc/self/exe",
      noPivot: arguments.has("no-pivot"), noNewKeyring: arguments.has("no-new-keyring"),
      systemdCgroup: invocation.systemdCgroup, rootless: rootless, hasConsole: true,
      hasSELinux: Host.hasSELinux, hasIntelRdt: Host.hasIntelRdt)
    let plans = try self.plans(arguments["operation"] ?? "run", config, options, host, arguments["process"])
    if arguments.has("json") {
      let json = plans.count == 1 ? plans[0].json : .array(plans.map(\.json))
      print(json.pretty(indent: "  ") + "\n")
      return 0
    }
    var text = ""
    for plan in plans {
      if !text.isEmpty { text += "\n" }
      if plans.count > 1 { text += "=== \(plan.operation.rawValue): \(plan.count) steps\n\n" }
      text += plan.text(reasons: !arguments.has("brief"))
    }
    print(text)
    return 0
  }

  private static func plans(
    _ operation: String, _ config: RuntimeSpec.Config, _ options: PlanOptions, _ host: Host, _ process: String?
  ) throws(Failure) -> [Plan] {
    let given: RuntimeSpec.Process?
    if let process, !process.isEmpty {
      let bytes = try BundleConfig.read(file: process)
      do { given = try RuntimeSpec.Process(RuntimeSpec.parse(bytes)) } catch {
        throw Failure("invalid process.json: \(error)")
      }
    } else {
      given = config.process
    }
    do throws(PlanError) {
      let create = try Plan.create(config, options, host: host, flavour: flavour)
      if operation == "create" { return [create] }
      let facts = ContainerFacts(
        id: options.id, bundle: options.bundle, rootfs: Plan.rootfs(config, bundle: options.bundle),
        stateDirectory: options.stateDirectory, pid: 0, cgroups: try Plan.cgroups(config, options, host.cgroups),
        config: config, rootless: options.rootless)
      switch operation {
      case "run": return [create, Plan.start(facts, flavour: flavour)]
      case "start": return [Plan.start(facts, flavour: flavour)]
      case "exec":
        guard let given else { throw PlanError("process property must not be empty") }
        return [try Plan.exec(facts, given, options, host: host, flavour: flavour)]
      case "kill": return [Plan.kill(facts, signal: Int(SIGTERM), flavour: flavour)]
      case "delete": return [Plan.delete(facts, kills: true, flavour: flavour)]
      case "pause": return [Plan.pause(facts, flavour: flavour)]
      case "resume": return [Plan.resume(facts, flavour: flavour)]
      default: throw PlanError("plan: no operation \(GoText.quoted(operation))")
      }
    } catch { throw Failure(error.message) }
  }
}
