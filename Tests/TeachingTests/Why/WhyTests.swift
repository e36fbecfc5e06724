import Handoff
import JSONTree
import Testing

@testable import Teaching

@Suite struct WhyTests {
  // MARK: Every operation has a text

  /// The operations that the sources name, by seam.
  private static func operations() -> [String] {
    let seams = SourceScan.text(below: "Seams")
    let containerdAndShim = SourceScan.quoted(after: "static var name: String { ", in: seams)
    let engine = SourceScan.text(below: "Engine")
    let routes = SourceScan.quoted(after: ".on(", in: engine)
    let network = SourceScan.quoted(after: "carry(", in: SourceScan.text(below: "Seams/Host"))
    return containerdAndShim + routes + network
  }

  /// The names in `KernelCall.name`.
  private static func kernelCalls() -> [String] {
    let text = SourceScan.text(below: "Runtime")
    guard let start = text.firstRange(of: "public var name: String {\n    switch self {\n    case .clone"),
      let end = text[start.lowerBound...].firstRange(of: "\n  }\n")
    else { return [] }
    return SourceScan.quoted(after: ": ", in: String(text[start.lowerBound..<end.lowerBound]))
      + SourceScan.quoted(after: "other(name: ", in: text) + SourceScan.quoted(after: "        name: ", in: text)
  }

  @Test func everyOperationOfTheSeamsAndRoutesHasAText() {
    let operations = Self.operations()
    #expect(operations.count > 130, "the sources are read: \(operations.count)")
    for op in [
      "containerd.services.tasks.v1.Tasks/Start", "containerd.task.v3.Task/Create", "POST /containers/create",
      "RTM_NEWLINK veth",
    ] {
      #expect(operations.contains(op), "\(op) is found in the sources")
    }
    for op in operations {
      #expect(Why.text(op: op) != nil, "no text for \(op)")
    }
  }

  @Test func everySystemCallOfThePlansHasAText() {
    let calls = Self.kernelCalls()
    #expect(calls.count > 40 && calls.contains("pivot_root") && calls.contains("faccessat2"), "\(calls)")
    for call in calls { #expect(Why.text(op: call) != nil, "no text for \(call)") }
  }

  @Test func whatGoesToARegistryHasAText() {
    for op in [
      "GET /v2/", "HEAD /v2/{name}/manifests/{reference}", "GET /v2/{name}/manifests/{reference}",
      "PUT /v2/{name}/manifests/{reference}", "HEAD /v2/{name}/blobs/{digest}", "GET /v2/{name}/blobs/{digest}",
      "POST /v2/{name}/blobs/uploads/", "PATCH /v2/{name}/blobs/uploads/{reference}",
      "PUT /v2/{name}/blobs/uploads/{reference}", "GET /v2/{name}/blobs/uploads/{reference}",
      "GET /v2/{name}/tags/list",
      "GET /token", "POST /token", "GET /service/token", "GET /v1/search", "GET /{location}", "HEAD /{location}",
    ] { #expect(Why.text(op: op) != nil, "no text for \(op)") }
  }

  @Test func theVerbsOfAllRuntimesShareTheirTexts() throws {
    for verb in [
      "create", "start", "run", "exec", "kill", "delete", "state", "list", "ps", "pause", "resume", "update", "events",
      "spec", "features", "checkpoint", "restore", "--version",
    ] {
      let text = try #require(Why.text(op: "runc " + verb), "no text for runc \(verb)")
      for runtime in ["crun", "railcar"] {
        #expect(try #require(Why.text(op: "\(runtime) \(verb)")) == text)
      }
    }
    #expect(
      Why.text(op: "containerd.task.v2.Task/Create")?.purpose == Why.text(op: "containerd.task.v3.Task/Create")?.purpose
    )
    #expect(Why.text(op: "libcontainer.Factory.Create") != nil && Why.text(op: "libcontainer.Container/Start") != nil)
    #expect(Why.text(op: "runtime.v1.RuntimeService/RunPodSandbox") != nil && Why.text(op: "conmon exec") != nil)
  }

  // MARK: The texts themselves

  @Test func everyEntryIsWholeAndNoneIsThereTwice() {
    var names: [String] = []
    for table in WhyTexts.tables {
      for (op, texts) in WhyTexts.parse(table) {
        names.append(op)
        #expect(texts.count == 4, "\(op) has \(texts.count) texts")
      }
    }
    #expect(Set(names).count == names.count, "\(names.filter { name in names.count { $0 == name } > 1 })")
    #expect(names.count == Why.operations.count)
  }

  @Test func everyTextIsAtLeastAWholeSentenceOfItsOwn() {
    var owners: [String: String] = [:]
    for op in Why.operations {
      guard let english = Why.text(op: op), let portuguese = Why.text(op: op, language: "pt-BR") else {
        Issue.record("no text for \(op)")
        continue
      }
      for text in [english.purpose, english.without, portuguese.purpose, portuguese.without] {
        let words = text.split(separator: " ")
        // Some parts are written small, also where a sentence begins with them.
        let begins =
          text.first?.isUppercase == true
          || ["containerd", "dockerd", "conmon", "podman", "netavark"].contains(String(words.first ?? ""))
        #expect(words.count >= 5 && text.last == "." && begins, "\(op): \(text)")
        #expect(!text.contains("  "), "\(op): \(text)")
        #expect(owners[text] == nil, "\(op) and \(owners[text] ?? ""): \(text)")
        owners[text] = op
      }
      #expect(english.without.contains("Without") || english.without.contains("without"), "\(op): \(english.without)")
      #expect(
        portuguese.without.contains("Sem ") || portuguese.without.contains("sem "), "\(op): \(portuguese.without)")
    }
  }

