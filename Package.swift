// swift-tools-version: 6.1
import PackageDescription

// Imports point one way, down this list. What only real mode needs (HTTP server,
// registry client, SQLite) has products of its own, so trace mode never compiles it.
let package = Package(
  name: "drydock",
  products: [
    .executable(name: "drydock", targets: ["drydock"]),
    .executable(name: "drydock-runc", targets: ["drydock-runc"]),
    .executable(name: "drydockd", targets: ["drydockd"]),
  ],
  dependencies: [
    // The outermost command line of the executables (docker's own verbs have pflag's grammar, which is ours).
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    // Front matter of the lessons.
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    // SHA-256 of layers at the processor's speed (real mode only).
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    // Requests to registries (real mode only).
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    // Of which async-http-client is made: event loops, TLS.
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    // SQLite, in which the engine keeps its state (real mode only).
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
  ],
  targets: [
    // Base64, as headers, configuration files and pax records have it.
    .target(name: "Encodings"),
    // Threads for what blocks.
    .target(name: "Threads"),
    // JSON as a tree: fast writer, strict parser, Codable bridge; no Foundation.
    .target(name: "JSONTree"),
    // tar, as layers, `docker cp` and `docker save` have it; no Foundation.
    .target(name: "Archive", dependencies: ["Encodings"]),
    // image-spec, runtime-spec, distribution-spec as values; digests, references.
    .target(name: "OCISpec", dependencies: ["JSONTree"]),
    // Parties, trace records, recorder, reader, spine, diff.
    .target(name: "Handoff", dependencies: ["JSONTree", "Threads"]),
    // config.json → Plan; the Kernel seam; the verbs of an OCI runtime.
    .target(name: "Runtime", dependencies: ["JSONTree", "OCISpec"]),
    // The protocols between the parts, their operations, and the traced decorator.
    .target(name: "Seams", dependencies: ["JSONTree", "OCISpec", "Handoff", "Runtime"]),
    // The core, used in both modes: Dockerd/, Containerd/, Shim/, Runc/.
    .target(
      name: "Engine", dependencies: ["Encodings", "JSONTree", "Archive", "OCISpec", "Handoff", "Runtime", "Seams"]),
    // The ends of trace mode: kernel model, programs, network, registries, virtual clock.
    .target(
      name: "Simulation",
      dependencies: ["Encodings", "JSONTree", "Archive", "OCISpec", "Handoff", "Runtime", "Seams", "Engine"],
      // The simulated kernel is a graph of objects under one lock, and looked at 4,000 times in a container's life:
      // debug builds, and so the tests, watch that nothing is changed while it is looked at; a release does not.
      swiftSettings: [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]),
    // docker's verbs, flags and output over the Remote API seam.
    .target(name: "Client", dependencies: ["Encodings", "JSONTree", "Archive", "OCISpec", "Seams"]),
    // docker's config.json and credential helpers, for clients of real daemons.
    .target(
      name: "UserConfiguration", dependencies: ["CLinux", "Encodings", "Threads", "JSONTree", "Seams", "Client"]),
    // Why texts, lessons, replay, diagrams, topology.
    .target(
      name: "Teaching",
      dependencies: ["JSONTree", "Handoff", .product(name: "Yams", package: "Yams")]),
    .systemLibrary(name: "CReadline"),
    // The REPL.
    .target(
      name: "Shell",
      dependencies: [
        "CReadline", "Threads", "JSONTree", "Archive", "OCISpec", "Handoff", "Runtime", "Seams", "Client", "Simulation",
        "Teaching", "DaemonClient", "UserConfiguration",
      ]),
    .executableTarget(
      name: "drydock",
      dependencies: [
        "Shell", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    // System calls that Swift cannot say: variadic, missing from Glibc's module, or with unions.
    .target(name: "CLinux"),
    .systemLibrary(name: "CSeccomp"),
    .systemLibrary(name: "CCap"),
    // The kernel seam's real end: Linux, performing `KernelCall`s. No Foundation, no concurrency.
    .target(
      name: "LinuxKernel",
      dependencies: ["CLinux", "CSeccomp", "CCap", "JSONTree", "OCISpec", "Runtime"]),
    // The verbs of the OCI runtime on Linux: processes that perform a plan, state, console, hooks, log.
    .target(
      name: "DrydockRunc", dependencies: ["CLinux", "CSeccomp", "JSONTree", "OCISpec", "Runtime", "LinuxKernel"]),
    // The runtime's first instructions, before the C library's and Swift's own.
    .target(name: "CGuard"),
    .executableTarget(
      name: "drydock-runc", dependencies: ["CGuard", "DrydockRunc"],
      linkerSettings: [.unsafeFlags(["-Xlinker", "-e", "-Xlinker", "drydock_start"])]),
    // ttrpc, containerd's protocol to its shims: frames, requests, and the protobuf that they are made of.
    .target(name: "TTRPC"),
    // Real mode's host: clocks, randomness, files, what the machine is.
    .target(name: "LinuxHost", dependencies: ["CLinux", "Runtime", "Seams"]),
    // The kernel's numbers for netlink, and calls that Swift cannot say.
    .target(name: "CNetwork"),
    // nftables' own language, a text a transaction (libnftables).
    .systemLibrary(name: "CNFTables"),
    // Real mode's network: bridges, veth pairs, rules, published ports, the embedded DNS server.
    .target(
      name: "LinuxNetwork", dependencies: ["CNetwork", "CNFTables", "Threads", "JSONTree", "Runtime", "Seams"]),
    // The engine's state in SQLite.
    .target(
      name: "StateDatabase",
      dependencies: ["JSONTree", "Seams", .product(name: "GRDB", package: "GRDB.swift")]),
    // The distribution API's real end: HTTP to registries, TLS, proxies.
    .target(
      name: "Registry",
      dependencies: [
        "Seams", .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    // gzip by isa-l, zstd, xz and bzip2 by their libraries, behind one call; no library's structures reach Swift.
    .target(
      name: "CCompression",
      linkerSettings: [
        .linkedLibrary("isal"), .linkedLibrary("zstd"), .linkedLibrary("lzma"), .linkedLibrary("bz2"),
      ]),
    // containerd's stores on disk: blobs by digest, unpacked layers, snapshots, diffs.
    .target(
      name: "ImageStore",
      dependencies: [
        // openat2, and what is variadic.
        "CLinux",
        // Unpacking, diffs.
        "Threads",
        // tar headers.
        "Archive",
        // Layers are compressed.
        "CCompression",
        // Digests and media types.
        "OCISpec",
        // The contracts: BlobStore, SnapshotDriver.
        "Seams",
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    // The core on its real ends: what `drydockd --mode real` runs.
    .target(
      name: "RealMachine",
      dependencies: [
        "JSONTree", "OCISpec", "Handoff", "Runtime", "Seams", "Engine", "LinuxHost", "StateDatabase", "Registry",
        "ImageStore",
      ]),
    // HTTP/1.1 messages as bytes: what server and client of the Remote API have in common.
    .target(name: "HTTPCodec"),
    // The Remote API seam's wire server: the Docker Engine API on unix sockets and TCP with TLS.
    .target(
      name: "RemoteAPI",
      dependencies: [
        "Encodings", "JSONTree", "Seams", "HTTPCodec", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    // Its wire client: what `drydock` reaches a daemon by; no NIO.
    .target(name: "DaemonClient", dependencies: ["Encodings", "Threads", "JSONTree", "Seams", "HTTPCodec"]),
    // The engine as a daemon: a simulated machine that real clients use, the feed of its trace, pid file.
    .target(
      name: "DrydockDaemon",
      dependencies: ["Threads", "JSONTree", "Handoff", "Seams", "Engine", "Simulation", "RemoteAPI"]),
    .executableTarget(
      name: "drydockd",
      dependencies: [
        "DrydockDaemon", "Handoff", "RealMachine", "Registry", "Seams",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .testTarget(name: "EncodingsTests", dependencies: ["Encodings"]),
    .testTarget(name: "ThreadsTests", dependencies: ["Threads"]),
    .testTarget(name: "JSONTreeTests", dependencies: ["JSONTree"]),
    .testTarget(name: "ArchiveTests", dependencies: ["Archive"]),
    .testTarget(name: "OCISpecTests", dependencies: ["OCISpec"]),
    .testTarget(name: "HandoffTests", dependencies: ["Handoff"]),
    .testTarget(name: "RuntimeTests", dependencies: ["Runtime"]),
    .testTarget(name: "SeamsTests", dependencies: ["Seams"]),
    .testTarget(name: "EngineTests", dependencies: ["Engine"]),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation"]),
    .testTarget(
      name: "ClientTests", dependencies: ["Client", "Encodings", "Archive", "JSONTree", "OCISpec", "Seams"],
      exclude: ["Fixtures"]),
    .testTarget(name: "UserConfigurationTests", dependencies: ["UserConfiguration", "JSONTree", "Seams"]),
    .testTarget(name: "TeachingTests", dependencies: ["Teaching"]),
    .testTarget(name: "ShellTests", dependencies: ["Shell", "Client", "JSONTree"]),
    // Registries for tests: one that does what a test wants, and the genuine one.
    .target(
      name: "RegistryHarness",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
        // Tokens are signed.
        .product(name: "Crypto", package: "swift-crypto"),
      ], path: "Tests/RegistryHarness"),
    .testTarget(
      name: "RegistryTests",
      dependencies: [
        "RegistryHarness", "Registry", "LinuxHost", "Engine", "Simulation", "OCISpec",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    // An engine that kills itself: for the tests of what a death leaves.
    .executableTarget(
      name: "CrashingEngine", dependencies: ["RealMachine", "Engine", "Seams", "OCISpec", "JSONTree", "CSeccomp"],
      path: "Tests/CrashingEngine"),
    .testTarget(
      name: "RealMachineTests",
      dependencies: [
        "CrashingEngine", "RegistryHarness",
        "RealMachine", "StateDatabase", "LinuxHost", "ImageStore", "Registry", "Engine", "Simulation", "Archive",
        "JSONTree", "OCISpec", "Handoff", "Seams", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),
    // The store's work as a process: for tests that kill it, confine it or measure it, and for the benchmark.
    .executableTarget(
      name: "layer-tool", dependencies: ["ImageStore", "CLinux", "CSeccomp", "JSONTree", "OCISpec", "Seams"],
      path: "Tests/LayerTool"),
    .testTarget(name: "ImageStoreTests", dependencies: ["ImageStore", "Archive", "layer-tool"]),
    .testTarget(
      name: "RemoteAPITests",
      dependencies: [
        "RemoteAPI", "DaemonClient", "DrydockDaemon", "HTTPCodec", "Simulation", "Handoff", "JSONTree", "Seams",
        "Threads",
      ]),
    // Networks as a process in a network namespace of its own: for tests and measurements.
    .executableTarget(
      name: "network-tool", dependencies: ["CLinux", "CNetwork", "LinuxNetwork", "Runtime", "Seams", "Threads"],
      path: "Tests/NetworkTool"),
    // Needs root: scenarios of network-tool, and what needs none.
    .testTarget(name: "LinuxNetworkTests", dependencies: ["LinuxNetwork", "network-tool"]),
    .testTarget(name: "LinuxKernelTests", dependencies: ["LinuxKernel"]),
    // Containers by the real drydock-runc: needs root, bundles of its own making, and the genuine neighbours.
    .target(name: "CHarness", path: "Tests/CHarness"),
    .testTarget(name: "DrydockRuncTests", dependencies: ["CHarness", "DrydockRunc", "JSONTree"]),
  ],
  swiftLanguageModes: [.v6]
)

// An async function runs where its caller runs (SE-0461): a handoff crosses a dozen of them, and none has to ask the
// runtime for an executor.
for target in package.targets where target.type != .system {
  target.swiftSettings = (target.swiftSettings ?? []) + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]
}

// The runtime lives for milliseconds: asking for a type by its name, which Swift's runtime takes apart and looks up,
// would be a seventh of them. These modules ask for their types by function.
for target in package.targets
where ["JSONTree", "OCISpec", "Runtime", "LinuxKernel", "DrydockRunc", "drydock-runc"].contains(target.name) {
  target.swiftSettings =
    (target.swiftSettings ?? []) + [
      .unsafeFlags(
        ["-Xfrontend", "-disable-concrete-type-metadata-mangled-name-accessors"], .when(configuration: .release))
    ]
}
