import Archive
import JSONTree
import OCISpec
import Runtime
import Seams
import Synchronization

@testable import Simulation

/// A program made of a closure.
struct KernelTestProgram: SimProgram {
  let body: @Sendable (any SimProcess) async throws -> Int32
  func main(_ process: any SimProcess) async throws -> Int32 { try await body(process) }
}

/// A simulated host with a few test programs in /bin, and the steps of a runtime.
final class KernelFixture: Sendable {
  let world = SimWorld(seed: 1)
  let kernel: SimKernel
  let files: SimHostFiles
  /// The process of the runtime: root, on the host.
  let runtime: Int

  init(
    _ programs: [String: @Sendable (any SimProcess) async throws -> Int32] = [:], memory: Int64 = 8 << 30,
    cgroupVersion: Int = 2
  ) {
    var table = ProgramTable()
    table.register("true", KernelTestProgram { _ in 0 })
    table.register(
      "sleeper",
      KernelTestProgram { process in
        try await process.sleep(1_000 * Duration64.second)
        return 0
      })
    table.register(
      "cat",
      KernelTestProgram { process in
        while let bytes = try await process.read(0, 4096) { try await process.write(1, bytes) }
        return 0
      })
    table.register(
      "args",
      KernelTestProgram { process in
        try await process.write(1, Array((process.arguments.joined(separator: " ") + "\n").utf8))
        return 0
      })
    for (name, body) in programs { table.register(name, KernelTestProgram(body: body)) }
    kernel = SimKernel(
      world: world, network: SimNetwork(world: world), programs: table, memory: memory, cgroupVersion: cgroupVersion)
    files = SimHostFiles(kernel)
    runtime = kernel.spawnPart("runc", arguments: ["runc", "create", "test"])
    for name in table.programs.keys.sorted() {
      try? files.write("/usr/local/bin/\(name)", ProgramTable.executable(name), mode: 0o755)
    }
  }

  @discardableResult
  func perform(_ call: KernelCall, as pid: Int? = nil) throws -> Int { try kernel.perform(call, as: pid ?? runtime) }

  /// The errno of a call that is to fail.
  func errno(_ call: KernelCall, as pid: Int? = nil) -> Errno? {
    do throws(Errno) {
      _ = try kernel.perform(call, as: pid ?? runtime)
      return nil
    } catch { return error }
  }

  func read(_ path: String, as pid: Int? = nil) -> String? { try? kernel.readFile(path, as: pid ?? runtime) }

  func mount(
    _ source: String, _ target: String, _ type: String = "", _ flags: [String] = [], data: String = "",
    as pid: Int? = nil
  ) throws {
    try perform(.mount(source: source, target: KernelPath(target), type: type, flags: flags, data: data), as: pid)
  }

  /// The paths of a process's mount table.
  func mounts(_ pid: Int? = nil) -> [String] {
    (read("/proc/self/mountinfo", as: pid) ?? "").split(separator: "\n").map { String($0.split(separator: " ")[4]) }
  }

  /// A new process in new namespaces, as runc's first child is.
  func child(_ kinds: [NamespaceKind] = []) throws -> Int { try perform(.clone(namespaces: kinds)) }

  /// Lets `pid` execute a test program and drives the world until it has ended.
  func run(_ program: String, _ arguments: [String] = [], as pid: Int) throws -> Int {
    try perform(
      .execve(
        path: "/usr/local/bin/\(program)", arguments: [program] + arguments, environment: ["PATH=/usr/local/bin"]),
      as: pid)
    return status(of: pid)
  }

  func status(of pid: Int) -> Int {
    let kernel = kernel
    return world.runBlocking { await kernel.wait(pid) } ?? -1
  }

  /// Runs a closure as a process of the host (a program `test` of this fixture), to its end.
  static func hosted(_ body: @escaping @Sendable (any SimProcess) async throws -> Int32) throws -> (KernelFixture, Int)
  {
    let fixture = KernelFixture(["test": body])
    return (fixture, try fixture.run("test", as: try fixture.child()))
  }

