import JSONTree

extension Command {
  static let containerCommit = Command(
    "commit", usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    short: "Create a new image from a container's changes",
    spellings: "docker container commit, docker commit", rule: .atLeast(1),
    flags: [
      Flag("author", "a", .string(""), "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
      Flag("change", "c", .list(.any), "Apply Dockerfile instruction to the created image"),
      Flag("message", "m", .string(""), "Commit message"),
      Flag("pause", "p", .bool(true), "Pause container during commit (default true)"),
    ], completes: [.containers, .images]
  ) { invocation in
    let flags = invocation.flags
    var query = [
      ("author", flags.string("author")), ("comment", flags.string("message")), ("container", invocation.argument),
    ]
    if invocation.arguments.count > 1, !invocation.arguments[1].isEmpty {
      let reference = try References.parse(invocation.arguments[1])
      guard reference.digest == nil else { throw CommandError("refusing to create a tag with a digest reference") }
      query += [("repo", reference.repository), ("tag", reference.tagged.tag ?? "")]
    } else {
      query += [("repo", ""), ("tag", "")]
    }
    for change in flags.values("change") { query.append(("changes", change)) }
    if !flags.bool("pause") { query.append(("pause", "0")) }
    let answer = try await invocation.session.json(request("POST", "/commit", query: query))
    try await invocation.line(answer.text("Id"))
    return 0
  }
}
