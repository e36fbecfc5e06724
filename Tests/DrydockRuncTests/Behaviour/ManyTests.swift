import Glibc
import Synchronization
import Testing

@Suite("Many at once", .requireRoot)
struct ManyTests {
  @Test("200 containers are created, started and deleted by 8 callers at once without one failure")
  func twoHundred() throws {
    try Sandbox.with { box in
      let bundles = try (0..<8).map {
        try box.bundle("caller\($0)") {
          $0.args = ["true"]; $0["linux.cgroupsPath"] = nil
        }
      }
      // One shell a caller: it gives up with the first command that fails.
      let script = """
        set -e
        for i in $(seq 25); do
          id=\(box.name)-$1-$i
          "$2" --root \(box.root) create --bundle "$3" $id
          "$2" --root \(box.root) start $id
          n=0
          until "$2" --root \(box.root) state $id | grep -q '"stopped"'; do n=$((n+1)); test $n -lt 500; sleep 0.01; done
          "$2" --root \(box.root) delete $id
          echo $id
        done
        """
      let callers = try bundles.enumerated().map {
        try box.spawn(["sh", "-c", script, "caller", "\($0.offset)", box.runtime.path, $0.element.path])
      }
      var done: Set<String> = []
      for caller in callers {
        let outcome = try caller.wait(timeout: 120)
        #expect(outcome.succeeded, "\(outcome)")
        done.formUnion(outcome.lines)
      }
      #expect(done.count == 200)
      #expect(Files.names(in: box.root).isEmpty)
    }
  }

  @Test("20 processes at once in one container")
  func execs() throws {
    try Sandbox.with { box in
      let container = try box.started()
      let children = try (0..<20).map { try box.start(["exec", container.id, "sh", "-c", "echo \($0); exit \($0)"]) }
      for (number, child) in children.enumerated() {
        let outcome = try child.wait()
        #expect(outcome.status == Int32(number))
        #expect(outcome.stdout == "\(number)\n", "\(outcome)")
      }
    }
  }
}
