import JSONTree

extension Command {
  static let systemInfo = Command(
    "info", usage: "[OPTIONS]", short: "Display system-wide information",
    spellings: "docker system info, docker info", section: .common,
    flags: [
      Flag("format", "f", .string(""), formatHelp, completes: .words(Words.formats))
    ]
  ) { invocation in
    let format = invocation.flags.string("format")
    var template: Template?
    if !format.isEmpty {
      do { template = try Template(Layout(format).template) } catch {
        throw CommandError("template parsing error: \(error)", status: 64)
      }
    }
    var info: JSON?
    var failure: DaemonError?
    do {
      info = try await invocation.session.json(request("GET", "/info"))
    } catch let error as DaemonError {
      failure = error
    }
    if let template {
      if let failure { throw CommandError(failure.description) }
      var all = info ?? [:]
      all["ClientInfo"] = InfoReport.client
      var options = Template.Options()
      options.missingKeyFails = true
      do {
        try await invocation.line(try template.execute(.json(all), options))
      } catch {
        throw CommandError("template parsing error: \(error.words)")
      }
      return 0
    }
    var out = "Client: \(ClientVersion.platform)\n Version:    \(ClientVersion.version)\n Context:    default\n"
    out += " Debug Mode: false\n\nServer:\n"
    try await invocation.out(out)
    if let failure {
      if failure.status == 0 {
        try await invocation.err(failure.description + "\n")
        return 0
      }
      try await invocation.err("ERROR: \(failure)\n")
      throw CommandError("errors pretty printing info")
    }
    try await invocation.out(InfoReport.text(info ?? [:]) + "\n")
    for warning in info?["Warnings"]?.strings ?? [] { try await invocation.err(warning + "\n") }
    return 0
  }
}

/// `docker info`'s server half.
enum InfoReport {
  static let client: JSON = [
    "Debug": false, "Context": "default", "Plugins": [], "Warnings": .null,
    "Version": .string(ClientVersion.version), "Platform": ["Name": .string(ClientVersion.platform)],
  ]

  static func text(_ info: JSON) -> String {
    var out = ""
    func line(_ text: String) { out += " " + text + "\n" }
    func pair(_ name: String, _ value: String) { if !value.isEmpty { line("\(name): \(value)") } }
    line("Containers: \(info.number("Containers"))")
    line(" Running: \(info.number("ContainersRunning"))")
    line(" Paused: \(info.number("ContainersPaused"))")
    line(" Stopped: \(info.number("ContainersStopped"))")
    line("Images: \(info.number("Images"))")
    pair("Server Version", info.text("ServerVersion"))
    pair("Storage Driver", info.text("Driver"))
    for status in info["DriverStatus"]?.array ?? [] { line(" " + (status.strings ?? []).joined(separator: ": ")) }
    pair("Logging Driver", info.text("LoggingDriver"))
    pair("Cgroup Driver", info.text("CgroupDriver"))
    pair("Cgroup Version", info.text("CgroupVersion"))
    line("Plugins:")
    for (title, key) in [
      ("Volume", "Volume"), ("Network", "Network"), ("Authorization", "Authorization"), ("Log", "Log"),
    ] {
      let names = info["Plugins"]?[key]?.strings ?? []
      if !names.isEmpty || key == "Volume" || key == "Network" { line(" \(title): \(names.joined(separator: " "))") }
    }
    let folders = info["CDISpecDirs"]?.strings ?? []
    if !folders.isEmpty {
      line("CDI spec directories:")
      for folder in folders { line(" " + folder) }
    }
    line("Swarm: \(info.text("Swarm", "LocalNodeState").isEmpty ? "inactive" : info.text("Swarm", "LocalNodeState"))")
    let runtimes = info["Runtimes"]?.object?.keys ?? []
    if !runtimes.isEmpty {
      line("Runtimes: \(runtimes.sorted().joined(separator: " "))")
      line("Default Runtime: \(info.text("DefaultRuntime"))")
    }
    line("Init Binary: \(info.text("InitBinary"))")
    for (title, key) in [
      ("containerd", "ContainerdCommit"), ("runc", "RuncCommit"), ("init", "InitCommit"),
    ] {
      line("\(title) version: \(info.text(key, "ID"))")
    }
    addSecurity(info, &out)
    for (title, key) in [
      ("Kernel Version", "KernelVersion"), ("Operating System", "OperatingSystem"), ("OSType", "OSType"),
      ("Architecture", "Architecture"),
    ] {
      pair(title, info.text(key))
    }
    line("CPUs: \(info.number("NCPU"))")
    line("Total Memory: \(Sizes.binary(Double(info.number("MemTotal"))))")
    pair("Name", info.text("Name"))
    pair("ID", info.text("ID"))
    line("Docker Root Dir: \(info.text("DockerRootDir"))")
    line("Debug Mode: \(info.flag("Debug"))")
    pair("HTTP Proxy", info.text("HttpProxy"))
    pair("HTTPS Proxy", info.text("HttpsProxy"))
    pair("No Proxy", info.text("NoProxy"))
    let labels = info["Labels"]?.strings ?? []
    if !labels.isEmpty {
      line("Labels:")
      for label in labels { line(" " + label) }
    }
    line("Experimental: \(info.flag("ExperimentalBuild"))")
    addRegistries(info["RegistryConfig"] ?? [:], &out)
    line("Live Restore Enabled: \(info.flag("LiveRestoreEnabled"))")
    return out
  }

  private static func addSecurity(_ info: JSON, _ out: inout String) {
    let options = info["SecurityOptions"]?.strings ?? []
    guard !options.isEmpty else { return }
    out += " Security Options:\n"
    for option in options {
      for part in option.parts(",") {
        let (key, value) = part.cut("=")
        guard let value else { continue }
        if key == "name" {
          out += "  \(value)\n"
        } else {
          out += "   \(key.prefix(1).uppercased() + key.dropFirst()): \(value)\n"
        }
      }
    }
  }

  private static func addRegistries(_ registries: JSON, _ out: inout String) {
    let insecure =
      (registries["IndexConfigs"]?.object?.members ?? []).filter { !$0.value.flag("Secure") }.map(\.key).sorted()
      + (registries["InsecureRegistryCIDRs"]?.strings ?? [])
    if !insecure.isEmpty { out += " Insecure Registries:\n" + insecure.map { "  \($0)\n" }.joined() }
    let mirrors = registries["Mirrors"]?.strings ?? []
    if !mirrors.isEmpty { out += " Registry Mirrors:\n" + mirrors.map { "  \($0)\n" }.joined() }
  }
}
