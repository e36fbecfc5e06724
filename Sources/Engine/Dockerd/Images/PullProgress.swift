import OCISpec
import Seams
import Synchronization

/// containerd's transfer progress as Docker's messages: what the terminal shows for each layer.
///
/// A pull that brings nothing says nothing of layers: what waits, and what is here already, is told only when the
/// first layer really comes.
final class PullProgress: Sendable {
  private struct State {
    var saidFrom = false
    /// What was last said of a layer.
    var last: [Digest: String] = [:]
    /// What is to be said of layers when one of them comes; nil from then on.
    var pending: [(digest: Digest, event: String)]? = []
    /// What the registry lets through still, of how much.
    var pullsLeft: (count: Int64, limit: Int64)?
  }
  private let state = Mutex(State())
  private let reference: ImageReference
  private let out: MessageStream

  init(_ reference: ImageReference, _ out: MessageStream) { (self.reference, self.out) = (reference, out) }

  /// One step, as it happens.
  func handle(_ step: Transfer.Progress) {
    if step.event == "rate limit" { state.withLock { $0.pullsLeft = (step.offset, step.total) } }
    guard let descriptor = step.descriptor else { return }
    sayFrom()
    guard MediaType.isLayer(descriptor.mediaType) else { return }
    let digest = descriptor.digest
    let isQuiet = step.event == "waiting" || step.event == "already exists"
    let before = state.withLock { state -> [(digest: Digest, event: String)]? in
      if isQuiet, state.pending != nil {
        state.pending?.append((digest, step.event))
        return nil
      }
      defer { state.pending = nil }
      return state.pending ?? []
    }
    guard let before else { return }
    for (digest, event) in before where event == "waiting" {
      // Layers that turned out to be here were never awaited.
      if !before.contains(where: { $0.digest == digest && $0.event != "waiting" }) { say(digest, event) }
    }
    for (digest, event) in before where event != "waiting" { say(digest, event) }
    say(digest, step.event, offset: step.offset, total: step.total > 0 ? step.total : descriptor.size)
  }

  /// The transfer has ended well.
  func finish() { sayFrom() }

  /// Warns when at most a tenth of the pulls that the registry grants are left.
  func warnOfLimit() {
    guard let left = state.withLock({ $0.pullsLeft }), left.count <= left.limit / 10 else { return }
    out.status(
      "Warning: \(left.count) of \(left.limit) pulls are left at \(reference.domain). Sign in, or wait, to get more: "
        + "https://www.docker.com/increase-rate-limit")
  }

  private func say(_ digest: Digest, _ event: String, offset: Int64 = 0, total: Int64 = 0) {
    let id = truncatedID(digest.description)
    let last = state.withLock { $0.last[digest] }
    if last == nil, event != "already exists" { out.progress("Pulling fs layer", id: id) }
    var key = event
    if event == "downloading" { key += " \(offset)" }
    state.withLock { $0.last[digest] = key }
    guard last != key else { return }
    switch event {
    case "waiting": out.progress("Waiting", id: id)
    case "already exists": out.progress("Already exists", id: id, hidesCounts: true)
    case "downloading": if offset > 0 { out.progress("Downloading", id: id, current: offset, total: total) }
    case "retrying":
      out.progress("Retrying in \(offset) second\(offset == 1 ? "" : "s")", id: id)
    case "complete": out.progress("Download complete", id: id, hidesCounts: true)
    case "extracting": out.progress("Extracting", id: id, current: 1, units: "s")
    case "extracted": out.progress("Pull complete", id: id, hidesCounts: true)
    default: break
    }
  }

  private func sayFrom() {
    let isFirst = state.withLock { state in
      defer { state.saidFrom = true }
      return !state.saidFrom
    }
    if isFirst {
      out.status("Pulling from \(reference.path)", id: reference.tag ?? reference.digest?.description ?? "")
    }
  }
}
