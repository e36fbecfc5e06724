import Handoff
import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

@testable import Engine

/// A runtime over the fake kernel.
struct RuncFixture {
  let kernel = RuncFakeKernel()
  let world = RuncTestWorld()
  let trace = RuncTrace()
  let runc: Runc
  let flavour: RuntimeFlavour

  init(_ flavour: RuntimeFlavour = .runc) {
    self.flavour = flavour
    let world = world
    let recorder = Recorder(clock: { world.now })
    recorder.attach(trace)
    runc = Runc(
      flavour: flavour, kernel: kernel, files: kernel, world: world,
      kernelTap: Tap(from: Party(flavour.rawValue), to: .kernel, via: .syscall, recorder: recorder))
  }

  /// A second runtime over the same kernel: another process, which remembers nothing.
  func another() -> Runc {
    Runc(
      flavour: flavour, kernel: kernel, files: kernel, world: world,
      kernelTap: Tap(from: .runc, to: .kernel, via: .syscall, recorder: Recorder(clock: { 0 })))
  }

  static func config(
    args: [String] = ["true"], cwd: String = "/", mounts: [JSON] = [], linux: JSONObject = [:],
    process: JSONObject = [:], namespaces: [String] = ["pid", "mount", "uts", "ipc", "network"]
  ) -> JSON {
    var members: JSONObject = [
      "namespaces": .array(namespaces.map { ["type": .string($0)] }), "cgroupsPath": "/docker/c1",
      "maskedPaths": ["/proc/kcore", "/proc/acpi"], "readonlyPaths": ["/proc/sys"],
      "resources": ["memory": ["limit": 67_108_864], "pids": ["limit": 100]],
      "seccomp": [
        "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [["names": ["read", "write"], "action": "SCMP_ACT_ALLOW"]],
      ],
    ]
    for member in linux.members { members[member.key] = member.value }
    let capabilities: JSON = ["CAP_CHOWN", "CAP_KILL"]
    var fields: JSONObject = [
      "args": JSON(args), "cwd": .string(cwd), "env": ["PATH=/usr/bin:/bin", "A=1", "A=2"],
      "user": ["uid": 0, "gid": 0],
      "capabilities": ["bounding": capabilities, "effective": capabilities, "permitted": capabilities],
    ]
    for member in process.members { fields[member.key] = member.value }
    return [
      "ociVersion": "1.3.0", "process": .object(fields), "root": ["path": "rootfs"], "hostname": "c1",
      "mounts": .array(
        [
          ["destination": "/proc", "type": "proc", "source": "proc"],
          ["destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid"]],
          ["destination": "/etc/hosts", "type": "bind", "source": "/data/file", "options": ["rbind", "ro"]],
        ] + mounts), "linux": .object(members), "annotations": ["a": "b"],
    ]
  }

  func run(
    _ verb: String, _ arguments: [String], document: JSON? = nil, stdio: ProcessStdio = .init(),
    global: [String] = [], with other: Runc? = nil
  ) async throws -> RuntimeResult {
    try await (other ?? runc).execute(
      RuntimeCommand(
        runtime: flavour.rawValue, verb: verb, globalArguments: global, arguments: arguments, document: document,
        stdio: stdio))
  }

  func create(_ id: String = "c1", _ config: JSON = RuncFixture.config(), stdio: ProcessStdio = .init()) async throws
    -> RuntimeResult
  {
    try await run("create", ["--bundle", "/bundle", id], document: config, stdio: stdio)
  }

  var cgroup: String { "/sys/fs/cgroup/docker/c1" }
  var directory: String { "/run/\(flavour.rawValue)/c1" }

  func status(_ id: String = "c1") async throws -> String? {
    let result = try await run("state", [id])
    return try JSON(parsing: result.stdout)["status"]?.string
  }
}

/// The recorded handoffs.
final class RuncTrace: TraceSink {
  private let kept = Mutex<[TraceRecord]>([])
  var records: [TraceRecord] { kept.withLock { $0 } }
  func receive(_ record: TraceRecord) { kept.withLock { $0.append(record) } }
}
