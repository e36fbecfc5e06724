import Glibc
import JSONTree
import Testing

/// kill -9 of the runtime at every call that it makes. The runtime stands still after each call until its record is read from
/// the trace (`StepGate`), so no point is missed and none is left to chance. Afterwards `delete --force` must clean up everything.
@Suite("Attack: the runtime is killed", .requireRoot)
struct KillTests {
  /// Kills `verb` after its record number 0, 1, 2, …, until it ends by itself; `begin` makes what it works on, and what is
  /// there afterwards is deleted by force and must be gone. How many points there were.
  private func everywhere(
    _ box: Sandbox, _ verb: [String], step: Int = 1, begin: () throws -> Void
  ) throws -> Int {
    var point = 0
    while true {
      try begin()
      let gate = try StepGate()
      let child = try box.start(["--trace-fd", "3"] + verb, extra: [gate.writer])
      gate.handedOver()
      var last = "the beginning"
      var ended = false
      for _ in 0..<point {
        guard let record = gate.next() else {
          ended = true
          break
        }
        last = (try? JSON(parsing: record))?["op"]?.string ?? record
      }
      child.kill(SIGKILL)
      gate.open()
      _ = try child.wait()
      let outcome = try box.runtime(["delete", "--force", box.id()], timeout: 20)
      #expect(outcome.succeeded, "killed after \(point) calls (\(last)): \(outcome)")
      var remains: [String] = []
      let isClean = becomesTrue(within: 3) {
        remains = box.remains()
        return remains.isEmpty
      }
      #expect(isClean, "killed after \(point) calls (\(last)): \(remains)")
      if ended || !isClean { return point }
      point += step
    }
  }

  /// A bundle that uses most of what a plan can have.
  private func bundle(_ box: Sandbox) throws -> Bundle {
    try box.bundle {
      $0.namespace("cgroup")
      $0["linux.resources.pids"] = ["limit": 50]
      $0["linux.resources.memory"] = ["limit": 67_108_864]
      $0.bind(box.folder, to: "/mnt/host")
      $0["linux.sysctl"] = ["kernel.msgmax": "9999"]
      $0["hooks.createRuntime"] = [["path": "/bin/true"]]
      $0.args = ["sleep", "1000"]
    }
  }

  @Test("create, at every call", .ours)
  func create() throws {
    try Sandbox.with { box in
      let bundle = try bundle(box)
      let points = try everywhere(box, ["create", "--bundle", bundle.path, box.id()]) {}
      #expect(points > 40)
    }
  }

  @Test("create of a container in a user namespace, at every third call", .ours)
  func createInUserNamespace() throws {
    try Sandbox.with { box in
      var bundle = try bundle(box)
      try bundle.change { $0.mapUsers() }
      Files.own(bundle.rootfs, by: 100_000)
      let points = try everywhere(box, ["create", "--bundle", bundle.path, box.id()], step: 3) {}
      #expect(points > 40)
    }
  }

  @Test("start, at every call", .ours)
  func start() throws {
    try Sandbox.with { box in
      let bundle = try bundle(box)
      let points = try everywhere(box, ["start", box.id()]) {
        let outcome = try box.runtime("create", "--bundle", bundle.path, box.id())
        guard outcome.succeeded else { throw Refused(doing: "create", outcome: outcome) }
      }
      #expect(points > 0)
    }
  }

  @Test("exec, at every call", .ours)
  func exec() throws {
    try Sandbox.with { box in
      let bundle = try bundle(box)
      let points = try everywhere(box, ["exec", box.id(), "sleep", "1000"]) {
        let outcome = try box.runtime("run", "--detach", "--bundle", bundle.path, box.id())
        guard outcome.succeeded else { throw Refused(doing: "run", outcome: outcome) }
      }
      #expect(points > 10)
    }
  }

  @Test("delete --force of a running container, at every call", .ours)
  func delete() throws {
    try Sandbox.with { box in
      let bundle = try bundle(box)
      let points = try everywhere(box, ["delete", "--force", box.id()]) {
        let outcome = try box.runtime("run", "--detach", "--bundle", bundle.path, box.id())
        guard outcome.succeeded else { throw Refused(doing: "run", outcome: outcome) }
      }
      #expect(points > 0)
    }
  }

  @Test("at moments of chance, 60 times", arguments: [20_251_124])
  func chance(_ seed: UInt64) throws {
    try Sandbox.with { box in
      var random = seed
      func next(_ below: UInt64) -> UInt64 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (random >> 33) % below
      }
      let bundle = try bundle(box)
      // runc needs its whole create time, ours less; the moments lie all over it.
      let longest: UInt64 = box.runtime.kind == .drydock ? 15_000 : 60_000
      for round in 0..<60 {
        let verb = next(3)
        if verb == 1 { try box.runtime("create", "--bundle", bundle.path, box.id()) }
        if verb == 2 { try box.runtime("run", "--detach", "--bundle", bundle.path, box.id()) }
        let arguments =
          switch verb {
          case 0: ["create", "--bundle", bundle.path, box.id()]
          case 1: ["start", box.id()]
          default: ["exec", box.id(), "sleep", "1000"]
          }
        let child = try box.start(arguments)
        let delay = next(longest)
        usleep(UInt32(delay))
        child.kill(SIGKILL)
        _ = try child.wait()
        let outcome = try box.runtime(["delete", "--force", box.id()], timeout: 20)
        // Genuine runc leaves things behind here; that is what this test is about.
        guard box.runtime.kind == .drydock else { continue }
        #expect(outcome.succeeded, "round \(round), \(arguments[0]) after \(delay) µs: \(outcome)")
        var remains: [String] = []
        let isClean = becomesTrue(within: 3) {
          remains = box.remains()
          return remains.isEmpty
        }
        #expect(isClean, "round \(round), \(arguments[0]) after \(delay) µs: \(remains)")
      }
      box.demandsCleanEnd = box.runtime.kind == .drydock
    }
  }
}
