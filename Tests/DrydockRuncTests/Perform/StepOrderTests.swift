import OCISpec
import Runtime
import Testing

@testable import DrydockRunc

/// Who waits for whom, found out from the plan.
@Suite struct StepOrderTests {
  private func step(_ role: Role, overlaps: Bool = false) -> Step {
    var step = Step(role, .cgroup, .setsid, "")
    step.overlaps = overlaps
    return step
  }

  @Test func aStepWaitsForTheLastEarlierStepOfEachOtherRole() {
    let order = StepOrder([step(.runtime), step(.container), step(.container), step(.runtime)])
    #expect(order.wait(before: 0, for: Role.container.number) == -1)
    #expect(order.wait(before: 1, for: Role.runtime.number) == 0)
    #expect(order.wait(before: 3, for: Role.container.number) == 2)
  }

  @Test func onlyWhatIsAwaitedIsTold() {
    let order = StepOrder([step(.runtime), step(.runtime), step(.container), step(.container), step(.runtime)])
    #expect(!order.isAwaited(0, by: Role.container.number))
    #expect(order.isAwaited(1, by: Role.container.number))
    #expect(!order.isAwaited(2, by: Role.runtime.number))
    #expect(order.isAwaited(3, by: Role.runtime.number))
  }

  @Test func aStepThatOverlapsWaitsForNobody() {
    let order = StepOrder([step(.runtime), step(.container), step(.runtime, overlaps: true), step(.container)])
    #expect(order.wait(before: 2, for: Role.container.number) == -1)
    #expect(order.wait(before: 3, for: Role.runtime.number) == 2)
  }

  @Test func theRuntimeWaitsForEverybodysLastStep() {
    let order = StepOrder([step(.runtime), step(.child), step(.exec), step(.exec)])
    #expect(order.end[Role.child.number] == 1)
    #expect(order.end[Role.exec.number] == 3)
    #expect(order.end[Role.container.number] == -1)
    #expect(order.isAwaited(3, by: 0))
  }
}

/// The environment that a program gets.
@Suite struct ProgramEnvironmentTests {
  private let passwd = Array("root:x:0:0:root:/root:/bin/sh\nbad line\nuser:x:1000:1000::/home/user:/bin/sh\n".utf8)

  @Test func theLastValueOfANameCounts() {
    #expect(ProgramEnvironment.complete(["A=1", "HOME=/h", "A=2"], uid: 0) == ["HOME=/h", "A=2"])
  }

  @Test func homeIsLookedUpInPasswd() {
    #expect(ProgramEnvironment.home(0, passwd: passwd) == "/root")
    #expect(ProgramEnvironment.home(1000, passwd: passwd) == "/home/user")
    #expect(ProgramEnvironment.home(7, passwd: passwd) == "/")
    #expect(ProgramEnvironment.home(0, passwd: []) == "/")
  }

  @Test func anEmptyHomeIsNone() {
    let environment = ProgramEnvironment.complete(["HOME="], uid: 4_000_000_000)
    #expect(environment == ["HOME=/"])
  }
}
