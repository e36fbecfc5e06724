/// Every docker command there is.
enum CommandTree {
  /// Commands of docker that Drydock does not have yet.
  static let later = [
    "build", "builder", "buildx", "checkpoint", "compose", "config", "context", "manifest", "node", "plugin", "secret",
    "service", "stack", "swarm", "trust",
  ]

  private static let container = Command(
    "container", usage: "COMMAND", short: "Manage containers", section: .management,
    subcommands: [
      .containerAttach, .containerCommit, .containerCopy, .containerCreate, .containerDiff, .containerExec,
      .containerExport, .containerInspect, .containerKill, .containerList, .containerLogs, .containerPause,
      .containerPort, .containerPrune, .containerRename, .containerRestart, .containerRemove, .containerRun,
      .containerStart, .containerStats, .containerStop, .containerTop, .containerUnpause, .containerUpdate,
      .containerWait,
    ])

  private static let image = Command(
    "image", usage: "COMMAND", short: "Manage images", section: .management,
    subcommands: [
      .imageHistory, .imageImport, .imageInspect, .imageLoad, .imageList, .imagePrune, .imagePull, .imagePush,
      .imageRemove, .imageSave, .imageTag,
    ])

  private static let network = Command(
    "network", usage: "COMMAND", short: "Manage networks", section: .management,
    subcommands: [
      .networkConnect, .networkCreate, .networkDisconnect, .networkInspect, .networkList, .networkPrune, .networkRemove,
    ])

  private static let system = Command(
    "system", usage: "COMMAND", short: "Manage Docker", section: .management,
    subcommands: [.systemDiskUsage, .systemEvents, .systemInfo, .systemPrune])

  private static let volume = Command(
    "volume", usage: "COMMAND", short: "Manage volumes", section: .management,
    subcommands: [.volumeCreate, .volumeInspect, .volumeList, .volumePrune, .volumeRemove])

  /// `docker` itself.
  static let root = Command(
    "docker", usage: "[OPTIONS] COMMAND [ARG...]", short: "A self-sufficient runtime for containers",
    flags: [
      Flag("config", .string(""), "Location of client config files (default \"~/.docker\")", completes: .files),
      Flag(
        "context", "c", .string(""),
        "Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context "
          + "set with "
          + "\"docker context use\")"),
      Flag("debug", "D", .bool(false), "Enable debug mode"),
      Flag("host", "H", .list(.any), "Daemon socket to connect to"),
      Flag(
        "log-level", "l", .string("info"),
        "Set the logging level (\"debug\", \"info\", \"warn\", \"error\", \"fatal\") (default \"info\")",
        completes: .words(["debug", "error", "fatal", "info", "warn"])),
      Flag("tls", .bool(false), "Use TLS; implied by --tlsverify"),
      Flag(
        "tlscacert", .string(""), "Trust certs signed only by this CA (default \"~/.docker/ca.pem\")",
        completes: .files),
      Flag(
        "tlscert", .string(""), "Path to TLS certificate file (default \"~/.docker/cert.pem\")", completes: .files),
      Flag("tlskey", .string(""), "Path to TLS key file (default \"~/.docker/key.pem\")", completes: .files),
      Flag("tlsverify", .bool(false), "Use TLS and verify the remote"),
      Flag("version", "v", .bool(false), "Print version information and quit"),
    ],
    subcommands: [
      Command.containerRun.atTop("run", section: .common), Command.containerExec.atTop("exec", section: .common),
      Command.containerList.atTop("ps", section: .common), Command.imagePull.atTop("pull", section: .common),
      Command.imagePush.atTop("push", section: .common), Command.imageList.atTop("images", section: .common),
      .login, .logout, .search, .version, .systemInfo,
      container, image, network, system, volume,
      Command.containerAttach.atTop("attach"), Command.containerCommit.atTop("commit"),
      Command.containerCopy.atTop("cp"), Command.containerCreate.atTop("create"), Command.containerDiff.atTop("diff"),
      Command.systemEvents.atTop("events"), Command.containerExport.atTop("export"),
      Command.imageHistory.atTop("history"), Command.imageImport.atTop("import"), .inspect,
      Command.containerKill.atTop("kill"), Command.imageLoad.atTop("load"), Command.containerLogs.atTop("logs"),
      Command.containerPause.atTop("pause"), Command.containerPort.atTop("port"),
      Command.containerRename.atTop("rename"), Command.containerRestart.atTop("restart"),
      Command.containerRemove.atTop("rm"), Command.imageRemove.atTop("rmi"), Command.imageSave.atTop("save"),
      Command.containerStart.atTop("start"), Command.containerStats.atTop("stats"), Command.containerStop.atTop("stop"),
      Command.imageTag.atTop("tag"), Command.containerTop.atTop("top"), Command.containerUnpause.atTop("unpause"),
      Command.containerUpdate.atTop("update"), Command.containerWait.atTop("wait"),
    ])
}
