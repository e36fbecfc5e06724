import JSONTree
import Seams

/// What `--security-opt` comes to (moby's SecurityOptions).
struct SecurityOptions: Sendable, Hashable {
  var noNewPrivileges = false
  /// Empty: the default; `unconfined`, `builtin`, or a profile's JSON.
  var seccompProfile = ""
  /// Empty: `docker-default`; `unconfined`, or a profile's name.
  var appArmorProfile = ""
  /// Nil: as privileged says.
  var writableCgroups: Bool?
  /// SELinux options after `label=`: kept, without a host that has SELinux.
  var labels: [String] = []

  init() {}

  /// Reads `name=value` options. Refuses with `invalid --security-opt 2: "x=y"`.
  init(_ options: [String]) throws(EngineError) {
    for option in options {
      switch option {
      case "no-new-privileges":
        noNewPrivileges = true
        continue
      case "writable-cgroups":
        writableCgroups = true
        continue
      case "disable":
        labels.append("disable")
        continue
      default: break
      }
      guard let separator = option.firstIndex(of: "=") ?? option.firstIndex(of: ":") else {
        throw EngineError(.unknown, "invalid --security-opt 1: \"\(option)\"")
      }
      let value = String(option[option.index(after: separator)...])
      let invalid = EngineError(.unknown, "invalid --security-opt 2: \"\(option)\"")
      switch option[..<separator] {
      case "label": labels.append(value)
      case "apparmor": appArmorProfile = value
      case "seccomp": seccompProfile = value
      case "no-new-privileges":
        guard let flag = GoBool.parse(value) else { throw invalid }
        noNewPrivileges = flag
      case "writable-cgroups":
        guard let flag = GoBool.parse(value) else { throw invalid }
        writableCgroups = flag
      default: throw invalid
      }
    }
    for label in labels {
      let name = label.prefix { $0 != ":" }
      guard label == "disable" || ["user", "role", "type", "level", "filetype"].contains(name) else {
        throw EngineError(
          .unknown,
          label.contains(":")
            ? "bad label option \"\(label)\", valid options 'disable, user, role, level, type, filetype'"
            : "bad label option \"\(label)\", valid options 'disable' or \n'user, role, level, type, filetype' followed by ':' "
              + "and a value")
      }
    }
  }

  var stored: JSON {
    [
      "NoNewPrivileges": .bool(noNewPrivileges), "SeccompProfile": .string(seccompProfile),
      "AppArmorProfile": .string(appArmorProfile), "WritableCgroups": writableCgroups.map(JSON.bool) ?? .null,
      "Labels": JSON(labels),
    ]
  }

  init(stored json: JSON) {
    noNewPrivileges = json["NoNewPrivileges"]?.bool ?? false
    seccompProfile = json["SeccompProfile"]?.string ?? ""
    appArmorProfile = json["AppArmorProfile"]?.string ?? ""
    writableCgroups = json["WritableCgroups"]?.bool
    labels = json["Labels"]?.strings ?? []
  }
}
