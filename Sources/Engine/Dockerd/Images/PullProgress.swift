import OCISpec
import Seams
import Synchronization

/// containerd's transfer progress as Docker's messages: what the terminal shows for each layer.
final class PullProgress: Sendable {
  private struct Layer {
    var hasBegun = false
    var last = ""
  }
  private struct State {
    var saidFrom = false
    var layers: [Digest: Layer] = [:]
    /// Layers that are here already are told only when another one is not: a pull that brings nothing says nothing.
    var existing: [Digest]? = []
  }
  private let state = Mutex(State())
  private let reference: ImageReference
  private let out: MessageStream

  init(_ reference: ImageReference, _ out: MessageStream) { (self.reference, self.out) = (reference, out) }

  /// One step, as it happens.
  func handle(_ step: Transfer.Progress) {
    guard let descriptor = step.descriptor else { return }
    sayFrom()
    guard MediaType.isLayer(descriptor.mediaType) else { return }
    let digest = descriptor.digest
    let id = truncatedID(digest.description)
    if step.event == "already exists" {
      let isPending = state.withLock { state in
        if state.layers[digest]?.hasBegun ?? false { return true }
        state.existing?.append(digest)
        return state.existing != nil
      }
      if !isPending { begin(digest, "Already exists") }
      return
    }
    let pending = state.withLock { state in
      defer { state.existing = nil }
      return state.existing ?? []
    }
    for digest in pending { begin(digest, "Already exists") }

    let isNew = state.withLock { state in
      defer { state.layers[digest, default: Layer()].hasBegun = true }
      return !(state.layers[digest]?.hasBegun ?? false)
    }
    if isNew { out.progress("Pulling fs layer", id: id) }
    switch step.event {
    case "waiting": once(digest, "Waiting") { out.progress("Waiting", id: id) }
    case "downloading":
      if step.offset > 0 {
        let total = step.total > 0 ? step.total : descriptor.size
        once(digest, "Downloading \(step.offset)") {
          out.progress("Downloading", id: id, current: step.offset, total: total)
        }
      }
    case "complete":
      once(digest, "Download complete") { out.progress("Download complete", id: id, hidesCounts: true) }
    case "extracting":
      once(digest, "Extracting") { out.progress("Extracting", id: id, current: 1, units: "s") }
    case "extracted":
      once(digest, "Pull complete") { out.progress("Pull complete", id: id, hidesCounts: true) }
    default: break
    }
  }

  /// The transfer has ended well.
  func finish() { sayFrom() }

  private func begin(_ digest: Digest, _ text: String) {
    state.withLock { $0.layers[digest, default: Layer()].hasBegun = true }
    once(digest, text) { out.progress(text, id: truncatedID(digest.description), hidesCounts: true) }
  }

  private func once(_ digest: Digest, _ text: String, _ send: () -> Void) {
    let isNew = state.withLock { state in
      defer { state.layers[digest, default: Layer()].last = text }
      return state.layers[digest]?.last != text
    }
    if isNew { send() }
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
