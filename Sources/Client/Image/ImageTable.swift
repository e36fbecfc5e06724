import JSONTree
import OCISpec

/// An image in `docker images`: one row a name.
struct ImageRow: Sendable {
  let json: JSON
  var repository: String
  var tag: String
  var digest: String
  let truncates: Bool
  let now: UInt64

  static let none = "<none>"

  /// The rows of one image: a row for each tag, and for each digest of a repository that has no tag.
  ///
  /// - Parameters:
  ///   - showsDigests: digests have rows of their own (`--digests`).
  ///   - needsDigests: a template asks for the digests of tags.
  static func rows(
    _ json: JSON, truncates: Bool, showsDigests: Bool, needsDigests: Bool = false, now: UInt64
  ) -> [ImageRow] {
    func row(_ repository: String, _ tag: String, _ digest: String) -> ImageRow {
      ImageRow(json: json, repository: repository, tag: tag, digest: digest, truncates: truncates, now: now)
    }
    // As users write them, in the daemon's order.
    var repositories: [String] = []
    var tags: [String: [String]] = [:]
    var digests: [String: [String]] = [:]
    func note(_ name: String) { if !repositories.contains(name) { repositories.append(name) } }
    for text in json["RepoTags"]?.strings ?? [] {
      guard let reference = try? ImageReference(text), let tag = reference.tag else { continue }
      note(reference.familiarName)
      tags[reference.familiarName, default: []].append(tag)
    }
    for text in json["RepoDigests"]?.strings ?? [] {
      guard let (name, digest) = split(text) else { continue }
      note(name)
      digests[name, default: []].append(digest)
    }
    if repositories.isEmpty { return [row(none, none, none)] }
    var rows: [ImageRow] = []
    for name in repositories {
      let (tags, digests) = (tags[name] ?? [], digests[name] ?? [])
      if tags.isEmpty {
        rows += showsDigests ? digests.map { row(name, none, $0) } : [row(name, none, "")]
      } else if digests.isEmpty || !(showsDigests || needsDigests) {
        rows += tags.map { row(name, $0, none) }
      } else {
        for tag in tags { for digest in digests { rows.append(row(name, tag, digest)) } }
      }
    }
    return rows
  }

  private static func split(_ text: String) -> (String, String)? {
    guard let at = text.lastIndex(of: "@") else { return nil }
    let name = String(text[..<at])
    let digest = String(text[text.index(after: at)...])
    return ((try? ImageReference(name))?.familiarName ?? name, digest)
  }

  var created: Int64 { json.number("Created") }
  var size: Int64 { json.number("Size") }
  var sharedSize: Int64 { json["SharedSize"]?.int.map(Int64.init) ?? -1 }
}

extension Table where Source == ImageRow {
  static let images = Table(
    typeName: "*formatter.imageContext",
    columns: [
      .init("Containers", "CONTAINERS") { row in
        let count = row.json["Containers"]?.int ?? -1
        return .string(count == -1 ? "N/A" : String(count))
      },
      .init("CreatedAt", "CREATED AT") { .string(GoTime.string(seconds: $0.created)) },
      .init("CreatedSince", "CREATED") { row in
        .string(
          row.created == 0 ? HumanDuration.since(0, now: row.now) : HumanDuration.since(row.created, now: row.now))
      },
      .init("Digest", "DIGEST") { .string($0.digest) },
      .init("ID", "IMAGE ID") { row in
        .string(row.truncates ? Show.shortID(row.json.text("Id")) : row.json.text("Id"))
      },
      .init("Repository", "REPOSITORY") { .string($0.repository) },
      .init("SharedSize", "SHARED SIZE") { row in
        .string(row.sharedSize == -1 ? "N/A" : Sizes.human(row.sharedSize))
      },
      .init("Size", "SIZE") { .string(Sizes.human($0.size, digits: 3)) },
      .init("Tag", "TAG") { .string($0.tag) },
      .init("UniqueSize", "UNIQUE SIZE") { row in
        .string(row.sharedSize == -1 ? "N/A" : Sizes.human(row.size - row.sharedSize))
      },
      .init("VirtualSize", "SIZE") { .string(Sizes.human($0.size)) },
    ])
}
