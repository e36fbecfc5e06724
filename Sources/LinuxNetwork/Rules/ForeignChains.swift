import JSONTree
import Seams

/// Chains of others that drop whatever they do not know (dockerd's `FORWARD`, a firewall's). An accepting rule of ours
/// in a table of ours cannot help there, since each chain of a hook decides for itself. So their chain gets two rules
/// for each of our bridges, in front, with a comment that says whose they are; nothing of theirs is changed.
extension Machinery {
  /// Chains of the hook `forward` whose policy is to drop, as nft names them (`ip filter FORWARD`).
  private func droppingChains() -> [String] {
    guard let text = try? nft.runJSON("list chains"), let json = try? JSON(parsing: text) else { return [] }
    return (json["nftables"]?.array ?? []).compactMap { entry -> String? in
      guard let chain = entry["chain"], chain["hook"]?.string == "forward", chain["policy"]?.string == "drop",
        let family = chain["family"]?.string, family == "ip" || family == "inet",
        let table = chain["table"]?.string, table != options.name || family != "ip", let name = chain["name"]?.string
      else { return nil }
      return "\(family) \(table) \(name)"
    }
  }

  /// Our rules in a chain of others: the bridge that they are for, and their handle.
  private func ownRules(in chain: String) -> [(bridge: String, handle: Int)] {
    guard let text = try? nft.runJSON("list chain \(chain)"), let json = try? JSON(parsing: text) else {
      return []
    }
    return (json["nftables"]?.array ?? []).compactMap { entry -> (bridge: String, handle: Int)? in
      guard let rule = entry["rule"], let comment = rule["comment"]?.string, comment.hasPrefix(tag),
        let handle = rule["handle"]?.int
      else { return nil }
      return (String(comment.dropFirst(tag.count)), handle)
    }
  }

  /// Lets the packets of bridges through chains of others that drop them. A chain that cannot be changed stays as it is.
  func letThrough(_ bridges: [BridgeRecord]) {
    for chain in droppingChains() {
      let known = Set(ownRules(in: chain).map(\.bridge))
      var text = ""
      for bridge in bridges where !known.contains(bridge.name) {
        for side in ["iifname", "oifname"] {
          text += "insert rule \(chain) \(side) \"\(bridge.name)\" accept comment \"\(tag)\(bridge.name)\"\n"
        }
      }
      if !text.isEmpty { _ = try? nft.run(text) }
    }
  }

  /// Takes the rules for a bridge back.
  func holdBack(_ bridge: String) { holdBack(where: { $0 == bridge }) }

  func holdBack(where isGone: (String) -> Bool) {
    for chain in droppingChains() {
      let text = ownRules(in: chain).filter { isGone($0.bridge) }.map { "delete rule \(chain) handle \($0.handle)\n" }
      if !text.isEmpty { _ = try? nft.run(text.joined()) }
    }
  }
}
