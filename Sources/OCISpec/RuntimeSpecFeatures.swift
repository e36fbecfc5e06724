import JSONTree

extension RuntimeSpec {
  /// What a runtime can do (features.md, features-linux.md).
  public struct Features: Sendable, Hashable, JSONWritable {
    public var ociVersionMin: String
    public var ociVersionMax: String
    public var hooks: [String]
    public var mountOptions: [String]
    public var namespaces: [String]
    public var capabilities: [String]
    /// Of cgroup v1, v2, systemd as root, systemd as user, rdma.
    public var cgroupV1: Bool
    public var cgroupV2: Bool
    public var systemd: Bool
    public var systemdUser: Bool
    public var rdma: Bool
    public var seccomp: Bool
    public var apparmor: Bool
    public var selinux: Bool
    public var intelRdt: Bool
    public var memoryPolicy: Bool
    public var idmap: Bool
    public var netDevices: Bool
    /// The filter flags that the kernel takes, of those that are known.
    public var seccompSupportedFlags: [String]
    public var annotations: [String: String]
    public var potentiallyUnsafeConfigAnnotations: [String]

    public init(
      ociVersionMin: String = "1.0.0", ociVersionMax: String = RuntimeSpec.version, capabilities: [String],
      annotations: [String: String] = [:]
    ) {
      (self.ociVersionMin, self.ociVersionMax) = (ociVersionMin, ociVersionMax)
      hooks = HookStage.allCases.map(\.rawValue)
      mountOptions = MountOptions.knownNames
      namespaces = NamespaceKind.allCases.map(\.rawValue).sorted()
      self.capabilities = capabilities
      (cgroupV1, cgroupV2, systemd, systemdUser, rdma) = (true, true, false, false, true)
      (seccomp, apparmor, selinux, intelRdt) = (true, true, true, true)
      (memoryPolicy, idmap, netDevices) = (true, true, true)
      seccompSupportedFlags = Seccomp.knownFlags
      self.annotations = annotations
      potentiallyUnsafeConfigAnnotations = ["bundle", "org.systemd.property.", "org.criu.config"]
    }

    public var json: JSON {
      let on = { (value: Bool) -> JSON in ["enabled": .bool(value)] }
      var linux: JSONObject = [
        "namespaces": JSON(namespaces), "capabilities": JSON(capabilities),
        "cgroup": [
          "v1": .bool(cgroupV1), "v2": .bool(cgroupV2), "systemd": .bool(systemd), "systemdUser": .bool(systemdUser),
          "rdma": .bool(rdma),
        ],
        "seccomp": on(seccomp),
      ]
      if seccomp {
        linux["seccomp"] = [
          "enabled": true, "actions": JSON(Seccomp.Action.allCases.map(\.rawValue).sorted()),
          "operators": JSON(Seccomp.Comparison.allCases.map(\.rawValue).sorted()),
          "archs": JSON(Seccomp.knownArchitectures.sorted()), "knownFlags": JSON(Seccomp.knownFlags),
          "supportedFlags": JSON(seccompSupportedFlags),
        ]
      }
      linux["apparmor"] = on(apparmor)
      linux["selinux"] = on(selinux)
      linux["intelRdt"] = on(intelRdt)
      if memoryPolicy {
        linux["memoryPolicy"] = ["modes": JSON(MemoryPolicy.modes), "flags": JSON(MemoryPolicy.flagNames)]
      }
      linux["mountExtensions"] = ["idmap": on(idmap)]
      linux["netDevices"] = on(netDevices)
      var object: JSONObject = [
        "ociVersionMin": .string(ociVersionMin), "ociVersionMax": .string(ociVersionMax), "hooks": JSON(hooks),
        "mountOptions": JSON(mountOptions), "linux": .object(linux),
      ]
      if !annotations.isEmpty { object["annotations"] = JSON(annotations) }
      object["potentiallyUnsafeConfigAnnotations"] = JSON(potentiallyUnsafeConfigAnnotations)
      return .object(object)
    }
    public func write(to writer: inout JSONWriter) { writer.write(json) }
  }
}
