import JSONTree
import Testing

@Suite("JSON: reading (RFC 8259)")
struct JSONParserTests {
  @Test(
    "values of every kind",
    arguments: [
      ("null", JSON.null), ("true", .bool(true)), ("-0", .int(0)), ("9223372036854775807", .int(.max)),
      ("1.5e3", .double(1500)), ("\"a\\u00e9\\n\\ud83d\\ude00\"", .string("aé\n😀")),
      (" [ 1 , [] ] ", .array([1, .array([])])),
      ("{\"b\":1,\"a\":{}}", .object(["b": 1, "a": .object([:])])),
    ])
  func values(text: String, value: JSON) throws {
    #expect(try JSON(parsing: text) == value)
  }

  @Test("objects keep the order of their members")
  func order() throws {
    #expect(try JSON(parsing: "{\"z\":1,\"a\":2,\"m\":3}").object?.keys == ["z", "a", "m"])
  }

  @Test(
    "what is no JSON is refused",
    arguments: [
      "", "nul", "01", "1.", "+1", "[1,]", "{\"a\"}", "{a:1}", "\"\u{1}\"", "\"\\x\"", "\"unfinished", "[1] 2", "'a'",
      "{\"a\":1,}", "tru", "-", "1e",
    ])
  func refusals(text: String) {
    #expect(throws: JSONParseError.self) { try JSON(parsing: text) }
  }

  @Test("nesting deeper than allowed is refused, not crashed upon")
  func depth() {
    let deep = String(repeating: "[", count: 100_000)
    #expect(throws: JSONParseError.self) { try JSON(parsing: deep) }
    #expect(throws: JSONParseError.self) { try JSON(parsing: "[[[1]]]", maxDepth: 2) }
    #expect(throws: Never.self) { try JSON(parsing: "[[1]]", maxDepth: 2) }
  }

  @Test("a whole number beyond 64 bits becomes a double")
  func largeNumbers() throws {
    #expect(try JSON(parsing: "18446744073709551616") == .double(18_446_744_073_709_551_616))
  }
}
