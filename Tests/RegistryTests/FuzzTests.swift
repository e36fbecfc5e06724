import Foundation
import JSONTree
import OCISpec
import RegistryHarness
import Testing

@testable import Engine

/// What comes from users and registries, garbled by a seed: refused or read, never a crash, and what is read is sound.
/// `DRYDOCK_FUZZ=N` for more rounds.
@Suite("References, manifests and headers at random")
struct FuzzTests {
  private static let rounds = ProcessInfo.processInfo.environment["DRYDOCK_FUZZ"].flatMap { Int($0) } ?? 3000

  /// SplitMix64.
  private struct Seeded {
    var state: UInt64
    mutating func below(_ bound: Int) -> Int {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return Int((z ^ (z >> 31)) % UInt64(bound))
    }
    mutating func pick<T>(_ list: [T]) -> T { list[below(list.count)] }
    /// Some bytes changed, removed, doubled, or put in from a list of what hurts.
    mutating func garbled(_ text: [UInt8], with pieces: [String]) -> [UInt8] {
      var text = text
      for _ in 0...below(4) {
        let at = below(text.count + 1)
        switch below(5) {
        case 0 where at < text.count: text[at] = UInt8(below(256))
        case 1 where at < text.count: text.remove(at: at)
        case 2 where at < text.count: text.insert(contentsOf: text[at..<min(text.count, at + 1 + below(12))], at: at)
        case 3: text = Array(text.prefix(max(at, 1)))
        default: text.insert(contentsOf: pick(pieces).utf8, at: at)
        }
      }
      return text
    }
  }

  @Test("references: what is accepted is of the grammar, and comes back from its own text")
  func references() throws {
    let hex = String(repeating: "0f", count: 32)
    let good = [
      "alpine", "library/alpine:3.20", "localhost:5000/a/b:tag", "registry.example.com:443/team/app@sha256:\(hex)",
      "[2001:db8::1]:5000/x:y", "docker.io/a__b/c-d.e:T_1.x", "a.b/c:1@sha256:\(hex)",
    ]
    let pieces = [
      "/", ":", "@", "..", "//", "A", "__", "-", ".", "sha256:", "[", "]", "\u{0}", "é", " ", "%2f", "http://",
    ]
    // distribution/reference, as RFC-like grammar.
    let domain =
      #"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"#
    let component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    let grammar = try Regex(
      "^\(domain)/\(component)(?:/\(component))*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$")
    var accepted = 0
    for seed in 0..<Self.rounds {
      var random = Seeded(state: UInt64(seed))
      let start = random.pick(good)
      let text = String(decoding: random.garbled(Array(start.utf8), with: pieces), as: UTF8.self)
      guard let reference = try? ImageReference(text) else { continue }
      accepted += 1
      #expect(try grammar.wholeMatch(in: reference.description) != nil, "\(text) → \(reference)")
      let again = try ImageReference(reference.description)
      #expect(again == reference, "\(text)")
      // Of a name like `docker.io/a.b/c` docker, too, shows what it would read as another one.
      if reference.domain != "docker.io" || !(reference.path.prefix { $0 != "/" }.contains(".")) {
        #expect(try ImageReference(reference.familiar) == reference, "\(text)")
      }
    }
    #expect(accepted > Self.rounds / 20 && accepted < Self.rounds, "\(accepted)")
  }

