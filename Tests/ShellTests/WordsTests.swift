import Testing

@testable import Shell

@Suite("Lines become words as in sh(1)")
struct WordsTests {
  @Test(
    "quotes, backslashes, comments",
    arguments: [
      ("docker run -d  nginx", ["docker", "run", "-d", "nginx"]), ("echo 'a b' \"c d\"", ["echo", "a b", "c d"]),
      ("a\\ b", ["a b"]), ("x'y'\"z\"", ["xyz"]), ("a # b", ["a"]), ("a#b", ["a#b"]), ("''", [""]), ("", []),
      ("sh -c 'echo \"$X\"'", ["sh", "-c", "echo \"$X\""]), ("\"a\\\"b\\\\c\\n\"", ["a\"b\\c\\n"]), ("# all", []),
      ("--format '{{.Names}}'", ["--format", "{{.Names}}"]), ("é\tü", ["é", "ü"]),
    ])
  func splitting(line: String, words: [String]) throws {
    #expect(try Words.split(line) == words)
  }

  @Test("what goes on in the next line")
  func unfinished() {
    #expect(throws: Words.Problem.unfinishedLine) { try Words.split("docker run \\") }
    #expect(throws: Words.Problem.unfinishedQuote("'")) { try Words.split("echo 'a") }
    #expect(Continuation.state(of: "a \\") == .needsMore("a "))
    #expect(Continuation.state(of: "a 'b") == .needsMore("a 'b\n"))
    #expect(Continuation.state(of: "a b") == .whole)
  }

  @Test("quoting gives the word back", arguments: ["a", "a b", "it's", "", "$HOME", "a\nb", "--x=1", "ü"])
  func quoting(word: String) throws {
    #expect(try Words.split(Words.quoted(word)) == [word])
  }

  @Test(
    "pipes, redirections and substitutions ask for a shell",
    arguments: [
      ("docker ps -q | wc -l", true), ("docker rm $(docker ps -aq)", true), ("docker logs web > f", true),
      ("docker ps", false), ("docker run alpine sh -c 'a | b > c; d && e'", false), ("echo \"$HOME\"", true),
      ("echo '$HOME'", false), ("docker ps --format \"{{.ID}}\"", false), ("echo \\| x", false), ("echo 5$", false),
      ("docker ps # a | b", false), ("docker images; docker ps", true),
    ])
  func shell(line: String, needsShell: Bool) {
    #expect(Words.needsShell(line) == needsShell)
  }

  @Test(
    "a mistyped word finds its neighbour",
    arguments: [
      ("docekr", "docker"), ("imges", "images"), ("topolgy", "topology"), ("shwo", "show"),
    ])
  func nearest(typed: String, meant: String) {
    #expect(Words.nearest(to: typed, among: ["docker", "images", "topology", "show", "ps"]).first == meant)
  }

  @Test("a word that is like none finds none")
  func noneNear() {
    #expect(Words.nearest(to: "xylophone", among: ["docker", "ps", "run"]).isEmpty)
  }
}

@Suite("Virtual time as people write it")
struct VirtualDurationTests {
  @Test(
    "durations",
    arguments: [
      ("90s", 90_000_000_000), ("1h30m", 5_400_000_000_000), ("6h", 21_600_000_000_000), ("2d", 172_800_000_000_000),
    ] as [(String, UInt64)])
  func durations(text: String, nanoseconds: UInt64) {
    #expect(VirtualDuration.parse(text) == nanoseconds)
  }

  @Test(
    "what is no duration", arguments: ["", "6", "h", "-1h", "1x", "99999999999999999999d", "999999999d", "1h3", "٣h"])
  func refusals(text: String) {
    #expect(VirtualDuration.parse(text) == nil)
  }

  @Test(
    "times of day, leap years included",
    arguments: [
      (0, "1970-01-01 00:00:00 UTC"), (951_782_400, "2000-02-29 00:00:00 UTC"),
      (1_767_225_600, "2026-01-01 00:00:00 UTC"), (4_107_542_399, "2100-02-28 23:59:59 UTC"),
    ] as [(UInt64, String)])
  func timestamps(seconds: UInt64, text: String) {
    #expect(VirtualDuration.timestamp(seconds * 1_000_000_000) == text)
  }
}

@Suite("Markdown for the terminal")
struct MarkdownTextTests {
  @Test("paragraphs are wrapped, lists hang, code stands as it is")
  func rendering() {
    let text = "One two three\nfour five.\n\n- first item that\n  goes on\n\n```\ncode   here\n```\n"
    #expect(
      MarkdownText.render(text, width: 16, hasColour: false)
        == "One two three\nfour five.\n\n• first item\n  that goes on\n\n    code   here")
  }
}
