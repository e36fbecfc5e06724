import JSONTree
import OCISpec

extension Command {
  static let imageRemove = Command(
    "rm", aliases: ["remove"], usage: "[OPTIONS] IMAGE [IMAGE...]", short: "Remove one or more images",
    spellings: "docker image rm, docker image remove, docker rmi", rule: .atLeast(1),
    flags: [
      Flag("force", "f", .bool(false), "Force removal of the image"),
      Flag("no-prune", .bool(false), "Do not delete untagged parents"),
      Flag(
        "platform", .strings,
        "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
        completes: .words(Words.platforms)),
    ], completes: [.images]
  ) { invocation in
    let flags = invocation.flags
    var query: [(String, String)] = []
    if flags.bool("force") { query.append(("force", "1")) }
    if flags.bool("no-prune") { query.append(("noprune", "1")) }
    var failures: [String] = []
    var isFatal = false
    for name in invocation.arguments {
      do {
        let answer = try await invocation.session.json(
          request("DELETE", "/images/{name}", ["name": name], query: query))
        for item in answer.array ?? [] {
          let untagged = item.text("Untagged")
          try await invocation.line(untagged.isEmpty ? "Deleted: \(item.text("Deleted"))" : "Untagged: \(untagged)")
        }
      } catch let error as DaemonError {
        if !error.isNotFound || !flags.bool("force") { isFatal = true }
        failures.append(error.description)
      }
    }
    for failure in failures { try await invocation.err(failure + "\n") }
    return isFatal ? 1 : 0
  }

  static let imageTag = Command(
    "tag", usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    short: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", spellings: "docker image tag, docker tag",
    rule: .exactly(2), completes: [.images]
  ) { invocation in
    await invocation.session.greet()
    func parsed(_ text: String) throws(CommandError) -> ImageReference {
      do { return try ImageReference(text) } catch {
        throw CommandError("Error parsing reference: \(GoQuote.string(text)) is not a valid repository/tag: \(error)")
      }
    }
    let isID =
      invocation.arguments[0].count == 64
      && invocation.arguments[0].allSatisfy { $0.isHexDigit && !$0.isUppercase }
    if !isID { _ = try parsed(invocation.arguments[0]) }
    let target = try parsed(invocation.arguments[1])
    guard target.digest == nil else { throw CommandError("refusing to create a tag with a digest reference") }
    try await invocation.session.send(
      request(
        "POST", "/images/{name}/tag", ["name": invocation.arguments[0]],
        query: [("repo", target.repository), ("tag", target.tagged.tag ?? "")]))
    return 0
  }

  static let imagePrune = Command(
    "prune", usage: "[OPTIONS]", short: "Remove unused images",
    flags: [
      Flag("all", "a", .bool(false), "Remove all unused images, not just dangling ones"),
      Flag("filter", .filter, "Provide filter values (e.g. \"until=<timestamp>\")"),
      Flag("force", "f", .bool(false), "Do not prompt for confirmation"),
    ]
  ) { invocation in
    let all = invocation.flags.bool("all")
    let warning =
      all
      ? "WARNING! This will remove all images without at least one container associated to them."
      : "WARNING! This will remove all dangling images."
    guard try await invocation.confirm(warning) else { return 0 }
    let (text, reclaimed) = try await invocation.session.pruneImages(
      Filters.parse(invocation.flags.values("filter")), all: all)
    try await invocation.out(text + "Total reclaimed space: \(Sizes.human(reclaimed))\n")
    return 0
  }
}
