/// Docker's framing of two streams in one (api/pkg/stdcopy): eight bytes before each chunk, the first the stream, the
/// last four the length, big endian.
enum StreamMultiplexer {
  /// Which of a process's streams.
  enum Stream: UInt8, Sendable {
    case stdin = 0
    case stdout = 1
    case stderr = 2

    /// As log files name it.
    var name: String {
      switch self {
      case .stdin: "stdin"
      case .stdout: "stdout"
      case .stderr: "stderr"
      }
    }
  }

  static func frame(_ stream: Stream, _ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(truncatingIfNeeded: bytes.count)
    var frame: [UInt8] = []
    frame.reserveCapacity(bytes.count + 8)
    frame += [
      stream.rawValue, 0, 0, 0, UInt8(count >> 24), UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff),
      UInt8(count & 0xff),
    ]
    frame += bytes
    return frame
  }
}
