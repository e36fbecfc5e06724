import OCISpec
import Seams

extension Containerd {
  /// Puts in order what a process left that died at any moment: before the first call, with everything loaded.
  ///
  /// A record is written after what it tells of and removed before it, so what has no record is a leftover. An ingest
  /// is what the next pull goes on from: it stays for a day.
  func recover() async throws {
    if core.configuration.ownsClients {
      for tenant in all {
        try await tenant.snapshots.removeHalfUnpacked()
        func isOwned(_ id: String) -> Bool { (try? tenant.containers.get(id)) != nil }
        try tenant.leases.endAbandoned(except: isOwned)
        tenant.leases.limit(leftoverLifetime, except: isOwned)
        await tenant.collectGarbage()
      }
    }
    // A loss of power can take folders that were not on the disk yet: they are unpacked anew when they are needed.
    let lost = Set(try await core.driver.removeAll(except: Set(all.flatMap { $0.snapshots.ids })))
    if !lost.isEmpty { for tenant in all { await tenant.snapshots.forget(lost) } }
    var known = Set(all.flatMap { $0.content.digests })
    try await core.blobs.removeAll(except: known)
    for digest in known.sorted() where await core.blobs.size(digest) == nil {
      known.remove(digest)
      for tenant in all where tenant.content.find(digest) != nil { try await tenant.content.remove(digest) }
    }
    let now = core.world.unixTime
    for ingest in await core.blobs.ingests() {
      let isOld = ingest.updatedAt &+ leftoverLifetime < now
      if isOld || ingest.offset == 0 || !isResumable(ingest, known) { try await core.blobs.abort(ingest.ref) }
    }
  }

  /// `moby/layer-sha256:…`: named after what it is to become, which is not here yet.
  private func isResumable(_ ingest: BlobIngest, _ known: Set<Digest>) -> Bool {
    guard let dash = ingest.ref.lastIndex(of: "-"),
      let digest = Digest(String(ingest.ref[ingest.ref.index(after: dash)...]))
    else { return !core.configuration.ownsClients }
    // A client's own (`import-…`) nobody goes on with.
    let kind = ingest.ref[..<dash].split(separator: "/").last ?? ""
    let isPull = ["layer", "config", "manifest", "index", "unknown"].contains(kind)
    return !known.contains(digest) && (isPull || !core.configuration.ownsClients)
  }
}

/// How long what a dead process left half done is kept for the next attempt, in nanoseconds (containerd gives its
/// clients' leases a day).
private let leftoverLifetime: UInt64 = 86_400 * Duration64.second
