import Encodings
import OCISpec
import Runtime
import Seams

/// md5sum, sha1sum, sha256sum, cksum, base64, od, hexdump, xxd.
func addDigestApplets(_ table: inout AppletTable) {
  let digests: [(name: String, hash: @Sendable ([UInt8]) -> [UInt8])] = [
    ("md5sum", { MD5.hash($0) }), ("sha1sum", { SHA1.hash($0) }), ("sha256sum", { SHA256.hash($0) }),
    ("sha512sum", { SHA512.hash($0) }),
  ]
  for (name, hash) in digests {
    table.add(name, "[-c[sw]] [FILE]...") { context in
      let options = try Options(context.arguments, "csw", long: ["check": "c", "status": "s", "quiet": "s"])
      var status: Int32 = 0
      for path in options.operands.isEmpty ? ["-"] : options.operands {
        do {
          let bytes = try await context.contents(path)
          guard options.has("c") else {
            try await context.printLine("\(hex(hash(bytes)))  \(path)")
            continue
          }
          var failures = 0
          for line in lines(bytes) {
            let text = String(decoding: line, as: UTF8.self)
            guard let blank = text.firstIndex(of: " ") else { continue }
            let file = String(text[blank...].drop { $0 == " " || $0 == "*" })
            let isRight: Bool
            if let content = try? await context.contents(file) {
              isRight = hex(hash(content)) == text[..<blank].lowercased()
            } else {
              try await context.fail("can't open '\(file)': \(context.reason(Errno.ENOENT))")
              isRight = false
            }
            if !isRight { failures += 1 }
            if !options.has("s") || !isRight { try await context.printLine("\(file): \(isRight ? "OK" : "FAILED")") }
          }
          if failures > 0 {
            status = 1
            try await context.fail("WARNING: \(failures) of \(lines(bytes).count) computed checksums did NOT match")
          }
        } catch let error as Errno {
          status = try await context.fail(
            busybox: "can't open '\(path)': \(context.reason(error))", gnu: "\(path): \(context.reason(error))")
        }
      }
      return status
    }
  }
  table.add("base64", "[-d] [-w COL] [FILE]") { context in
    let options = try Options(context.arguments, "dw:i", long: ["decode": "d", "wrap": "w"])
    let bytes = try await context.contents(options.operands.first ?? "-")
    if options.has("d") {
      guard let decoded = Base64.decode(bytes.filter { $0 > 32 }.prefix { $0 != UInt8(ascii: "=") }) else {
        return try await context.fail(busybox: "truncated input", gnu: "invalid input")
      }
      try await context.write(decoded)
      return 0
    }
    let width = options.value("w").flatMap { Int($0) } ?? 76
    var text = Base64.encode(bytes)[...]
    if width <= 0 {
      try await context.print(String(text))
      return 0
    }
    while !text.isEmpty {
      try await context.printLine(String(text.prefix(width)))
      text = text.dropFirst(width)
    }
    return 0
  }
  for name in ["hexdump", "hd", "xxd"] {
    table.add(name, name == "xxd" ? "[-ps] [-l N] [FILE]" : "[-C] [-n LEN] [FILE]") { context in
      let options = try Options(context.arguments, "Cn:l:ps:vbcu")
      var bytes = try await limited(options.operands.first ?? "-", options.value("n") ?? options.value("l"), context)
      if context.name == "xxd", options.has("p") {
        while !bytes.isEmpty {
          try await context.printLine(hex(Array(bytes.prefix(30))))
          bytes = Array(bytes.dropFirst(30))
        }
        return 0
      }
      let isCanonical = options.has("C") || context.name == "hd"
      var offset = 0
      while offset < bytes.count {
        let row = Array(bytes[offset..<min(offset + 16, bytes.count)])
        let text = String(decoding: row.map { (32..<127).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
        if context.name == "xxd" {
          var cells = ""
          for (index, byte) in row.enumerated() { cells += hex([byte]) + (index % 2 == 1 ? " " : "") }
          try await context.printLine("\(hex(offset, 8)): \(cells.padded(40)) \(text)")
        } else if isCanonical {
          let cells = row.enumerated().map { ($0.offset == 8 ? " " : "") + hex([$0.element]) }.joined(separator: " ")
          try await context.printLine("\(hex(offset, 8))  \(cells.padded(48))  |\(text)|")
        } else {
          var cells: [String] = []
          for index in stride(from: 0, to: row.count, by: 2) {
            let high = index + 1 < row.count ? row[index + 1] : 0
            cells.append(hex([high, row[index]]))
          }
          try await context.printLine("\(hex(offset, 7)) \(cells.joined(separator: " ").padded(39))")
        }
        offset += 16
      }
      if context.name != "xxd" { try await context.printLine(hex(bytes.count, isCanonical ? 8 : 7)) }
      return 0
    }
  }
  table.add("od", "[-abcdfhilovxs] [-t TYPE] [-A RADIX] [-N SIZE] [FILE]") { context in
    let options = try Options(context.arguments, "abcdxot:A:N:v")
    let bytes = try await limited(options.operands.first ?? "-", options.value("N"), context)
    let type = options.has("c") ? "c" : options.has("x") ? "x2" : options.value("t") ?? "o2"
    let radix = options.value("A") ?? "o"
    func address(_ offset: Int) -> String {
      switch radix {
      case "n": ""
      case "x": hex(offset, 6)
      case "d": padded(offset, 7)
      default: padded(Int(String(offset, radix: 8)) ?? 0, 7)
      }
    }
    var offset = 0
    while offset < bytes.count {
      let row = Array(bytes[offset..<min(offset + 16, bytes.count)])
      var line = address(offset)
      if type.hasPrefix("c") {
        for byte in row {
          let text: String
          switch byte {
          case 0: text = "\\0"
          case 9: text = "\\t"
          case 10: text = "\\n"
          case 13: text = "\\r"
          case 32..<127: text = String(UnicodeScalar(byte))
          default: text = padded(Int(String(byte, radix: 8)) ?? 0, 3)
          }
          line += text.leftPadded(4)
        }
      } else if type.hasSuffix("1") {
        for byte in row {
          line +=
            type.hasPrefix("x")
            ? " " + hex([byte])
            : type.hasPrefix("u") || type.hasPrefix("d")
              ? String(byte).leftPadded(4) : " " + padded(Int(String(byte, radix: 8)) ?? 0, 3)
        }
      } else {
        for index in stride(from: 0, to: row.count, by: 2) {
          let value = Int(row[index]) | (index + 1 < row.count ? Int(row[index + 1]) << 8 : 0)
          line +=
            " "
            + (type.hasPrefix("x")
              ? hex(value, 4)
              : type.hasPrefix("d") || type.hasPrefix("u")
                ? String(value).leftPadded(5) : padded(Int(String(value, radix: 8)) ?? 0, 6))
        }
      }
      try await context.printLine(line)
      offset += 16
    }
    if radix != "n" { try await context.printLine(address(bytes.count)) }
    return 0
  }
}

/// The first bytes of a file; devices may never end.
private func limited(_ path: String, _ limit: String?, _ context: ProgramContext) async throws -> [UInt8] {
  guard let limit, let count = parseSize(limit) else { return try await context.contents(path) }
  let fd = path == "-" ? context.input : try context.process.open(path, .read)
  defer { if path != "-" { context.process.close(fd) } }
  var bytes: [UInt8] = []
  while Int64(bytes.count) < count,
    let more = try await context.process.read(fd, Int(min(count - Int64(bytes.count), 65_536))), !more.isEmpty
  {
    bytes += more
  }
  return bytes
}

/// Lower-case hexadecimal digits.
func hex(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

func hex(_ number: Int, _ width: Int) -> String {
  let text = String(number, radix: 16)
  return String(repeating: "0", count: max(0, width - text.count)) + text
}

/// The padding that MD5, SHA-1 and SHA-512 share: a one bit, zeros, and the length.
private func blocks(_ message: [UInt8], size: Int, isBigEndian: Bool) -> [UInt8] {
  var bytes = message + [0x80]
  let lengthSize = size / 8
  while bytes.count % size != size - lengthSize { bytes.append(0) }
  var length = [UInt8](repeating: 0, count: lengthSize)
  let bits = UInt64(message.count) &* 8
  for index in 0..<8 {
    let byte = UInt8(truncatingIfNeeded: bits >> UInt64(8 * index))
    if isBigEndian { length[lengthSize - 1 - index] = byte } else { length[index] = byte }
  }
  return bytes + length
}

/// MD5 (RFC 1321).
enum MD5 {
  private static let shifts: [UInt32] = [
    7, 12, 17, 22, 7, 12, 17, 22, 7, 12, 17, 22, 7, 12, 17, 22, 5, 9, 14, 20, 5, 9, 14, 20, 5, 9, 14, 20, 5, 9, 14, 20,
    4, 11,
    16, 23, 4, 11, 16, 23, 4, 11, 16, 23, 4, 11, 16, 23, 6, 10, 15, 21, 6, 10, 15, 21, 6, 10, 15, 21, 6, 10, 15, 21,
  ]
  private static let constants: [UInt32] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501, 0x6980_98d8,
    0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821, 0xf61e_2562, 0xc040_b340,
    0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8, 0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87,
    0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a, 0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c,
    0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70, 0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039,
    0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665, 0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92,
    0xffef_f47d, 0x8584_5dd1, 0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb,
    0xeb86_d391,
  ]
  static func hash(_ message: [UInt8]) -> [UInt8] {
    var (a0, b0, c0, d0): (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476)
    let bytes = blocks(message, size: 64, isBigEndian: false)
    for start in stride(from: 0, to: bytes.count, by: 64) {
      let words = (0..<16).map { i -> UInt32 in
        let p = start + 4 * i
        return UInt32(bytes[p]) | UInt32(bytes[p + 1]) << 8 | UInt32(bytes[p + 2]) << 16 | UInt32(bytes[p + 3]) << 24
      }
      var (a, b, c, d) = (a0, b0, c0, d0)
      for i in 0..<64 {
        var f: UInt32
        let g: Int
        switch i / 16 {
        case 0: (f, g) = (b & c | ~b & d, i)
        case 1: (f, g) = (d & b | ~d & c, (5 * i + 1) % 16)
        case 2: (f, g) = (b ^ c ^ d, (3 * i + 5) % 16)
        default: (f, g) = (c ^ (b | ~d), 7 * i % 16)
        }
        f = f &+ a &+ constants[i] &+ words[g]
        (a, d, c, b) = (d, c, b, b &+ (f << shifts[i] | f >> (32 - shifts[i])))
      }
      (a0, b0, c0, d0) = (a0 &+ a, b0 &+ b, c0 &+ c, d0 &+ d)
    }
    return [a0, b0, c0, d0].flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) } }
  }
}

