import OCISpec

/// The process that `exec` is to start.
extension RuntimeArguments {
  /// The container's own process with what the flags of `exec` say.
  public func process(changing own: RuntimeSpec.Process?) throws(PlanError) -> RuntimeSpec.Process {
    guard var process = own else { throw PlanError("process property must not be empty") }
    guard operands.count > 1 else { throw PlanError("process args cannot be empty") }
    process.args = Array(operands.dropFirst())
    if let cwd = self["cwd"], !cwd.isEmpty { process.cwd = cwd }
    if let profile = self["apparmor"] { process.apparmorProfile = profile }
    if let label = self["process-label"] { process.selinuxLabel = label }
    let names = all("cap")
    if !names.isEmpty {
      var capabilities = process.capabilities ?? RuntimeSpec.Capabilities()
      capabilities.bounding += names
      capabilities.effective += names
      capabilities.permitted += names
      // Without inheritable ones there are no ambient ones either (capabilities(7)).
      if !capabilities.inheritable.isEmpty {
        capabilities.inheritable += names
        capabilities.ambient += names
      }
      process.capabilities = capabilities
    }
    process.env += all("env")
    process.terminal = has("tty")
    if !process.terminal { process.consoleSize = nil }
    if self["no-new-privs"] != nil { process.noNewPrivileges = has("no-new-privs") }
    if let user = self["user"], !user.isEmpty { try RuntimeArguments.set(user, of: &process) }
    for text in all("additional-gids") {
      guard let gid = UInt32(text) else { throw PlanError("additional-gids must be a positive number \(text)") }
      process.user.additionalGids.append(gid)
    }
    return process
  }

  /// `UID[:GID]`.
  private static func set(_ user: String, of process: inout RuntimeSpec.Process) throws(PlanError) {
    let parts = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2 {
      guard let gid = UInt32(parts[1]) else {
        throw PlanError("bad gid: strconv.Atoi: parsing \(GoText.quoted(parts[1])): invalid syntax")
      }
      process.user.gid = gid
    }
    guard let uid = UInt32(parts[0]) else {
      throw PlanError("bad uid: strconv.Atoi: parsing \(GoText.quoted(parts[0])): invalid syntax")
    }
    process.user.uid = uid
  }
}
