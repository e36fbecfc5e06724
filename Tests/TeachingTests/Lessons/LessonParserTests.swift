import Teaching
import Testing

@Suite("Lessons: Markdown with YAML front matter")
struct LessonParserTests {
  static let good = """
    ---
    title: Pull
    summary: What pull does.
    minutes: 4
    setup: [docker pull alpine]
    steps:
      - try: docker pull nginx
        check:
          - image: nginx
          - no-handoff: {to: runc}
          - handoff: {from: dockerd, to: containerd, op: Transfer/Transfer, times: 1}
        hints: [look, pull it]
        solution: docker pull nginx
      - predict:
          question: And then?
          command: docker pull redis
          after: {to: dockerd}
          choices: [{from: dockerd, to: containerd}, {from: dockerd, to: shim}]
          because: So it is.
    ---
    # Pull
    Introduction.

    ## First
    Text with `code`.

    ```
    ## no heading
    ```

    ## Second
    More.
    """

  @Test("front matter and sections become steps")
  func parses() throws {
    let lesson = try LessonParser.parse(Self.good, name: "04-pull", language: "en")
    #expect(lesson.title == "Pull")
    #expect(lesson.introduction == "Introduction.")
    #expect(lesson.setup == ["docker pull alpine"])
    #expect(lesson.steps.map(\.title) == ["First", "Second"])
    #expect(lesson.steps[0].text.contains("## no heading"))
    #expect(
      lesson.steps[0].checks == [
        .image("nginx"), .noHandoff(HandoffPattern(to: "runc")),
        .handoff(HandoffPattern(from: "dockerd", to: "containerd", op: "Transfer/Transfer"), atLeast: 1),
      ])
    #expect(lesson.steps[0].solution == ["docker pull nginx"])
    #expect(lesson.steps[1].checks == [.predicted])
    #expect(lesson.steps[1].prediction?.choices.count == 2)
  }

  @Test(
    "what is wrong is told with its place",
    arguments: [
      ("title: Pull", "titel: Pull", "unknown key titel"),
      ("- image: nginx", "- picture: nginx", "unknown check picture"),
      ("times: 1", "times: many", "times"), ("## Second", "Second", "2 steps, the text has 1 sections"),
      ("solution: docker pull nginx", "", "needs its solution"), ("because: So it is.", "", "because is missing"),
      ("{to: runc}", "{whom: runc}", "unknown key whom"), ("{to: runc}", "{}", "from, to or op"),
      ("steps:\n", "steps: 3\nother:\n", "unknown key other"), ("minutes: 4", "minutes: soon", "minutes"),
      ("setup: [docker pull alpine]", "setup: [docker pull alpine", "front matter"),
    ])
  func faults(part: String, replacement: String, reason: String) {
    let error = #expect(throws: LessonError.self) {
      try LessonParser.parse(Self.good.replacing(part, with: replacement), name: "04-pull", language: "en")
    }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "nothing")")
  }

  @Test("no front matter, or one without end, is refused", arguments: ["", "# Title\n", "---\ntitle: x\n"])
  func noFrontMatter(text: String) {
    #expect(throws: LessonError.self) { try LessonParser.parse(text, name: "x", language: "en") }
  }
}
