import JSONTree
import Testing

@Suite("JSON: writing")
struct JSONWriterTests {
  @Test(
    "what is written can be read again",
    arguments: [
      JSON.null, false, 42, .int(.min), 0.1, "quote \" backslash \\ control \u{1} line\nfeed 😀", .array([1, "a", nil]),
      .object(["k": .object(["n": .object([:])]), "empty": .array([])]),
    ])
  func roundTrip(value: JSON) throws {
    #expect(try JSON(parsing: value.text) == value)
  }

  @Test("control characters, quotes and backslashes are escaped")
  func escapes() {
    #expect(JSON.string("a\"b\\c\u{1}\n").text == "\"a\\\"b\\\\c\\u0001\\n\"")
  }

  @Test("a value encoded once is written as it stands")
  func encoded() {
    let constant = EncodedJSON(["a": 1])
    #expect(JSON.object(["x": .encoded(constant)]).text == "{\"x\":{\"a\":1}}")
    #expect(JSON.encoded(constant)["a"] == 1)
  }

  @Test("Codable values pass both ways")
  func codable() throws {
    struct Point: Codable, Equatable {
      var x: Int
      var name: String?
      var tags: [String: Bool]
    }
    let point = Point(x: 3, name: nil, tags: ["a": true])
    let json = try JSON(encoding: point)
    #expect(json["x"] == 3)
    #expect(try json.decode(Point.self) == point)
    #expect(throws: (any Error).self) { try JSON.object(["x": "no"]).decode(Point.self) }
  }

  @Test("pretty text indents and keeps the order")
  func pretty() {
    #expect(
      JSON.object(["b": .array([1]), "a": .object([:])]).pretty(indent: "  ")
        == "{\n  \"b\": [\n    1\n  ],\n  \"a\": {}\n}")
  }
}