/// SHA-1 (FIPS 180-4), for sha1sum only.
enum SHA1 {
  static func hash(_ message: [UInt8]) -> [UInt8] {
    var h: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
    let bytes = blocks(message, size: 64, isBigEndian: true)
    func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x << n | x >> (32 - n) }
    for start in stride(from: 0, to: bytes.count, by: 64) {
      var w = (0..<16).map { i -> UInt32 in
        let p = start + 4 * i
        return UInt32(bytes[p]) << 24 | UInt32(bytes[p + 1]) << 16 | UInt32(bytes[p + 2]) << 8 | UInt32(bytes[p + 3])
      }
      for i in 16..<80 { w.append(rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1)) }
      var (a, b, c, d, e) = (h[0], h[1], h[2], h[3], h[4])
      for i in 0..<80 {
        let f: UInt32
        let k: UInt32
        switch i / 20 {
        case 0: (f, k) = (b & c | ~b & d, 0x5a82_7999)
        case 1: (f, k) = (b ^ c ^ d, 0x6ed9_eba1)
        case 2: (f, k) = (b & c | b & d | c & d, 0x8f1b_bcdc)
        default: (f, k) = (b ^ c ^ d, 0xca62_c1d6)
        }
        let next = rotate(a, 5) &+ f &+ e &+ k &+ w[i]
        (e, d, c, b, a) = (d, c, rotate(b, 30), a, next)
      }
      h = [h[0] &+ a, h[1] &+ b, h[2] &+ c, h[3] &+ d, h[4] &+ e]
    }
    return h.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
  }
}

