import JSONTree
import OCISpec
import Seams

extension RegistryRepository {
  /// Fetches a blob into `writer`, from where an earlier attempt left off, and checks it. Does not commit.
  ///
  /// A connection that breaks is taken up again with a Range request, after a pause that doubles. The size that the
  /// registry declares must be the descriptor's; the digest must be that of the bytes.
  ///
  /// - Parameters:
  ///   - progress: told how many bytes are there, as they come.
  ///   - retrying: told before a pause, with what went wrong and the pause in nanoseconds.
  public func fetch(
    _ descriptor: Descriptor, into writer: any BlobWriter, progress: @Sendable (Int64) -> Void = { _ in },
    retrying: @Sendable (String, UInt64) -> Void = { _, _ in }
  ) async throws {
    var attempt = 1
    var startedOver = false
    while true {
      let offset = await writer.offset()
      do {
        let end = try await asking {
          try await fetch(descriptor, from: offset, into: writer, at: $0, progress: progress)
        }
        if try await writer.digest() == descriptor.digest { return }
        if end == .all, offset > 0, !startedOver {
          // What was there from before was not a part of this blob.
          startedOver = true
          try await writer.truncate(0)
          continue
        }
        if end == .all {
          throw mismatch(
            descriptor, "unexpected commit digest \(try await writer.digest()), expected \(descriptor.digest)")
        }
        throw BrokenBody(
          message: "short read: expected \(descriptor.size) bytes but got \(await writer.offset()): unexpected EOF")
      } catch let error as BrokenBody {
        guard attempt < RegistryClient.maxAttempts else {
          throw EngineError(.unavailable, "failed to copy: \(error.message)")
        }
        // Progress made is a reason to hope: only what fails again and again at the same place counts.
        attempt = await writer.offset() > offset ? 2 : attempt + 1
        let pause = RegistryClient.backoff(attempt)
        retrying(error.message, pause)
        try await client.world.sleep(pause)
      }
    }
  }

  private enum End { case all, broken }
  /// A failure in mid-body, after which a Range request may go on.
  private struct BrokenBody: Error { var message: String }

  private func fetch(
    _ descriptor: Descriptor, from offset: Int64, into writer: any BlobWriter, at endpoint: RegistryEndpoint,
    progress: @Sendable (Int64) -> Void
  ) async throws -> End {
    let digest = descriptor.digest.description
    var headers = [NameValue("Accept", "\(descriptor.mediaType), */*")]
    if offset > 0 { headers.append(NameValue("Range", "bytes=\(offset)-")) }
    let response: RegistryResponse
    do {
      response = try await send("GET", "/v2/{name}/blobs/{digest}", ["digest": digest], at: endpoint, headers: headers)
    } catch let error as EngineError where error.code == .unavailable && offset > 0 {
      throw BrokenBody(message: error.message)
    }
    var received = offset
    switch response.status {
    case 206 where offset > 0:
      let range = ContentRange(response.header("Content-Range"))
      guard range?.start == offset else {
        response.discard()
        throw EngineError(.unknown, "unhandled content range in response: \(response.header("Content-Range") ?? "")")
      }
      if let total = range?.total, total != descriptor.size {
        response.discard()
        throw mismatch(descriptor, "unexpected commit size \(total), expected \(descriptor.size)")
      }
    case 200:
      if let declared = response.header("Content-Length").flatMap({ Int64($0) }), declared != descriptor.size {
        response.discard()
        throw mismatch(descriptor, "unexpected commit size \(declared), expected \(descriptor.size)")
      }
      // The registry does not know Range: from the start.
      if offset > 0 { try await writer.truncate(0) }
      received = 0
    case 416 where offset > 0:
      // There is nothing behind what we have.
      response.discard()
      return .all
    default:
      throw await refusal(response, "GET", "blobs/\(digest)")
    }

    let begin = received
    func take(_ bytes: [UInt8]) async throws {
      guard received + Int64(bytes.count) <= descriptor.size else {
        response.discard()
        throw mismatch(
          descriptor, "unexpected commit size \(received + Int64(bytes.count)), expected \(descriptor.size)")
      }
      try await writer.append(bytes)
      received += Int64(bytes.count)
      progress(received)
    }
    if let stream = response.stream {
      while let bytes = await stream.read(1 << 18) {
        do { try await take(bytes) } catch {
          stream.closeReading()
          throw error
        }
      }
      if Task.isCancelled {
        stream.closeReading()
        throw CancellationError()
      }
    } else if !response.body.isEmpty {
      try await take(response.body)
    }
    // A registry that sends nothing more for an open range has no more; one that promised more was cut short.
    let isEmpty = received == begin && (response.header("Content-Length").flatMap { Int64($0) } ?? 0) == 0
    return received == descriptor.size || (offset > 0 && isEmpty && response.status == 206) ? .all : .broken
  }
}

/// `bytes 100-199/200` (RFC 9110, section 14.4).
struct ContentRange: Sendable, Hashable {
  var start: Int64
  var end: Int64
  var total: Int64?

  init?(_ header: String?) {
    guard let header, header.hasPrefix("bytes ") else { return nil }
    let parts = header.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
    let bounds = parts.first?.split(separator: "-", omittingEmptySubsequences: false) ?? []
    guard parts.count == 2, bounds.count == 2, let start = Int64(bounds[0]), let end = Int64(bounds[1]) else {
      return nil
    }
    (self.start, self.end, total) = (start, end, Int64(parts[1]))
  }
}
