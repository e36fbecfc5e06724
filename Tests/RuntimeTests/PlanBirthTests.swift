import OCISpec
import Runtime
import Testing

/// Every combination of namespaces that are new, joined or the host's: whoever performs the plan must end in the right
/// ones, owned by the right user namespace.
@Suite("Plan: drydock-runc's own way, every combination of namespaces")
struct PlanBirthTests {
  /// What the kernel knows of a process's namespaces.
  private struct Member {
    var namespaces: [NamespaceKind: String] = [:]
    var pidForChildren = "host"
    var timeForChildren = "host"
    /// By kind: in which user namespace a new one was made.
    var owners: [NamespaceKind: String] = [:]
    var user: String { self[.user] }
    var isDumpable = true
    subscript(kind: NamespaceKind) -> String {
      get { namespaces[kind] ?? "host" }
      set { namespaces[kind] = newValue }
    }
    mutating func make(_ kinds: [NamespaceKind], isClone: Bool) {
      if kinds.contains(.user) { self[.user] = "new" }
      for kind in kinds where kind != .user {
        owners[kind] = user
        switch kind {
        case .pid where !isClone: pidForChildren = "new"
        case .time where !isClone: timeForChildren = "new"
        default: self[kind] = "new"
        }
      }
      if isClone { (pidForChildren, timeForChildren) = (self[.pid], self[.time]) }
    }
  }

  enum Refusal: Error { case wrong(String) }

  /// Goes through the plan as the kernel would; what it would refuse is thrown.
  private func perform(_ plan: Plan) throws -> [Role: Member] {
    var members: [Role: Member] = [.runtime: Member()]
    var waitsForMaps: Set<Role> = []
    for step in plan.steps {
      guard var member = members[step.role] else { throw Refusal.wrong("\(step.role) is not there: \(step.call.text)") }
      if case .refused = step.condition, step.phase == .namespaces { continue }
      switch step.call {
      case .clone(let kinds, _, _):
        var child = member
        (child[.pid], child[.time]) = (member.pidForChildren, member.timeForChildren)
        child.make(kinds, isClone: true)
        guard let role = step.creates, members[role] == nil else { throw Refusal.wrong("made twice") }
        if kinds.contains(.user) { waitsForMaps.insert(role) }
        members[role] = child
      case .unshare(let kinds):
        member.make(kinds, isClone: false)
        if kinds.contains(.user) { waitsForMaps.insert(step.role) }
      case .setns(let kind, let path):
        switch path {
        case "/proc/self/ns/pid": member.pidForChildren = member[.pid]
        case "/proc/self/ns/time_for_children": member[.time] = member.timeForChildren
        default:
          // The host's namespaces can be joined by who has the host's privileges.
          if kind != .user, kind != .mount, member.user == "new" {
            throw Refusal.wrong("\(kind) after the user namespace")
          }
          if member.isDumpable { throw Refusal.wrong("joins while others can look into it") }
          if member[.mount].hasPrefix("/") { throw Refusal.wrong("the mount namespace hides \(path)") }
          switch kind {
          case .pid: member.pidForChildren = path
          case .time: (member[.time], member.timeForChildren) = (path, path)
          default: member[kind] = path
          }
        }
      case .prctl("PR_SET_DUMPABLE", 0): member.isDumpable = false
      case .writeFile where step.binding == .procOf(.child) || step.binding == .procOf(.container):
        if step.call.text.contains("uid_map") {
          waitsForMaps.remove(step.binding == .procOf(.child) ? .child : .container)
        }
      case .setresuid(0) where step.phase == .identity:
        if waitsForMaps.contains(step.role) { throw Refusal.wrong("root before there are maps") }
      default: break
      }
      members[step.role] = member
    }
    return members
  }

  private enum Choice: CaseIterable { case host, new, joined }

  @Test("user × pid × network × mount × time", arguments: [false, true])
  func combinations(_ hasOffsets: Bool) throws {
    for user in Choice.allCases {
      for pid in Choice.allCases {
        for network in Choice.allCases {
          for mount in Choice.allCases {
            for time in Choice.allCases where !hasOffsets || time == .new {
              // A host's mount namespace is of no use to who is in a new user namespace: nobody can mount there.
              if user == .new, mount == .joined { continue }
              try check([.user: user, .pid: pid, .network: network, .mount: mount, .time: time], hasOffsets)
            }
          }
        }
      }
    }
  }

  private func check(_ choices: [NamespaceKind: Choice], _ hasOffsets: Bool) throws {
    var config = Fixture.small()
    config.linux?.namespaces = [.init(.ipc), .init(.uts), .init(.cgroup)]
    for (kind, choice) in choices.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where choice != .host {
      config.linux?.namespaces.append(.init(kind, path: choice == .joined ? "/ns/\(kind.rawValue)" : ""))
    }
    if choices[.user] == .new {
      config.linux?.uidMappings = [.init(containerID: 0, hostID: 1, size: 9)]
      config.linux?.gidMappings = [.init(containerID: 0, hostID: 1, size: 9)]
    }
    if hasOffsets { config.linux?.timeOffsets = ["monotonic": .init(secs: 5)] }
    for host in [PlanCreateTests.host, PlanDrydockTests.v1] {
      let plan = try PlanDrydockTests.plan(config, host: host)
      let members: [Role: Member]
      do { members = try perform(plan) } catch {
        Issue.record("\(choices): \(error)")
        return
      }
      let container = try #require(members[.container])
      let expectedUser = choices[.user] == .host ? "host" : choices[.user] == .new ? "new" : "/ns/user"
      for kind in NamespaceKind.allCases {
        let expected =
          switch choices[kind] {
          case nil, .new?: "new"
          case .host?: "host"
          case .joined?: "/ns/\(kind.rawValue)"
          }
        #expect(container[kind] == expected, "\(kind) of \(choices)")
        if expected == "new", kind != .user { #expect(container.owners[kind] == expectedUser, "\(kind) of \(choices)") }
      }
      // The runtime comes out as it went in: its hooks are the host's.
      let runtime = try #require(members[.runtime])
      #expect(NamespaceKind.allCases.allSatisfy { runtime[$0] == "host" } && runtime.pidForChildren == "host")
      if hasOffsets {
        let offsets = try #require(plan.steps.first { $0.call.text.contains("timens_offsets") })
        #expect(offsets.role == .container || offsets.role == .child)
      }
      #expect(plan.steps.filter { $0.creates != nil }.count <= 2)
    }
  }

  @Test("The usual container, and a pod's, take one clone")
  func oneClone() throws {
    var config = Fixture.small()
    #expect(try PlanDrydockTests.plan(config).steps.filter { $0.creates != nil }.count == 1)
    config.linux?.namespaces = [
      .init(.mount), .init(.cgroup), .init(.pid, path: "/ns/pid"), .init(.network, path: "/ns/net"),
      .init(.ipc, path: "/ns/ipc"), .init(.uts, path: "/ns/uts"),
    ]
    #expect(try PlanDrydockTests.plan(config).steps.filter { $0.creates != nil }.count == 1)
  }
}
