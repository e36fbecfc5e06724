import Encodings
import Testing

@Suite("Base64 (RFC 4648)")
struct Base64Tests {
  /// Section 10.
  @Test(
    "the RFC's vectors, there and back",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
      ("foobar", "Zm9vYmFy"),
    ])
  func vectors(plain: String, encoded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(plain.utf8))
    #expect(Base64.decode(encoded.filter { $0 != "=" }) == Array(plain.utf8))
  }

  @Test("all bytes, in both alphabets")
  func all() {
    let bytes = [UInt8](0...255) + [0xfb, 0xff]
    let (standard, urlSafe) = (Base64.encode(bytes), Base64.encode(bytes, isURLSafe: true))
    #expect(standard.contains("+") && standard.contains("/") && !urlSafe.contains("+") && !urlSafe.contains("/"))
    #expect(urlSafe == standard.replacing("+", with: "-").replacing("/", with: "_"))
    #expect(Base64.decode(standard) == bytes && Base64.decode(urlSafe) == bytes)
  }

  @Test("what is none", arguments: ["Z", "Zm9vY", "Zm 9v", "Zg==Zg==", "Zm9v\n", "Zm9é", "%%%%"])
  func refused(text: String) { #expect(Base64.decode(text) == nil) }
}
