import Testing

@testable import Engine

/// passwd(5) and group(5).
@Suite struct AccountFileTests {
  private let passwd = AccountFile(
    Array("#root is commented out:x:0:0\nroot:x:0:0:root:/root:/bin/sh\n\nweb:x:+33:-1::/srv\nshort:x\n".utf8))

  @Test func findsALineByAField() {
    #expect(passwd.first { $0.has("web", at: 0) }?.number(2) == 33)
    #expect(passwd.first { $0.has("we", at: 0) } == nil)
    #expect(
      passwd.first { !$0.isComment && $0.number(2) == 0 }?[5].map { String(decoding: $0, as: UTF8.self) } == "/root")
  }

  @Test func fieldsThatAreMissingAreNil() {
    let short = passwd.first { $0.has("short", at: 0) }
    #expect(short?[1].map(Array.init) == [UInt8(ascii: "x")])
    #expect(short?[2] == nil)
    #expect(short?.number(1) == nil)
  }

  @Test func emptyLinesAreNone() {
    var lines = 0
    _ = passwd.first { _ in
      lines += 1
      return false
    }
    #expect(lines == 4)
  }

  @Test(arguments: [
    ("a:0", 0), ("a:-7", -7), ("a:9223372036854775807", Int.max), ("a:9223372036854775808", nil), ("a:", nil),
    ("a:-", nil),
    ("a:1x", nil), ("a:18446744073709551616", nil),
  ])
  func numbers(_ text: String, _ number: Int?) {
    #expect(AccountFile(Array(text.utf8)).first { _ in true }?.number(1) == number)
  }

  @Test func groupsListTheirMembers() {
    let group = AccountFile(Array("wheel:x:10:root,web\nempty:x:11:\nwebs:x:12:webs".utf8))
    var gids: [Int?] = []
    _ = group.first { line in
      if line.lists("web", at: 3) { gids.append(line.number(2)) }
      return false
    }
    #expect(gids == [10])
  }
}
