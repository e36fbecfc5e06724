import Glibc
import JSONTree
import LinuxKernel
import OCISpec
import Runtime

/// `pause`, `resume` and `update`: what changes a container's cgroup.
extension DrydockRunc {
  static func pause(_ invocation: Invocation) throws(Failure) -> Int32 {
    let (directory, record) = try invocation.container()
    _ = try directory.lock()
    switch record.status(in: directory) {
    case .running, .created: break
    default: throw .notRunning
    }
    let facts = record.facts(RuntimeSpec.Config(), in: directory)
    guard Freezer(record.cgroups).file != nil else { throw Failure("freezer not supported") }
    try perform(Plan.pause(facts, flavour: flavour), record, invocation)
    try Freezer(record.cgroups).confirm()
    return 0
  }

  static func resume(_ invocation: Invocation) throws(Failure) -> Int32 {
    let (directory, record) = try invocation.container()
    _ = try directory.lock()
    guard record.status(in: directory) == .paused else { throw .notPaused }
    try perform(Plan.resume(record.facts(RuntimeSpec.Config(), in: directory), flavour: flavour), record, invocation)
    return 0
  }

  /// Performs a plan that is the runtime's alone.
  static func perform(_ plan: Plan, _ record: ContainerRecord, _ invocation: Invocation) throws(Failure) {
    var setting = PerformanceSetting(state: record.state(.running))
    setting.trace = try invocation.trace(started: LinuxKernel.monotonicTime())
    do { try Performance(plan, setting).runAlone() } catch {
      throw Failure(memoryInUse(plan.steps[error.step].call, error.errno) ?? error.message)
    }
  }

  /// v1 says only "busy" when more memory is in use than the new limit allows.
  private static func memoryInUse(_ call: KernelCall, _ errno: Runtime.Errno) -> String? {
    guard errno == .EBUSY, let limit = call.writes("memory.limit_in_bytes"), case .writeFile(let path, _) = call else {
      return nil
    }
    let folder = PathText.parent(path.path)
    func number(_ name: String) -> String { (HostFile.text("\(folder)/\(name)") ?? "?").filter { $0 != "\n" } }
    return "unable to set memory limit to \(limit) (current usage: \(number("memory.usage_in_bytes")), "
      + "peak usage: \(number("memory.max_usage_in_bytes")))"
  }

  // MARK: update

  static func update(_ invocation: Invocation) throws(Failure) -> Int32 {
    let (directory, record) = try invocation.container()
    let change = try change(invocation)
    _ = try directory.lock()
    guard record.status(in: directory) != .stopped else { throw .notRunning }
    var document = try JSONDocument(directory.configBytes(), of: directory)
    let config = try directory.config()
    let old = config.linux?.resources ?? RuntimeSpec.Resources()
    let resources = change.changing(old)
    let facts = record.facts(config, in: directory)
    let (plan, back): (Plan, Plan)
    do throws(PlanError) {
      plan = try Plan.update(facts, resources, flavour: flavour).ordered(for: record.cgroups)
      back = try Plan.update(facts, old, flavour: flavour).ordered(for: record.cgroups)
    } catch { throw Failure(error.message) }
    do { try perform(plan, record, invocation) } catch {
      // What was written already is written back: a half-changed container would be neither old nor new.
      do { try perform(back, record, invocation) } catch {
        invocation.log.warn("Setting back cgroup configs failed due to error: \(error.message)")
      }
      throw error
    }
    document.set(resources)
    try directory.saveConfig(document.bytes)
    return 0
  }

  /// What is to be changed: `--resources FILE`, or flags.
  private static func change(_ invocation: Invocation) throws(Failure) -> RuntimeSpec.Resources {
    let arguments = invocation.arguments
    for (flag, words) in [
      ("l3-cache-schema", "Intel RDT/CAT: L3 cache schema is not enabled"),
      ("mem-bw-schema", "Intel RDT/MBA: memory bandwidth schema is not enabled"),
    ] where !(arguments[flag] ?? "").isEmpty { throw Failure(words) }
    let change: RuntimeSpec.Resources
    if let path = arguments["resources"], !path.isEmpty {
      let bytes: [UInt8]
      if path == "-" {
        do { bytes = try HostFile.read(0, limit: RuntimeSpec.Limits.size) } catch {
          throw Failure("read stdin: \(BundleConfig.words(error))")
        }
      } else {
        bytes = try BundleConfig.read(file: path)
      }
      do { change = try RuntimeSpec.Resources(RuntimeSpec.parse(bytes)) } catch { throw Failure(error.description) }
    } else {
      do { change = try arguments.resources() } catch { throw Failure(error.message) }
    }
    if (change.memory.kernel ?? 0) != 0 || (change.memory.kernelTCP ?? 0) != 0 {
      invocation.log.warn("Kernel memory settings are ignored and will be removed")
    }
    return change
  }
}

/// The kept configuration as a tree, of which one member is replaced: what nobody here knows stays as it is.
private struct JSONDocument {
  private var tree: JSON

  init(_ bytes: [UInt8], of directory: StateDirectory) throws(Failure) {
    do { tree = try RuntimeSpec.parse(bytes) } catch {
      throw Failure("container \(directory.id) has a broken state: \(directory.path)/config.json: \(error)")
    }
  }

  mutating func set(_ resources: RuntimeSpec.Resources) {
    if tree["linux"]?.object == nil { tree["linux"] = [:] }
    tree["linux"]?["resources"] = resources.json
  }

  var bytes: [UInt8] {
    var writer = JSONWriter(reserving: 8192)
    writer.write(tree)
    return writer.bytes
  }
}

extension Plan {
  /// v1 refuses a memory limit above that of memory and swap together, and the other way round: which of both comes
  /// first depends on what is in force.
  func ordered(for cgroups: CgroupPaths) -> Plan {
    guard cgroups.layout.version != .unified,
      let memory = steps.firstIndex(where: { $0.call.writes("memory.limit_in_bytes") != nil }),
      let swap = steps.firstIndex(where: { $0.call.writes("memory.memsw.limit_in_bytes") != nil }),
      let path = cgroups.path(of: "memory"), let wanted = steps[swap].call.writes("memory.memsw.limit_in_bytes")
    else { return self }
    let current = HostFile.text(path + "/memory.limit_in_bytes").flatMap { UInt64($0.prefix { $0 != "\n" }) } ?? 0
    let swapFirst = wanted == "-1" || UInt64(wanted).map { current < $0 } ?? false
    guard swapFirst == (memory < swap) else { return self }
    var plan = self
    plan.steps.swapAt(memory, swap)
    return plan
  }
}

extension KernelCall {
  /// What is written to a file of that name; nil for any other call.
  fileprivate func writes(_ name: String) -> String? {
    guard case .writeFile(let path, let contents) = self, path.path.hasSuffix("/" + name) else { return nil }
    return contents
  }
}
