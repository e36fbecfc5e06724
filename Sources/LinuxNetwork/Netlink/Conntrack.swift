import CNetwork
import Glibc
import Runtime

/// The kernel's table of flows (nfnetlink_conntrack).
enum Conntrack {
  /// Forgets all flows of UDP to a port. Kernels before 5.8 cannot, and let them run out.
  static func forget(udpPort: UInt16) throws {
    let socket = try NetlinkSocket(NETLINK_NETFILTER)
    var request = NetlinkRequest()
    let type = Int(NFNL_SUBSYS_CTNETLINK) << 8 | Int(IPCTNL_MSG_CT_DELETE.rawValue)
    request.add(type) {
      // Version 1: the family of addresses matters.
      $0.netfilter(version: 1)
      $0.nest(Int(CTA_TUPLE_ORIG.rawValue)) {
        $0.nest(Int(CTA_TUPLE_PROTO.rawValue)) {
          $0.attribute(Int(CTA_PROTO_NUM.rawValue), UInt8(IPPROTO_UDP))
          $0.attribute(Int(CTA_PROTO_DST_PORT.rawValue), udpPort.bigEndian)
        }
      }
      $0.nest(Int(CTA_FILTER.rawValue)) {
        // What of the tuple counts: CTA_FILTER_FLAG_CTA_PROTO_NUM, CTA_FILTER_FLAG_CTA_PROTO_DST_PORT.
        $0.attribute(Int(CTA_FILTER_ORIG_FLAGS.rawValue), UInt32(1 << 3 | 1 << 5))
      }
    }
    // ENOENT: there were none.
    try socket.perform(request, forgiving: { $1 == .ENOENT })
  }
}