  /// Lets everything happen that can happen now.
  func settle() { world.run(until: { false }, limit: 0) }

  /// A root file system with programs, as an overlay over one layer, mounted on the host.
  func makeRootfs(_ name: String = "c1") throws -> String {
    let rootfs = "/var/lib/docker/rootfs/overlayfs/\(name)"
    for folder in [
      "lower/bin", "lower/etc", "lower/proc", "lower/sys", "lower/dev", "lower/usr/local/bin", "upper", "work",
    ] {
      try files.makeDirectory("/var/lib/layers/\(name)/\(folder)", mode: 0o755)
    }
    for program in try files.list("/usr/local/bin") {
      try files.write(
        "/var/lib/layers/\(name)/lower/usr/local/bin/\(program)", ProgramTable.executable(program), mode: 0o755)
    }
    try files.write("/var/lib/layers/\(name)/lower/etc/motd", Array("hello\n".utf8), mode: 0o644)
    try files.makeDirectory(rootfs, mode: 0o755)
    let layers = "/var/lib/layers/\(name)"
    try files.mount(
      source: "overlay", target: rootfs, type: "overlay",
      options: ["lowerdir=\(layers)/lower", "upperdir=\(layers)/upper", "workdir=\(layers)/work"])
    return rootfs
  }

  /// What runc does between clone and execve, in short: the process in its own root, as pid 1 of its namespaces.
  func makeContainer(_ name: String = "c1", cgroup: [(String, String)] = []) throws -> Int {
    let rootfs = try makeRootfs(name)
    try perform(.mkdir(path: "/sys/fs/cgroup/docker", mode: 0o755), ifMissing: true)
    try perform(
      .writeFile(path: "/sys/fs/cgroup/docker/cgroup.subtree_control", contents: "+cpu +cpuset +io +memory +pids"))
    try perform(.mkdir(path: KernelPath("/sys/fs/cgroup/docker/\(name)"), mode: 0o755))
    for (file, value) in cgroup {
      try perform(.writeFile(path: KernelPath("/sys/fs/cgroup/docker/\(name)/\(file)"), contents: value))
    }
    let pid = try child([.mount, .pid, .uts, .ipc, .network, .cgroup])
    try perform(.writeFile(path: KernelPath("/sys/fs/cgroup/docker/\(name)/cgroup.procs"), contents: "\(pid)"))
    try mount("", "/", "", ["MS_REC", "MS_SLAVE"], as: pid)
    try mount(rootfs, rootfs, "", ["MS_BIND", "MS_REC"], as: pid)
    try mount("proc", rootfs + "/proc", "proc", ["MS_NOSUID", "MS_NOEXEC", "MS_NODEV"], as: pid)
    try mount("tmpfs", rootfs + "/dev", "tmpfs", ["MS_NOSUID"], data: "mode=755,size=65536k", as: pid)
    for folder in ["pts", "shm"] {
      try perform(.mkdir(path: KernelPath("\(rootfs)/dev/\(folder)"), mode: 0o755), as: pid)
    }
    try mount("devpts", rootfs + "/dev/pts", "devpts", [], data: "newinstance,ptmxmode=0666,mode=0620,gid=5", as: pid)
    try perform(.symlink(target: "pts/ptmx", path: KernelPath(rootfs + "/dev/ptmx")), as: pid)
    try mount("sysfs", rootfs + "/sys", "sysfs", ["MS_RDONLY"], as: pid)
    try perform(.chdir(path: rootfs), as: pid)
    try perform(.pivotRoot(new: ".", old: "."), as: pid)
    try mount("", ".", "", ["MS_SLAVE", "MS_REC"], as: pid)
    try perform(.unmount(target: ".", flags: ["MNT_DETACH"]), as: pid)
    try perform(.chdir(path: "/"), as: pid)
    try perform(.sethostname(name), as: pid)
    return pid
  }

  private func perform(_ call: KernelCall, ifMissing: Bool) throws {
    if let error = errno(call), error != .EEXIST { throw error }
  }
}
