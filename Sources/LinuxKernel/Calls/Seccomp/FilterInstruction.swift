/// One instruction of classic BPF (struct sock_filter).
struct FilterInstruction: Hashable {
  var code: UInt16
  /// How many instructions to skip when the comparison holds, and when it does not.
  var then: UInt8
  var otherwise: UInt8
  var operand: UInt32

  init(_ code: UInt16, _ operand: UInt32, then: UInt8 = 0, otherwise: UInt8 = 0) {
    (self.code, self.operand, self.then, self.otherwise) = (code, operand, then, otherwise)
  }

  /// The accumulator becomes a word of struct seccomp_data.
  static func load(_ offset: UInt32) -> FilterInstruction { .init(FilterInstruction.loadWord, offset) }
  static func and(_ mask: UInt32) -> FilterInstruction { .init(FilterInstruction.and, mask) }
  static func `return`(_ verdict: UInt32) -> FilterInstruction { .init(FilterInstruction.return, verdict) }
  static func skip(_ count: Int) -> FilterInstruction { .init(FilterInstruction.always, UInt32(count)) }

  // BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_AND|BPF_K, BPF_RET|BPF_K, BPF_JMP|….
  static let loadWord: UInt16 = 0x20
  static let and: UInt16 = 0x54
  static let `return`: UInt16 = 0x06
  static let always: UInt16 = 0x05
  static let equal: UInt16 = 0x15
  static let greater: UInt16 = 0x25
  static let greaterOrEqual: UInt16 = 0x35
  /// None of BPF: a place that becomes a skip to the end of the program, to whatever follows it.
  static let onward: UInt16 = 0xffff

  /// Words of struct seccomp_data.
  static let numberOffset: UInt32 = 0
  static let architectureOffset: UInt32 = 4
  /// The low word of an argument, on a machine whose low words come first.
  static func argumentOffset(_ index: UInt32) -> UInt32 { 16 + 8 * index }
}

extension [FilterInstruction] {
  /// What stands for "onward" becomes a skip over the rest.
  mutating func resolveOnward() {
    for index in indices where self[index].code == FilterInstruction.onward { self[index] = .skip(count - index - 1) }
  }
}
