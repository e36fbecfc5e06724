import Handoff
import JSONTree
import Seams
import Testing

@testable import Simulation

@Suite("crictl: the CRI's own command line")
struct CrictlTests {
  private static let pod = """
    {"metadata": {"name": "nginx-pod", "namespace": "default", "uid": "u1", "attempt": 1}, "hostname": "front",
     "labels": {"app": "web"}}
    """
  private static let container = """
    {"metadata": {"name": "main"}, "image": {"image": "docker.io/library/alpine:latest"},
     "command": ["sh", "-c"], "args": ["echo ready; sleep 1000"], "envs": [{"key": "COLOUR", "value": "blue"}],
     "labels": {"io.kubernetes.pod.name": "nginx-pod", "io.kubernetes.pod.namespace": "default"},
     "linux": {"resources": {"memory_limit_in_bytes": 67108864}}}
    """
  private let files = ["pod.json": CrictlTests.pod, "container.json": CrictlTests.container]

  @Test("pull, runp, create, start, exec, logs, stop, rm, stopp, rmp: a pod's life by hand")
  func life() throws {
    let crio = try StackFixture("cri-o")
    let before = crio.traces
    #expect(
      try crio.native("pull docker.io/library/alpine:latest").output.hasPrefix(
        "Image is up to date for docker.io/library/alpine@sha256:"))
    let pod = try crio.native("runp pod.json", files: files).output.dropLast()
    #expect(pod.count == 64)
    _ = crio.spine()
    crio.keeper.clear()
    let id = try crio.native("create \(pod.prefix(13)) container.json pod.json", files: files).output.dropLast()
    let written = crio.lastConfig
    #expect(id.count == 64)
    #expect(
      crio.spine() == [
        "crictl > crio runtime.v1.RuntimeService/CreateContainer", "crio > conmon conmon create",
        "conmon > runc runc create",
      ])
    let config = try #require(written)
    #expect(config["linux"]?["resources"]?["memory"]?["limit"] == 67_108_864)
    #expect(try crio.native("start \(id)").output == id + "\n")
    #expect(try crio.native("start \(id)").error.contains("is not in created state: running"))
    #expect(try crio.native("exec \(id.prefix(8)) sh -c", "echo $COLOUR; hostname").output == "blue\nfront\n")
    let failed = try crio.native("exec \(id) sh -c", "echo x >&2; exit 3")
    #expect(failed.error == "x\nFATA[0000] execing command in container: command terminated with exit code 3\n")
    #expect(failed.status == 3)
    _ = crio.spine()
    #expect(try crio.native("exec -s \(id) id -u") == ("0\n", "", 0))
    // What is run synchronously conmon watches; the streaming server executes the runtime itself.
    #expect(crio.spine().dropFirst() == ["crio > conmon conmon exec", "conmon > runc runc exec"])
    #expect(try crio.native("exec -i \(id) cat", input: "typed").output == "typed")
    #expect(try crio.native("logs \(id)").output == "ready\n")
    #expect(try crio.native("rm \(id)").error.contains("is running, please stop it first"))
    #expect(try crio.native("stop -t 1 \(id)").status == 0)
    #expect(try crio.native("rm \(id)").output == id + "\n")
    #expect(try crio.native("rmp \(pod)").error.contains("is running, please stop it first"))
    #expect(try crio.native("stopp \(pod)").output == "Stopped sandbox \(pod)\n")
    #expect(try crio.native("pods").output.contains("NotReady"))
    #expect(try crio.native("rmp \(pod)").output == "Removed sandbox \(pod)\n")
    #expect(crio.traces == before)
  }

  @Test("tables are those of crictl")
  func tables() throws {
    let crio = try StackFixture("cri-o")
    try crio.native("pull alpine")
    let id = try crio.native("run container.json pod.json", files: files).output.dropLast()
    let pod = try crio.native("pods -q").output.dropLast()
    crio.machine.world.advance(90 * Duration64.second)
    #expect(
      try crio.native("ps").output == """
        CONTAINER           IMAGE                             CREATED              STATE               NAME                ATTEMPT             POD ID              POD                 NAMESPACE
        \(id.prefix(13))       docker.io/library/alpine:latest   About a minute ago   Running             main                0                   \(pod.prefix(13))       nginx-pod           default

        """)
    #expect(
      try crio.native("pods").output == """
        POD ID              CREATED              STATE               NAME                NAMESPACE           ATTEMPT             RUNTIME
        \(pod.prefix(13))       About a minute ago   Ready               nginx-pod           default             1                   runc

        """)
    let images = try crio.native("images").output.split(separator: "\n")
    #expect(images[0] == "IMAGE                      TAG                 IMAGE ID            SIZE")
    #expect(images[1].hasPrefix("docker.io/library/alpine   latest              "))
    #expect(try crio.native("images -q").output.count == 65)
    let status = try JSON(parsing: crio.native("inspect \(id)").output)
    #expect(status["status"]?["state"] == "CONTAINER_RUNNING")
    #expect(status["status"]?["metadata"]?["name"] == "main")
    #expect(status["info"]?["pid"]?.int ?? 0 > 0)
    let sandbox = try JSON(parsing: crio.native("inspectp \(pod)").output)
    #expect(sandbox["status"]?["network"]?["ip"] == "10.85.0.2")
    #expect(try crio.native("pods --label app=web -q").output == pod + "\n")
    #expect(try crio.native("pods --label app=db -q").output.isEmpty)
    #expect(try crio.native("version").output.contains("RuntimeName:  cri-o\n"))
    #expect(try crio.native("stats").output.split(separator: "\n").count == 2)
    #expect(try crio.native("rmp -f \(pod)").status == 0)
    #expect(try crio.native("rmi alpine").output == "Deleted: docker.io/library/alpine:latest\n")
    #expect(try crio.native("images -q").output.isEmpty)
  }

  @Test("several containers in one pod share its network and its name, and go with it")
  func pods() throws {
    let crio = try StackFixture("cri-o")
    try crio.native("pull alpine")
    let before = crio.traces
    let pod = try crio.native("runp pod.json", files: files).output.dropLast()
    let ids = try ["a", "b"].map { name in
      let config = CrictlTests.container.replacing("\"main\"", with: "\"\(name)\"")
      let id = try crio.native(
        "create \(pod) container.json pod.json", files: ["pod.json": CrictlTests.pod, "container.json": config]
      ).output.dropLast()
      try crio.native("start \(id)")
      return String(id)
    }
    let addresses = try ids.map { try crio.native("exec \($0) hostname -i").output }
    #expect(addresses[0] == addresses[1])
    #expect(crio.processes.filter { $0.hasPrefix("/usr/bin/conmon") }.count == 2)
    // The examples on the host serve as well.
    #expect(try crio.native("runp pod.json").status == 0)
    #expect(try crio.native("rmp -a -f").output.split(separator: "\n").count == 2)
    #expect(crio.traces == before)
  }

  @Test("the docker client sees what crictl has made, and the other way round")
  func both() throws {
    let crio = try StackFixture("cri-o")
    try crio.native("pull alpine")
    let id = try crio.native("run container.json pod.json", files: files).output.dropLast()
    let listed = try crio.send("GET", "/containers/json").json
    #expect(listed[0]?["Names"]?[0] == "/k8s_main_nginx-pod_default_u1_0")
    let other = try crio.run("alpine", ["sleep", "1000"], detached: true, name: "web").id
    #expect(try crio.native("ps -q").output == "\(other)\n\(id)\n")
    #expect(try crio.send("DELETE", "/containers/{id}", ["id": String(id)], ["force": "1"]).status == 204)
    #expect(try crio.native("ps -q").output == "\(other)\n")
  }

  @Test(
    "what is wrong is said in crictl's words",
    arguments: [
      ("", 0, ""), ("nosuch", 1, "unknown command \"nosuch\" for \"crictl\""),
      ("ps --nosuch", 1, "flag provided but not defined"),
      ("pull", 1, "Image name cannot be empty"), ("pull ??", 1, "invalid reference format"),
      ("runp missing.json", 1, "open missing.json: no such file or directory"), ("stop", 1, "ID cannot be empty"),
      ("start 123", 1, "could not find container \"123\""), ("inspectp 123", 1, "could not find pod \"123\""),
      ("exec", 1, "ID cannot be empty"), ("rmi nosuch", 1, "no such image \"nosuch\""),
      ("inspecti nosuch", 1, "no such image \"nosuch\" present"), ("ps -o xml", 1, "unsupported output format \"xml\""),
      ("stop -t soon x", 1, "invalid value \"soon\""), ("create a", 1, "Incorrect Usage"),
    ])
  func mistakes(_ line: String, _ status: Int, _ words: String) throws {
    let crio = try StackFixture("cri-o")
    let answer = try crio.native(line)
    #expect(Int(answer.status) == status)
    #expect(answer.error.contains(words) || words.isEmpty)
  }
}

extension StackFixture {
  /// The config.json that the runtime got last.
  var lastConfig: JSON? {
    for record in keeper.records.reversed() {
      if case .call(let call) = record.event, call.op.hasSuffix(" create"), let config = call.args.json["config"] {
        return config
      }
    }
    return nil
  }
}
