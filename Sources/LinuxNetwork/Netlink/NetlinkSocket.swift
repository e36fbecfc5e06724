import CNetwork
import Glibc
import Runtime

/// The kernel has refused a request.
struct NetlinkFailure: Error, Hashable, CustomStringConvertible {
  let errno: Errno
  /// The kernel's own words (extended acknowledgement), empty for most.
  let words: String
  /// Which of the requests of one datagram, from 0.
  let index: Int

  var description: String { words.isEmpty ? errno.message : "\(errno.message) (\(words))" }
}

/// A socket of netlink(7), in the network namespace that its maker was in. For one thread at a time.
struct NetlinkSocket: ~Copyable {
  private let descriptor: Int32
  private static let bufferSize = 65536

  /// - Parameter protocol: NETLINK_ROUTE, NETLINK_NETFILTER.
  init(_ protocol: Int32 = NETLINK_ROUTE) throws(Errno) {
    let result = cnetwork_socket(AF_NETLINK, Int32(SOCK_RAW.rawValue), `protocol`)
    guard result >= 0 else { throw Errno(number: Int32(-result)) }
    descriptor = Int32(result)
    var on: Int32 = 1
    // Words with refusals, and refusals without the whole request in them. Old kernels have neither.
    setsockopt(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, &on, 4)
    setsockopt(descriptor, SOL_NETLINK, NETLINK_CAP_ACK, &on, 4)
  }

  deinit { close(descriptor) }

  /// Sends the requests, hands answers to `reading`, and waits until each has been acknowledged. Throws the first refusal
  /// that `forgives` does not pass over (it is asked with the request's index and the errno); later requests of the
  /// same datagram have been tried nonetheless.
  func perform(
    _ request: NetlinkRequest, forgiving forgives: (Int, Errno) -> Bool = { _, _ in false },
    reading body: (UnsafeRawBufferPointer) -> Void = { _ in }
  ) throws(NetlinkFailure) {
    let sent = request.bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) }
    guard sent == request.bytes.count else { throw NetlinkFailure(errno: Errno(number: errno), words: "", index: 0) }
    var failure: NetlinkFailure?
    var awaited = request.count
    try withUnsafeTemporaryAllocation(byteCount: Self.bufferSize, alignment: 8) { (buffer) throws(NetlinkFailure) in
      while awaited > 0 {
        let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw NetlinkFailure(errno: Errno(number: errno), words: "", index: 0) }
        var offset = 0
        while offset + 16 <= count {
          let length = Int(buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
          guard length >= 16, offset + length <= count else { break }
          let message = UnsafeRawBufferPointer(rebasing: buffer[offset..<(offset + length)])
          offset += (length + 3) & ~3
          switch Int32(message.loadUnaligned(fromByteOffset: 4, as: UInt16.self)) {
          case NLMSG_ERROR where length >= 20, NLMSG_DONE:
            awaited -= 1
            let code = length >= 20 ? message.loadUnaligned(fromByteOffset: 16, as: Int32.self) : 0
            let index = Int(message.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
            guard code < 0, failure == nil else { continue }
            let refusal = Errno(number: -code)
            if !forgives(index, refusal) {
              failure = NetlinkFailure(errno: refusal, words: Self.words(message), index: index)
            }
          default: body(message)
          }
        }
      }
    }
    if let failure { throw failure }
  }

  /// NLMSGERR_ATTR_MSG.
  private static func words(_ message: UnsafeRawBufferPointer) -> String {
    let flags = Int32(message.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
    guard flags & NLM_F_ACK_TLVS != 0 else { return "" }
    var offset = 36  // nlmsghdr, the errno, the header of the request
    if flags & NLM_F_CAPPED == 0 {
      offset = 20 + Int(message.loadUnaligned(fromByteOffset: 20, as: UInt32.self))
    }
    for attribute in NetlinkAttributes(message, from: (offset + 3) & ~3) where attribute.type == 1 {
      return attribute.payload.text
    }
    return ""
  }
}
