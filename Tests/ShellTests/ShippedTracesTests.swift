import Testing

@testable import Shell

@Suite("The traces that are shipped", .serialized)
struct ShippedTracesTests {
  private static let tours = UserFiles().list(Repository.root + "/traces/tour").filter { $0.hasSuffix(".jsonl") }

  @Test("each tour, run again, hands over the same", arguments: tours)
  func tour(name: String) {
    // 0 is "the same"; when this fails because handoffs changed on purpose, .ci/traces records the tours anew.
    #expect(TraceTool.verify(Repository.root + "/traces/tour/" + name) == 0)
  }

  @Test("there is a line in the README for each")
  func described() throws {
    let readme = String(decoding: try UserFiles().read(Repository.root + "/traces/README.md"), as: UTF8.self)
    #expect(Self.tours.count >= 14)
    for name in Self.tours { #expect(readme.contains("tour/\(name)"), "\(name)") }
    for name in UserFiles().list(Repository.root + "/traces/captures") where !readme.contains("captures/\(name)") {
      #expect(readme.contains("`\(name)`"), "\(name)")
    }
  }
}
