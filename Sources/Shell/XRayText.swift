import JSONTree

/// The kernel's view of a container as text: processes, namespaces beside the host's, cgroup, mounts, capabilities.
struct XRayText {
  private let picture: JSON
  init(_ picture: JSON) { self.picture = picture }

  func text(width: Int, paint: (String, String) -> String) -> String {
    func heading(_ text: String) -> String { paint("1;36", text) + "\n" }
    var out = heading("processes") + row(["HOST", "INSIDE", "STATE", "COMMAND"]) + tree(picture["processes"], 0)
    out += "\n" + heading("namespaces") + row(["KIND", "INODE", "HOST'S", ""])
    for member in picture["namespaces"]?.object?.members ?? [] {
      let isShared = member.value["shared"]?.bool ?? false
      out += row([
        member.key, number(member.value["inode"]), number(member.value["host"]), isShared ? "the host's" : "its own",
      ])
    }
    out += "\n" + heading("cgroup")
    for cgroup in picture["cgroups"]?.array ?? [] {
      out += "  \(cgroup["hierarchy"]?.string ?? ""): \(cgroup["path"]?.string ?? "")\n"
      for file in cgroup["files"]?.object?.members ?? [] where XRayText.telling.contains(file.key) {
        let value = (file.value.string ?? "").split(separator: "\n").joined(separator: ", ")
        out += "    \(file.key) \(value)\n"
      }
    }
    out += "\n" + heading("mounts")
    for mount in picture["mounts"]?.array ?? [] {
      let options = mount["options"]?.strings?.joined(separator: ",") ?? ""
      out += "  \(mount["target"]?.string ?? "")  \(mount["type"]?.string ?? "")  \(options)\n"
    }
    let effective = picture["capabilities"]?["effective"]?.strings ?? []
    out += "\n" + heading("capabilities")
    out += "  effective: " + (effective.isEmpty ? "none" : effective.joined(separator: " ")) + "\n"
    let mode = picture["seccomp"]?["mode"]?.int ?? 0
    out += "\n" + heading("seccomp")
    out +=
      mode == 2
      ? "  filter, \(picture["seccomp"]?["rules"]?.int ?? 0) rules, else \(picture["seccomp"]?["defaultAction"]?.string ?? "")\n"
      : "  none\n"
    return clipped(out, width: width)
  }

  private static let telling: Set<String> = [
    "memory.max", "memory.current", "memory.events", "pids.max", "pids.current", "cpu.max", "cpu.weight", "cpu.stat",
    "cgroup.freeze", "cpuset.cpus", "memory.limit_in_bytes", "memory.usage_in_bytes",
  ]

  private func tree(_ process: JSON?, _ depth: Int) -> String {
    guard let process, depth < 64 else { return "" }
    let line = row([
      number(process["pid"]), number(process["pidInNamespace"]), process["state"]?.string ?? "",
      String(repeating: "  ", count: depth) + (process["command"]?.string ?? ""),
    ])
    return line + (process["children"]?.array ?? []).map { tree($0, depth + 1) }.joined()
  }

  private func number(_ value: JSON?) -> String { value?.int.map { String($0) } ?? "-" }
  private func row(_ cells: [String]) -> String {
    "  "
      + cells.enumerated().map { index, cell in
        index == cells.count - 1 || cell.count >= 12
          ? cell + " " : cell + String(repeating: " ", count: 12 - cell.count)
      }.joined() + "\n"
  }
}
