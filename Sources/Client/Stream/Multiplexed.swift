import Seams

/// Takes apart the stream in which the daemon sends stdout and stderr together: frames of a header of eight bytes (the
/// stream's number, three zeros, the length in big endian) and the payload (moby, pkg/stdcopy).
struct Multiplexed: Sendable {
  private var buffer: [UInt8] = []

  /// A payload and where it goes: 1 is standard output, 2 standard error, 3 an error of the daemon.
  struct Frame: Sendable, Hashable {
    var stream: UInt8
    var payload: [UInt8]
  }

  /// The frames that are whole after more bytes came.
  mutating func add(_ bytes: [UInt8]) throws(CommandError) -> [Frame] {
    buffer += bytes
    var frames: [Frame] = []
    var start = 0
    while buffer.count - start >= 8 {
      let stream = buffer[start]
      guard stream <= 3 else { throw CommandError("Unrecognized input header: \(stream)") }
      let length = buffer[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
      guard buffer.count - start - 8 >= length else { break }
      frames.append(Frame(stream: stream, payload: Array(buffer[(start + 8)..<(start + 8 + length)])))
      start += 8 + length
    }
    if start > 0 { buffer.removeFirst(start) }
    return frames
  }
}

extension Session {
  /// Copies a daemon's stream to the user: as it is when it came from a terminal, else taken apart.
  func copy(_ stream: ByteChannel, isTerminal: Bool, output: Bool = true, error: Bool = true) async throws {
    var frames = Multiplexed()
    while let bytes = await stream.read() {
      if isTerminal {
        if output { try await write(bytes, to: .output) }
        continue
      }
      for frame in try frames.add(bytes) {
        switch frame.stream {
        case 2: if error { try await write(frame.payload, to: .error) }
        case 3: throw CommandError("error from daemon in stream: " + String(decoding: frame.payload, as: UTF8.self))
        default: if output { try await write(frame.payload, to: .output) }
        }
      }
    }
  }
}
