import Testing

@testable import Shell

@Suite("Programs of the simulated images", .serialized)
struct ProgramsTests {
  private static func session(_ before: [String]) throws -> Session {
    var options = SessionOptions()
    options.showsHandoffs = false
    let session = try Session(options)
    session.output.mute(true)
    for line in before { #expect(session.execute(line) == 0, "\(line)") }
    return session
  }

  private func run(_ session: Session, _ line: String) -> (status: Int32, text: String) {
    let mark = session.memory.count
    let status = session.execute(line)
    var text = ""
    for record in session.memory.records(from: mark) { if case .output(_, let data) = record.event { text += data } }
    return (status, text)
  }

  /// Scripts for busybox ash, what they print, and their status.
  static let scripts: [(script: String, prints: String, status: Int32)] = [
    ("echo one two; echo three", "one two\nthree\n", 0), ("false || echo no && echo yes", "no\nyes\n", 0),
    ("x=5; echo $((x * 2 + 1)) ${x:-9} ${y:-9} ${#x}", "11 5 9 1\n", 0),
    ("for i in a b c; do printf '%s.' $i; done; echo", "a.b.c.\n", 0),
    ("i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", "3\n", 0),
    ("case abc in a*) echo A;; *) echo other;; esac", "A\n", 0),
    ("if test -f /etc/passwd; then echo file; else echo none; fi", "file\n", 0),
    ("f() { echo got $1 $#; return 4; }; f x y; echo $?", "got x 2\n4\n", 0),
    ("echo hello | tr a-z A-Z | sed 's/L/l/g'", "HEllO\n", 0),
    ("printf 'b\\na\\nb\\n' | sort | uniq -c | wc -l", "2\n", 0),
    ("echo a:b:c | cut -d: -f2", "b\n", 0), ("seq 1 5 | head -n 2 | tail -n 1", "2\n", 0),
    ("echo text > /tmp/f; cat /tmp/f; rm /tmp/f; ls /tmp", "text\n", 0), ("cat <<E\nin here\nE", "in here\n", 0),
    ("echo $(echo inner) `echo old`", "inner old\n", 0), ("(exit 3); echo $?", "3\n", 0), ("exit 7", "", 7),
    ("nosuchprogram", "sh: nosuchprogram: not found\n", 127), ("grep -c root /etc/passwd", "1\n", 0),
    ("mkdir -p /a/b && cd /a/b && pwd", "/a/b\n", 0), ("id -u; whoami", "0\nroot\n", 0),
    ("trap 'echo bye' EXIT; echo hi", "hi\nbye\n", 0), ("echo err >&2; echo out 2>&1", "err\nout\n", 0),
    ("set -- a b c; shift; echo $1 $# $*", "b 2 b c\n", 0),
    ("sleep 100 & kill $!; wait $!; echo $?", "Terminated\n143\n", 0),
    ("readlink -f /bin/sh", "/bin/busybox\n", 0), ("echo 'single $x' \"double $HOME\"", "single $x double /root\n", 0),
    ("cat /nonexistent", "cat: can't open '/nonexistent': No such file or directory\n", 1),
    ("mount -t tmpfs none /mnt", "mount: permission denied (are you root?)\n", 1), ("hostname", "box\n", 0),
  ]

  @Test("busybox's shell and applets")
  func shell() throws {
    let session = try Self.session(["docker pull -q alpine"])
    for (script, prints, status) in Self.scripts {
      let answer = run(session, "docker run --rm -h box alpine sh -c \(Words.quoted(script))")
      #expect(answer.text == prints, "\(script)")
      #expect(answer.status == status, "\(script)")
    }
  }

  @Test("a script that never ends can be killed, and time passes for it")
  func endless() throws {
    let session = try Self.session([
      "docker pull -q alpine", "docker run -d --name busy alpine sh -c 'while true; do :; done'", "clock +5s",
    ])
    #expect(run(session, "docker ps --format '{{.Names}} {{.State}}'").text == "busy running\n")
    #expect(run(session, "docker stop -t 1 busy").status == 0)
    #expect(run(session, "docker inspect -f '{{.State.ExitCode}}' busy").text == "137\n")
  }

  @Test("a fork bomb stops at pids.max; a memory eater meets the OOM killer")
  func limits() throws {
    let session = try Self.session(["docker pull -q alpine"])
    _ = run(session, "docker run -d --name bomb --pids-limit 20 alpine sh -c ':(){ :|:& };:; sleep 5'")
    #expect(run(session, "docker rm -f bomb").status == 0)
    #expect(run(session, "docker run --name eater -m 32m alpine tail /dev/zero").status == 137)
    #expect(run(session, "docker inspect -f '{{.State.OOMKilled}}' eater").text == "true\n")
  }

  @Test("nginx answers: by address, by name on a network of users, through a published port")
  func nginx() throws {
    let session = try Self.session([
      "docker pull -q nginx", "docker pull -q alpine", "docker network create n1",
      "docker run -d --name web --network n1 -p 8080:80 nginx",
    ])
    #expect(run(session, "docker run --rm --network n1 alpine wget -qO- http://web/").text.contains("Welcome to nginx"))
    #expect(run(session, "host curl -s localhost:8080").text.contains("Welcome to nginx"))
    #expect(run(session, "docker run --rm alpine wget -qO- -T 2 http://web/").status != 0)
    #expect(run(session, "docker logs web").text.contains("GET / HTTP/1.1\" 200"))
    #expect(run(session, "docker stop web").status == 0)
    #expect(run(session, "docker inspect -f '{{.State.ExitCode}}' web").text == "0\n")
  }

  @Test("redis keeps what it is told")
  func redis() throws {
    let session = try Self.session(["docker run -d --name cache redis"])
    #expect(run(session, "docker exec cache redis-cli set k v").text == "OK\n")
    #expect(run(session, "docker exec cache redis-cli get k").text.contains("v"))
    #expect(run(session, "docker logs cache").text.contains("Ready to accept connections"))
  }

  @Test("postgres wants a password, and then answers")
  func postgres() throws {
    let session = try Self.session([])
    let refused = run(session, "docker run --rm postgres")
    #expect(refused.status == 1)
    #expect(refused.text.contains("superuser password is not specified"))
    _ = run(session, "docker run -d --name db -e POSTGRES_PASSWORD=x postgres")
    _ = run(session, "clock +10s")
    #expect(run(session, "docker exec -u postgres db psql -c 'SELECT 1'").text.contains("(1 row)"))
  }

  @Test("a web app in node or python, hello-world, and the registry")
  func others() throws {
    let session = try Self.session([])
    #expect(run(session, "docker run --rm hello-world").text.contains("Hello from Docker!"))
    #expect(run(session, "docker run --rm python python -c 'print(6*7)'").text.hasSuffix("42\n"))
    #expect(run(session, "docker run --rm node node -e 'console.log(6*7)'").text.hasSuffix("42\n"))
    _ = run(session, "docker run -d --name py -p 8000:8000 python python -m http.server")
    #expect(run(session, "host curl -s localhost:8000").text.contains("Directory listing"))
  }

  @Test("--init passes signals on to who would not hear them as pid 1")
  func initProcess() throws {
    let session = try Self.session(["docker pull -q alpine", "docker run -d --init --name box alpine sleep 1000"])
    #expect(run(session, "docker stop box").status == 0)
    #expect(run(session, "docker inspect -f '{{.State.ExitCode}}' box").text == "143\n")
  }
}