  @Test("manifests, indexes and configs: read or refused; what is read has digests and sizes that hold")
  func documents() throws {
    let hex = String(repeating: "3c", count: 32)
    let descriptor = #"{"mediaType":"\#(MediaType.ociLayerGzip)","digest":"sha256:\#(hex)","size":123}"#
    let config = #"{"mediaType":"\#(MediaType.ociConfig)","digest":"sha256:\#(hex)","size":9}"#
    let good = [
      #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociManifest)","config":\#(config),"layers":[\#(descriptor),\#(descriptor)]}"#,
      #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[{"mediaType":"\#(MediaType.ociManifest)","digest":"sha256:\#(hex)","size":5,"platform":{"os":"linux","architecture":"arm","variant":"v7"},"annotations":{"a":"b"}}]}"#,
      #"{"schemaVersion":1,"fsLayers":[{"blobSum":"sha256:\#(hex)"}]}"#,
      #"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:\#(hex)"]},"history":[{"created_by":"x"}],"config":{"Env":["A=b"],"ExposedPorts":{"80/tcp":{}}}}"#,
    ]
    let pieces = [
      "-1", "9223372036854775808", "1e999", "null", "{}", "[]", "\"", "\\u0000", "\\ud800", "\"sha256:\"", "true",
      #""digest":5,"#, #""size":-7,"#, #""layers":"x","#, #""manifests":[],"#, #""config":{},"#, ",", ":", "}", "]",
      String(repeating: "[", count: 200), String(repeating: "{\"a\":", count: 100),
    ]
    let types = [
      MediaType.ociManifest, MediaType.ociIndex, MediaType.dockerManifest, MediaType.dockerManifestList, "x/y",
    ]
    var (read, refused) = (0, 0)
    for seed in 0..<Self.rounds {
      var random = Seeded(state: UInt64(seed) &* 77 &+ 5)
      let start = random.pick(good)
      let bytes = random.below(8) == 0 ? Array(start.utf8) : random.garbled(Array(start.utf8), with: pieces)
      do {
        let document = try ImageDocument(bytes, mediaType: random.pick(types))
        read += 1
        for child in document.children {
          #expect(child.size >= 0, "seed \(seed)")
          #expect(Digest(child.digest.description) != nil, "seed \(seed)")
        }
        if case .index(let index) = document {
          let wanted = Platform(os: "linux", architecture: "arm", variant: "v7")
          #expect(index.candidates(for: wanted).count <= index.manifests.count)
        }
      } catch { refused += 1 }
      if let tree = try? JSON(parsing: bytes), let config = try? tree.decode(ImageConfig.self) {
        _ = chainID(of: config.rootfs.diffIDs)
      }
    }
    #expect(read > Self.rounds / 50 && refused > Self.rounds / 4, "\(read) read, \(refused) refused")
  }

  @Test("headers of registries: challenges, ranges, locations, retries")
  func headers() {
    let good = [
      #"Bearer realm="https://auth.example/token",service="s",scope="repository:a/b:pull,push",error="x\"y""#,
      "Basic realm=\"r\", Negotiate, Bearer realm=x", "bytes 100-199/200",
      "https://h:5/v2/a/blobs/uploads/u?_state=x%3D&y",
      "/v2/a/blobs/uploads/u", "//h/p#f", "Wed, 21 Oct 2026 07:28:00 GMT", "120", "0-1023",
    ]
    let pieces = [
      "\"", "\\", "=", ",", "%", "%zz", "://", "@", "#", "?", "-", "99999999999999999999", "\u{0}", "é", "\r\n",
    ]
    var challenges = 0
    for seed in 0..<Self.rounds {
      var random = Seeded(state: UInt64(seed) &* 131 &+ 9)
      let start = random.pick(good)
      let text = String(decoding: random.garbled(Array(start.utf8), with: pieces), as: UTF8.self)
      for challenge in AuthChallenge.parse([text]) {
        challenges += 1
        #expect(challenge.scheme == challenge.scheme.lowercased())
      }
      let url = RegistryURL(text, relativeTo: "https", "registry.example")
      // No user information gets into a host, and no host into a path.
      #expect(!url.host.contains("@") && !url.host.contains("/"), "\(text) → \(url)")
      #expect(url.path.hasPrefix("/"), "\(text)")
      _ = ContentRange(text)
      _ = retryAfter(text, now: 1_800_000_000_000_000_000)
    }
    #expect(challenges > 0)
  }
}
