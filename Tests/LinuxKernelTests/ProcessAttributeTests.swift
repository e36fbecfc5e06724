import CLinux
import Glibc
import OCISpec
import Runtime
import Testing

@testable import LinuxKernel

@Suite("What a process changes about itself", .root)
struct ProcessAttributeTests {
  /// A line of the thread's own status.
  static func status(_ name: String) -> String? {
    text("/proc/thread-self/status")?.split(separator: "\n").first { $0.hasPrefix(name + ":") }
      .map { $0.dropFirst(name.utf8.count + 1).split(whereSeparator: \.isWhitespace).joined(separator: " ") }
  }

  @Test("From root to a user with two capabilities: all five sets")
  func capabilities() throws {
    let sets = try apart { () -> [String?] in
      let kernel = LinuxKernel()
      let kept = ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"]
      try kernel.perform(.dropBounding(CapabilityNames.all.filter { !kept.contains($0) && $0 != "CAP_SETPCAP" }))
      try kernel.perform(.prctl(option: "PR_SET_KEEPCAPS", value: 1))
      try kernel.perform(.setgroups([7, 8]))
      try kernel.perform(.setresgid(1000))
      try kernel.perform(.setresuid(1000))
      try kernel.perform(.prctl(option: "PR_SET_KEEPCAPS", value: 0))
      try kernel.perform(
        .capset(
          CapabilitySets(effective: ["CAP_CHOWN"], permitted: kept + ["CAP_FLY"], inheritable: ["CAP_CHOWN"])))
      try kernel.perform(.setAmbient(["CAP_CHOWN", "CAP_FLY"]))
      return ["CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb", "Uid", "Groups"].map(Self.status)
    }
    #expect(
      sets == [
        "0000000000000501", "0000000000000401", "0000000000000001", "0000000000000001", "0000000000000001",
        "1000 1000 1000 1000", "7 8",
      ])
  }

  @Test("Capabilities that one does not have cannot be taken")
  func noCapabilities() throws {
    let errors = try apart { () -> [Errno?] in
      let kernel = LinuxKernel()
      try kernel.perform(.capset(CapabilitySets(effective: [], permitted: ["CAP_CHOWN"], inheritable: [])))
      return [
        refusal { try kernel.perform(.capset(CapabilitySets(permitted: ["CAP_KILL"]))) },
        refusal { try kernel.perform(.setAmbient(["CAP_CHOWN"])) },
        refusal { try kernel.perform(.setgroups([1])) },
        refusal { try kernel.perform(.prctl(option: "PR_SET_FASTER", value: 1)) },
      ]
    }
    #expect(errors == [.EPERM, .EPERM, .EPERM, .EINVAL])
  }

  @Test("no_new_privs, the name, the umask")
  func flags() throws {
    let seen = try apart { () -> [String?] in
      let kernel = LinuxKernel()
      try kernel.perform(.prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1))
      try kernel.perform(.setProcessName("drydock-test"))
      try kernel.perform(.umask(0o137))
      return [Self.status("NoNewPrivs"), Self.status("Name"), Self.status("Umask")]
    }
    #expect(seen == ["1", "drydock-test", "0137"])
  }

  @Test("Names of the container's own UTS namespace")
  func hostName() throws {
    let names = try apart(0x400_0000) { () -> [String?] in
      let kernel = LinuxKernel()
      try kernel.perform(.sethostname("ship"))
      try kernel.perform(.setdomainname("harbour"))
      return [text("/proc/sys/kernel/hostname"), text("/proc/sys/kernel/domainname")]
    }
    #expect(names == ["ship\n", "harbour\n"])
  }

  @Test("Scheduling, priorities, affinity, personality, memory policy")
  func scheduling() throws {
    struct Seen: Sendable, Equatable {
      var policy: Int
      var nice: Int
      var ioPriority: Int
      var cpus: String?
      var machine: String
      var errors: [Errno?]
    }
    let seen = try apart { () -> Seen in
      let kernel = LinuxKernel()
      try kernel.perform(.schedSetattr(.init(policy: "SCHED_BATCH", nice: 5, flags: ["SCHED_FLAG_RESET_ON_FORK"])))
      // Of this thread alone, as the process group holds the whole test run.
      try kernel.perform(.schedSetaffinity(cpus: "0"))
      try kernel.perform(.personality(.init(domain: "LINUX32")))
      try kernel.perform(.setMempolicy(.init(mode: "MPOL_PREFERRED", nodes: "0")))
      var name = utsname()
      uname(&name)
      let machine = withUnsafeBytes(of: name.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      return Seen(
        policy: clinux_call(Int(SYS_sched_getscheduler), 0, 0, 0, 0, 0, 0) & 0xff,
        nice: 20 - clinux_call(Int(SYS_getpriority), 0, 0, 0, 0, 0, 0), ioPriority: 0,
        cpus: Self.status("Cpus_allowed_list"), machine: machine,
        errors: [
          refusal { try kernel.perform(.schedSetattr(.init(policy: "SCHED_SLOW"))) },
          refusal { try kernel.perform(.schedSetattr(.init(policy: "SCHED_OTHER", flags: ["SCHED_FLAG_X"]))) },
          refusal { try kernel.perform(.ioprioSet(.init(type: "IOPRIO_CLASS_BE", priority: 8))) },
          refusal { try kernel.perform(.schedSetaffinity(cpus: "")) },
          refusal { try kernel.perform(.personality(.init(domain: "SOLARIS"))) },
          refusal { try kernel.perform(.setMempolicy(.init(mode: "MPOL_NONE"))) },
        ])
    }
    #expect(seen.policy == 3)
    #expect(seen.nice == 5)
    #expect(seen.cpus == "0")
    #expect(seen.machine == "i686" || seen.machine == "armv8l")
    #expect(seen.errors == [.EINVAL, .EINVAL, .EINVAL, .EINVAL, .EINVAL, .EINVAL])
  }

  @Test("Limits of a process, by name")
  func limits() throws {
    // Of the whole test run: a limit is set to what it is.
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(4), &limit)
    let kernel = LinuxKernel()
    try kernel.perform(
      .setrlimit(name: "RLIMIT_CORE", soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max)))
    #expect(throws: Errno.EINVAL) { try kernel.perform(.setrlimit(name: "RLIMIT_FUN", soft: 1, hard: 1)) }
    #expect(throws: Errno.EINVAL) {
      try kernel.perform(.prlimit(pid: Int(getpid()), name: "RLIMIT_CORE", soft: 2, hard: 1))
    }
    #expect(throws: Errno.ESRCH) {
      try kernel.perform(.prlimit(pid: 0x3fff_ffff, name: "RLIMIT_CORE", soft: 1, hard: 1))
    }
  }

  @Test("A file of another namespace's kind is not joined")
  func namespaces() throws {
    let errors = try apart { () -> [Errno?] in
      let kernel = LinuxKernel()
      return [
        refusal { try kernel.perform(.setns(.uts, path: "/proc/thread-self/ns/ipc")) },
        refusal { try kernel.perform(.setns(.uts, path: "/etc/passwd")) },
        refusal { try kernel.perform(.setns(.uts, path: "/nonesuch")) },
        refusal { try kernel.perform(.setns(.uts, path: "/proc/thread-self/ns/uts")) },
        refusal { try kernel.perform(.unshare([.ipc, .network])) },
      ]
    }
    #expect(errors == [.EINVAL, .EINVAL, .ENOENT, nil, nil])
  }

  @Test("lo is up in a new network namespace")
  func loopback() throws {
    let (before, after) = try apart(0x4000_0000) { () -> (Bool, Bool) in
      let kernel = LinuxKernel()
      func answers() -> Bool {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(9).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafePointer(to: &address) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
          }
        }
      }
      let before = answers()
      try kernel.perform(.netlink(operation: "RTM_SETLINK", attributes: ["IFLA_IFNAME": "lo", "flags": "IFF_UP"]))
      return (before, answers())
    }
    #expect(!before)
    #expect(after)
    #expect(refusal { try NetlinkSocket().bringUp("nonesuch0") } == .ENODEV)
  }
}