/// SHA-512 (FIPS 180-4).
enum SHA512 {
  /// The first 64 bits of the fractional parts of the square (start) and cube (constants) roots of primes.
  private static let tables: (start: [UInt64], constants: [UInt64]) = {
    var primes: [UInt64] = []
    var candidate: UInt64 = 2
    while primes.count < 80 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return (primes.prefix(8).map { root($0, 2) }, primes.map { root($0, 3) })
  }()

  /// The fraction of the square or cube root of a small number, by bisection over 64 fractional bits.
  private static func root(_ number: UInt64, _ degree: Int) -> UInt64 {
    var whole: UInt64 = 1
    while (degree == 2 ? (whole + 1) * (whole + 1) : (whole + 1) * (whole + 1) * (whole + 1)) <= number { whole += 1 }
    var fraction: UInt64 = 0
    for bit in (0..<64).reversed() {
      let trial = fraction | 1 << UInt64(bit)
      if !exceeds(whole, trial, degree, number) { fraction = trial }
    }
    return fraction
  }

  /// Whether (whole + fraction / 2^64) to the power of `degree` is larger than `number`.
  private static func exceeds(_ whole: UInt64, _ fraction: UInt64, _ degree: Int, _ number: UInt64) -> Bool {
    // Little-endian limbs of 32 bits; the value has 2 fractional limbs for each factor.
    let value = [fraction & 0xffff_ffff, fraction >> 32, whole]
    var product: [UInt64] = [1]
    for _ in 0..<degree {
      var next = [UInt64](repeating: 0, count: product.count + value.count + 1)
      for (i, a) in product.enumerated() {
        var carry: UInt64 = 0
        for (j, b) in value.enumerated() {
          let sum = next[i + j] + a * b + carry
          next[i + j] = sum & 0xffff_ffff
          carry = sum >> 32
        }
        next[i + value.count] += carry
      }
      product = next
    }
    let integer = Array(product[(2 * degree)...])
    let high = integer.dropFirst(1).contains { $0 != 0 }
    if high || integer[0] != number { return high || integer[0] > number }
    return product[..<(2 * degree)].contains { $0 != 0 }
  }

