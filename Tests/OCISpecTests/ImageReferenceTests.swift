import OCISpec
import Testing

/// The grammar of references (github.com/distribution/reference), as users type them.
@Suite struct ImageReferenceTests {
  @Test(arguments: [
    ("alpine", "docker.io/library/alpine"), ("alpine:3.20", "docker.io/library/alpine:3.20"),
    ("docker.io/nginx", "docker.io/library/nginx"), ("index.docker.io/me/app", "docker.io/me/app"),
    ("localhost/app", "localhost/app"), ("localhost:5000/a/b:1", "localhost:5000/a/b:1"),
    ("HOST/app", "HOST/app"), ("ghcr.io/me/a.b_c__d---e", "ghcr.io/me/a.b_c__d---e"), ("[::1]/app", "[::1]/app"),
    ("me/app", "docker.io/me/app"),
  ])
  func whole(_ text: String, _ name: String) throws {
    #expect(try ImageReference(text).description == name)
  }

  @Test(arguments: [
    "", ":latest", "alpine:", "a..b", "a.-b", "a___b", "-a", "a-", "a//b", "/a", "a/", "a@sha256:1", "a b", "é",
    "x.y:0/a",
    "-x.y/a", "x..y/a",
  ])
  func malformed(_ text: String) {
    #expect(throws: ImageReference.Malformed.self) { try ImageReference(text) }
  }

  @Test func theWordsOfSomeRefusals() {
    func words(_ text: String) -> String? {
      do throws(ImageReference.Malformed) {
        _ = try ImageReference(text)
        return nil
      } catch { return error.description }
    }
    #expect(words("me/App") == "invalid reference format: repository name (me/App) must be lowercase")
    #expect(words("App") == "invalid reference format: repository name (library/App) must be lowercase")
    #expect(
      words(String(repeating: "a", count: 64))
        == "invalid repository name (\(String(repeating: "a", count: 64))), cannot specify 64-byte hexadecimal strings")
    #expect(words("alpine:.") == "invalid reference format")
  }
}