  @Test func portugueseIsPortuguese() {
    let all = Why.operations.compactMap { Why.text(op: $0, language: "pt-BR") }.map { $0.purpose + " " + $0.without }
    let words = all.joined(separator: " ").split { " .,:;()".contains($0) }.map { $0.lowercased() }
    // Words that would be misspelt without their accents, or are not said so in Brazil.
    for wrong in [
      "nao", "container", "containers", "contentor", "ficheiro", "ecrã", "imagen", "configuracao", "voce", "ja", "ate",
      "alem", "so", "tambem", "usuario", "sera", "esta-se", "the", "and", "is", "of",
    ] { #expect(!words.contains(wrong), "\(wrong)") }
    #expect(words.contains("contêiner") && words.contains("não"))
    // Each language says something else.
    for op in Why.operations {
      #expect(Why.text(op: op)?.purpose != Why.text(op: op, language: "pt-BR")?.purpose, "\(op)")
    }
  }

  // MARK: What `why` prints

  private func call(_ op: String, _ args: JSON, to party: Party = .kernel) -> TraceRecord.Call {
    TraceRecord.Call(id: 1, parent: nil, from: .runc, to: party, via: .syscall, op: op, args: args)
  }

  @Test func argumentsOfASystemCallDecideWhatItIsFor() {
    for (op, args, key) in [
      ("write", ["path": "/proc/self/uid_map"], "write uid_map"),
      ("write", ["path": "/sys/fs/cgroup/docker/1/memory.max"], "write memory.max"),
      ("write", ["path": "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes"], "write memory.max"),
      ("write", ["path": "/proc/sys/net/ipv4/ip_unprivileged_port_start"], "write /proc/sys"),
      ("write", ["path": "/run/docker/runtime-runc/moby/1/exec.fifo"], "write exec.fifo"),
      ("openat", ["path": "/run/docker/runtime-runc/moby/1/exec.fifo"], "openat exec.fifo"),
      ("mount", ["type": "proc", "flags": ["MS_NOSUID"]], "mount proc"),
      ("mount", ["type": "bind", "flags": ["MS_BIND", "MS_REC"]], "mount bind"),
      ("mount", ["type": "", "flags": ["MS_REMOUNT", "MS_BIND", "MS_RDONLY"]], "mount remount"),
      ("mount", ["type": "", "flags": ["MS_SLAVE", "MS_REC"]], "mount propagation"),
      ("prctl", ["option": "PR_SET_NO_NEW_PRIVS"], "prctl PR_SET_NO_NEW_PRIVS"),
      ("mkdirat", ["path": "/sys/fs/cgroup/docker/1"], "mkdirat cgroup"),
      ("execve", ["path": "/bin/hook", "hook": "prestart"], "execve hook"),
    ] as [(String, JSON, String)] {
      let text = Why.text(for: call(op, args))
      let expected = Why.text(op: key)
      #expect(expected != nil && text == (expected?.purpose ?? "") + "\n" + (expected?.without ?? ""), "\(key)")
    }
    // Where the arguments say nothing more, the call's own text stands.
    for (op, args) in [
      ("write", ["path": "/tmp/x"]), ("mount", [:]), ("prctl", ["option": "PR_SET_MM"]), ("execve", [:]),
    ]
      as [(String, JSON)]
    {
      #expect(Why.text(for: call(op, args)).hasPrefix(Why.text(op: op)?.purpose ?? "?"), "\(op)")
    }
  }

  @Test func anUnknownOperationIsToldByItsParties() {
    #expect(
      Why.text(for: call("frobnicate", [:], to: .shim))
        == "runc asks shim, one small process a container: holds its streams, waits for its end, for frobnicate.")
    #expect(Why.text(for: call("frobnicate", [:], to: .shim), language: "pt-BR").contains("pede frobnicate a shim"))
    #expect(Why.text(op: "frobnicate") == nil && Why.text(op: "") == nil && Why.text(op: "runc") == nil)
  }

  @Test func everyPartyIsToldInBothLanguages() {
    for name in Parties.known {
      let (english, portuguese) = (Parties.about(Party(name)), Parties.about(Party(name), language: "pt-BR"))
      #expect(english != portuguese && english.split(separator: " ").count > 2 && !portuguese.isEmpty, "\(name)")
    }
    #expect(Parties.about(Party("nobody"), language: "pt") == "outra peça da pilha")
  }
}