  static func hash(_ message: [UInt8]) -> [UInt8] {
    var h = tables.start
    let k = tables.constants
    let bytes = blocks(message, size: 128, isBigEndian: true)
    func rotate(_ x: UInt64, _ n: UInt64) -> UInt64 { x >> n | x << (64 - n) }
    for start in stride(from: 0, to: bytes.count, by: 128) {
      var w = (0..<16).map { i in (0..<8).reduce(UInt64(0)) { $0 << 8 | UInt64(bytes[start + 8 * i + $1]) } }
      for i in 16..<80 {
        let s0 = rotate(w[i - 15], 1) ^ rotate(w[i - 15], 8) ^ (w[i - 15] >> 7)
        let s1 = rotate(w[i - 2], 19) ^ rotate(w[i - 2], 61) ^ (w[i - 2] >> 6)
        w.append(w[i - 16] &+ s0 &+ w[i - 7] &+ s1)
      }
      var v = h
      for i in 0..<80 {
        let s1 = rotate(v[4], 14) ^ rotate(v[4], 18) ^ rotate(v[4], 41)
        let choice = (v[4] & v[5]) ^ (~v[4] & v[6])
        let t1 = v[7] &+ s1 &+ choice &+ k[i] &+ w[i]
        let s0 = rotate(v[0], 28) ^ rotate(v[0], 34) ^ rotate(v[0], 39)
        let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])
        v = [t1 &+ s0 &+ majority, v[0], v[1], v[2], v[3] &+ t1, v[4], v[5], v[6]]
      }
      for i in 0..<8 { h[i] = h[i] &+ v[i] }
    }
    return h.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
  }
}
