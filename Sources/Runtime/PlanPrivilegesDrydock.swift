import JSONTree
import OCISpec

/// From the runtime's privileges to the program's: the same for the first process and for those of `exec`.
extension PlanBuilder {
  /// The labels that count from the next execve on. Written while /proc is the host's.
  mutating func applyLabelsAsDrydock() {
    phase = .privileges
    if !process.apparmorProfile.isEmpty {
      let failing = Step.Failure.context("unable to apply apparmor profile")
      let contents = "exec " + process.apparmorProfile
      add(
        .writeFile(path: "/proc/thread-self/attr/apparmor/exec", contents: contents),
        "The AppArmor profile, from the next execve on", tolerating: .missing, failing: failing)
      add(
        .writeFile(path: "/proc/thread-self/attr/exec", contents: contents),
        "Before Linux 5.8 the security modules share a file", if: .previousRefused, failing: failing)
    }
    applyExecLabel()
  }

  /// A terminal from the container's own devpts.
  mutating func openOwnConsole(binds: Bool) {
    phase = .console
    add(
      .openTerminal(ptmx: "/dev/pts/ptmx"),
      "A pseudo-terminal of the container's own devpts; its other end goes over the console socket",
      failing: .context("open /dev/pts/ptmx"))
    if let size = process.consoleSize, size.height != 0, size.width != 0 {
      add(.setWindowSize(rows: size.height, columns: size.width), "The size of the user's window")
    }
    add(.setControllingTerminal, "Ctrl-C and the like reach the session", failing: .context("ioctl(setctty)"))
    if binds {
      add(
        .bindTerminal(path: "/dev/console"), "/dev/console is this terminal",
        failing: .context("create /dev/console mount target"))
    }
  }

  /// Working directory, user, capabilities, seccomp, program: in an order in which each step still may be done, and
  /// nothing that was given up can come back.
  mutating func giveUpPrivileges(limiting member: Role) {
    phase = .privileges
    if let mask = process.user.umask, mask != 0o22 { add(.umask(mask), "The mode of files that the program makes") }
    let cwd = "chdir to cwd (\"\(process.cwd)\") set in config.json failed"
    add(
      .chdir(path: process.cwd), "The working directory, while it can still be entered",
      tolerating: process.user.uid == 0 ? [] : .permission, failing: .context(cwd))
    let chdir = steps.count - 1
    let capabilities = CapabilityNames.granted(process.capabilities ?? RuntimeSpec.Capabilities())
    add(
      .dropBounding(CapabilityNames.except(capabilities.bounding)), "The bounding set: what no execve can give back",
      failing: .context("unable to apply bounding set"))
    limitProcess(member)
    becomeUser(cwd, chdir)
    let sets = CapabilitySets(
      effective: capabilities.effective, permitted: capabilities.permitted, inheritable: capabilities.inheritable)
    filterCallsEarly(sets)
    add(
      .capset(sets),
      "The program has only these capabilities, whoever it runs as; none is inheritable unless asked for",
      failing: .context("unable to apply caps"))
    if !capabilities.ambient.isEmpty {
      add(
        .setAmbient(capabilities.ambient), "Capabilities that a program gets although its file has none",
        tolerating: [.permission, .invalid])
    }
    lookUpProgram()
    phase = .privileges
    add(
      .closeRange(first: 3, cloexec: true), "The program gets descriptors 0, 1 and 2, and no others (CVE-2024-21626)",
      tolerating: .any)
    if let profile = linux.seccomp, process.noNewPrivileges {
      phase = .privileges
      filter(profile, "Which system calls the program may make; with no_new_privs, as late as can be")
    }
  }

  private mutating func becomeUser(_ cwd: String, _ chdir: Int) {
    let failing = Step.Failure.context("unable to setup user")
    let user = process.user
    if user.uid != 0 {
      add(
        .prctl(option: "PR_SET_KEEPCAPS", value: 1), "Changing the user would take all capabilities away",
        failing: .context("unable to set keep caps"))
    }
    if !options.rootless, !options.deniesSetgroups || !user.additionalGids.isEmpty {
      add(
        .setgroups(user.additionalGids), "Its groups, and none of the runtime's",
        failing: .context("unable to setup user: setgroups"))
    }
    add(.setresgid(user.gid), "Its group", failing: failing)
    add(.setresuid(user.uid), "Its user", failing: failing)
    if user.uid != 0 {
      add(
        .chdir(path: process.cwd), "The user may enter where the runtime may not", if: .refused(chdir),
        failing: .context(cwd))
      // A kept capability is only permitted. It is not kept for longer than one change of users.
      add(
        .prctl(option: "PR_SET_KEEPCAPS", value: 0), "They were kept once",
        failing: .context("unable to clear keep caps"))
    }
  }

  /// Without no_new_privs a filter takes CAP_SYS_ADMIN, and comes right before it is given up: as little as can be is
  /// still to be called then.
  private mutating func filterCallsEarly(_ sets: CapabilitySets) {
    guard let profile = linux.seccomp, !process.noNewPrivileges else { return }
    if process.user.uid != 0 {
      var sets = sets
      if !sets.effective.contains("CAP_SYS_ADMIN") { sets.effective.append("CAP_SYS_ADMIN") }
      if !sets.permitted.contains("CAP_SYS_ADMIN") { sets.permitted.append("CAP_SYS_ADMIN") }
      add(
        .capset(sets), "Without no_new_privs a filter takes this privilege, for a last moment",
        failing: .context("unable to apply caps"))
    }
    filter(profile, "Which system calls the program may make; this takes a privilege that will be gone next")
  }

  private mutating func filter(_ profile: RuntimeSpec.Seccomp, _ reason: String) {
    let member = role
    add(.seccomp(profile), reason, failing: .context("unable to init seccomp"))
    guard !profile.listenerPath.isEmpty, profile.uses(.notify) else { return }
    role = .runtime
    waits = true
    add(
      .sendSeccompListener(socket: profile.listenerPath, metadata: profile.listenerMetadata),
      "The seccomp agent decides about the calls with SCMP_ACT_NOTIFY",
      failing: .context("failed to connect with seccomp agent specified in the seccomp profile"),
      binding: .pidOf(member))
    role = member
  }
}
