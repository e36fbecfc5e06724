import JSONTree
import OCISpec

/// From the runtime's privileges to the program's: what the container's process does with itself, in runc's order. The
/// same for the first process and for those of `exec`.
extension PlanBuilder {
  /// A session keyring of the container's own.
  mutating func joinKeyring() {
    if options.noNewKeyring { return }
    add(
      .joinKeyring("_ses." + options.id),
      "Keys of the session that started the container stay out of it", tolerating: [.unsupported, .permission],
      failing: .context("unable to join session keyring"))
  }

  /// PR_SET_NO_NEW_PRIVS, scheduling, personality, memory policy.
  mutating func setAttributes() {
    phase = .finalize
    if process.noNewPrivileges {
      add(
        .prctl(option: "PR_SET_NO_NEW_PRIVS", value: 1),
        "From now on no execve gives more privileges: set-user-ID programs are without effect")
    }
    if let scheduler = process.scheduler {
      add(
        .schedSetattr(scheduler), "How the scheduler treats it", failing: .context("error setting scheduler"))
    }
    if let priority = process.ioPriority {
      add(
        .ioprioSet(priority), "How urgent its reads and writes are", failing: .context("failed to set io priority"))
    }
    if let personality = linux.personality {
      add(
        .personality(personality), "Which machine uname pretends to be")
    }
    if let policy = linux.memoryPolicy {
      add(
        .setMempolicy(policy), "From which memory nodes its memory comes")
    }
  }

  /// By the runtime: in a user namespace limits cannot be raised any more.
  mutating func setRlimits(of member: Role) {
    for rlimit in process.rlimits {
      add(
        .prlimit(pid: 0, name: rlimit.type, soft: rlimit.soft, hard: rlimit.hard),
        "A limit of the process's own (ulimit)", failing: .context("error setting rlimits for ready process"),
        binding: .pidOf(member))
    }
  }

  /// Without no_new_privs a filter needs CAP_SYS_ADMIN, so it comes before the capabilities go; with it, as late as can
  /// be, so that the runtime needs few calls afterwards.
  mutating func filterCalls(late: Bool) {
    guard let profile = linux.seccomp, process.noNewPrivileges == late else { return }
    phase = .privileges
    add(
      .seccomp(profile),
      late
        ? "Which system calls the program may make; with no_new_privs, as late as can be"
        : "Which system calls the program may make; this takes a privilege that will be gone soon",
      failing: .context("unable to init seccomp"))
    if !profile.listenerPath.isEmpty {
      let before = role
      role = .runtime
      add(
        .sendSeccompListener(socket: profile.listenerPath, metadata: profile.listenerMetadata),
        "The seccomp agent decides about the calls with SCMP_ACT_NOTIFY",
        failing: .context("failed to connect with seccomp agent specified in the seccomp profile"))
      role = before
    }
  }

  /// The working directory, the user, the capabilities.
  mutating func becomeUser() {
    phase = .privileges
    add(
      .closeRange(first: 3, cloexec: true),
      "No descriptor of the runtime may be left to the program (CVE-2024-21626)")
    let cwd = "chdir to cwd (\"\(process.cwd)\") set in config.json failed"
    add(
      .chdir(path: process.cwd), "The working directory, while it can still be entered", tolerating: .permission,
      failing: .context(cwd))
    let chdir = steps.count - 1
    let capabilities = process.capabilities
    if let capabilities {
      add(
        .dropBounding(CapabilityNames.except(capabilities.bounding)),
        "The bounding set: what no execve can give back", failing: .context("unable to apply bounding set"))
    }
    add(
      .prctl(option: "PR_SET_KEEPCAPS", value: 1), "Changing the user would take all capabilities away",
      failing: .context("unable to set keep caps"))
    let user = Step.Failure.context("unable to setup user")
    if !options.rootless {
      add(
        .setgroups(process.user.additionalGids), "Its groups, and none of the runtime's",
        failing: .context("unable to setup user: setgroups"))
    }
    add(.setresgid(process.user.gid), "Its group", failing: user)
    add(.setresuid(process.user.uid), "Its user", failing: user)
    if process.user.uid != 0 {
      let retry = Step(
        role, phase, .chdir(path: process.cwd), "The user may enter where the runtime may not",
        condition: .refused(chdir), failure: .context(cwd))
      steps.append(retry)
    }
    add(
      .prctl(option: "PR_SET_KEEPCAPS", value: 0), "They were kept once", failing: .context("unable to clear keep caps")
    )
    if let capabilities {
      add(
        .capset(
          CapabilitySets(
            effective: CapabilityNames.existing(capabilities.effective),
            permitted: CapabilityNames.existing(capabilities.permitted),
            inheritable: CapabilityNames.existing(capabilities.inheritable))),
        "Root in a container has only these capabilities", failing: .context("unable to apply caps"))
      if !capabilities.ambient.isEmpty {
        add(
          .setAmbient(CapabilityNames.existing(capabilities.ambient)),
          "Capabilities that a program gets although its file has none", tolerating: [.permission, .invalid])
      }
    }
  }

