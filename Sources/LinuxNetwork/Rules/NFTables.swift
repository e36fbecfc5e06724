import CNFTables
import Glibc

/// nft has refused a transaction; nothing of it has been done.
struct NFTFailure: Error, Hashable, CustomStringConvertible {
  /// nft's own words, on one line.
  let description: String
}

/// libnftables(3): the language of nft(8), a text a transaction. It works in the network namespace of the thread that
/// made it. For one thread at a time.
struct NFTables: ~Copyable {
  private let context: OpaquePointer

  init() throws(NFTFailure) {
    guard let context = nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else {
      throw NFTFailure(description: "nftables: cannot allocate memory")
    }
    self.context = context
    nft_ctx_buffer_output(context)
    nft_ctx_buffer_error(context)
  }

  deinit { nft_ctx_free(context) }

  /// Performs a text, all of it or nothing. The answer is what nft(8) would print.
  @discardableResult
  func run(_ text: String) throws(NFTFailure) -> String {
    guard nft_run_cmd_from_buffer(context, text) == 0 else {
      let words = nft_ctx_get_error_buffer(context).map { String(cString: $0) } ?? ""
      _ = nft_ctx_get_output_buffer(context)
      let line = words.split(separator: "\n").first.map(String.init) ?? "refused"
      throw NFTFailure(description: "nftables: " + (line.hasPrefix("Error: ") ? String(line.dropFirst(7)) : line))
    }
    return nft_ctx_get_output_buffer(context).map { String(cString: $0) } ?? ""
  }

  /// The same as JSON (libnftables-json(5)).
  func runJSON(_ text: String) throws(NFTFailure) -> String {
    nft_ctx_output_set_flags(context, UInt32(NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_HANDLE))
    defer { nft_ctx_output_set_flags(context, 0) }
    return try run(text)
  }
}
