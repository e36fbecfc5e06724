import JSONTree
import Testing

@Suite struct DictionaryEncodingTests {
  private struct Nothing: Codable {}
  private struct Sample: Codable {
    var second = 2
    var labels: [String: String]
    var first = 1
    var ports: [String: Nothing]?
  }

  /// Swift's dictionaries have another order in each process; the same value must give the same bytes.
  @Test func dictionariesAreSortedAndMembersKeepTheirOrder() throws {
    let names = (0..<40).map { "name\($0)" }
    let sample = Sample(
      labels: Dictionary(uniqueKeysWithValues: names.map { ($0, "") }),
      ports: Dictionary(uniqueKeysWithValues: names.map { ($0, Nothing()) }))
    let json = try JSON(encoding: sample)
    #expect(json.object?.keys == ["second", "labels", "first", "ports"])
    #expect(json["labels"]?.object?.keys == names.sorted())
    #expect(json["ports"]?.object?.keys == names.sorted())
    #expect(json["ports"]?["name1"] == .object([:]))
  }
}