  /// Found now, so that a program that does not exist fails `create` and not `start`.
  mutating func lookUpProgram() {
    phase = .program
    add(
      .lookUp(file: process.args[0], path: environment("PATH") ?? ""),
      "The program is looked up in the container's PATH, and must be executable for the container's user",
      binding: .lookUp)
  }

  /// The value of a variable; the last one counts.
  func environment(_ name: String) -> String? {
    for entry in process.env.reversed() {
      let utf8 = entry.utf8
      if utf8.count > name.utf8.count, entry.hasPrefix(name), utf8.dropFirst(name.utf8.count).first == UInt8(ascii: "=")
      {
        return String(entry.dropFirst(name.count + 1))
      }
    }
    return nil
  }

  mutating func executeProgram() {
    phase = .program
    add(
      .execve(path: process.args[0], arguments: process.args, environment: PlanBuilder.deduplicated(process.env)),
      "The runtime's code is replaced by the program", binding: .foundProgram)
  }

  /// The last value of a name counts, in the order of the first.
  static func deduplicated(_ environment: [String]) -> [String] {
    if environment.count < 2 { return environment }
    var seen: Set<Substring> = []
    var result: [String] = []
    for entry in environment.reversed() {
      let name = entry.firstIndex(of: "=").map { entry[..<$0] } ?? entry[...]
      if seen.insert(name).inserted { result.append(entry) }
    }
    return result.reversed()
  }

  /// The terminal, from the container's own devpts.
  mutating func openConsole(bindsDevice: Bool) {
    phase = .console
    add(
      .openTerminal(ptmx: "/dev/pts/ptmx"),
      "A pseudo-terminal of the container's own devpts; its other end goes over the console socket")
    if bindsDevice {
      add(
        .createFile(path: "/dev/console", mode: 0o666), "A place for the terminal under its usual name",
        tolerating: .exists, failing: .context("create /dev/console mount target"))
      add(
        .mount(source: "/dev/pts/{n}", target: "/dev/console", type: "bind", flags: ["MS_BIND"], data: ""),
        "/dev/console is this terminal", binding: .terminal)
    }
    if let size = process.consoleSize, size.height != 0, size.width != 0 {
      add(
        .setWindowSize(rows: size.height, columns: size.width), "The size of the user's window")
    }
    add(.setControllingTerminal, "Ctrl-C and the like reach the session", failing: .context("ioctl(setctty)"))
  }

  /// lo, in a network namespace of the container's own.
  mutating func raiseLoopback() {
    guard linux.isNew(.network) else { return }
    phase = .finalize
    add(
      .netlink(operation: "RTM_SETLINK", attributes: ["IFLA_IFNAME": "lo", "flags": "IFF_UP"]),
      "A new network namespace has only lo, and that is down")
  }

  mutating func writeOOMScore() {
    guard let score = process.oomScoreAdj else { return }
    phase = .identity
    add(
      .writeFile(path: "/proc/self/oom_score_adj", contents: String(score)),
      "Whom the OOM killer takes first when the host is short of memory; children inherit it",
      tolerating: options.rootless ? .permission : [], failing: .context("failed to update /proc/self/oom_score_adj"))
  }

  mutating func applyLabels() {
    if !process.apparmorProfile.isEmpty {
      add(
        .writeFile(path: "/proc/thread-self/attr/apparmor/exec", contents: "exec " + process.apparmorProfile),
        "The AppArmor profile, from the next execve on", failing: .context("unable to apply apparmor profile"))
    }
  }

  mutating func applyExecLabel() {
    if !process.selinuxLabel.isEmpty {
      add(
        .writeFile(path: "/proc/thread-self/attr/exec", contents: process.selinuxLabel),
        "The SELinux label, from the next execve on", failing: .context("can't set process label"))
    }
  }
}
