@testable import LinuxKernel

/// What the kernel is asked about: struct seccomp_data.
struct SeccompData {
  var number: UInt32
  var architecture: UInt32
  var arguments: [UInt64] = []

  /// The word at an offset, on a little-endian machine.
  func word(at offset: UInt32) -> UInt32? {
    switch offset {
    case 0: return number
    case 4: return architecture
    case 8, 12: return 0
    case 16..<64 where offset % 4 == 0:
      let index = Int(offset - 16) / 8
      let value = index < arguments.count ? arguments[index] : 0
      return UInt32(truncatingIfNeeded: offset % 8 == 0 ? value : value >> 32)
    default: return nil
    }
  }
}

/// Classic BPF as the kernel runs it for seccomp(2): the verdict, or nil for a program that it would refuse.
func run(_ program: [FilterInstruction], on data: SeccompData) -> UInt32? {
  var (accumulator, index, memory): (UInt32, Int, [UInt32]) = (0, 0, Array(repeating: 0, count: 16))
  var register: UInt32 = 0
  while index < program.count {
    let instruction = program[index]
    let operand = instruction.operand
    func jump(_ holds: Bool) { index += Int(holds ? instruction.then : instruction.otherwise) }
    switch instruction.code {
    case 0x20:
      guard let word = data.word(at: operand) else { return nil }
      accumulator = word
    case 0x00: accumulator = operand
    case 0x60: accumulator = memory[Int(operand & 15)]
    case 0x02: memory[Int(operand & 15)] = accumulator
    case 0x07: register = accumulator
    case 0x87: accumulator = register
    case 0x54: accumulator &= operand
    case 0x05: index += Int(operand)
    case 0x15: jump(accumulator == operand)
    case 0x25: jump(accumulator > operand)
    case 0x35: jump(accumulator >= operand)
    case 0x45: jump(accumulator & operand != 0)
    case 0x06: return operand
    default: return nil
    }
    index += 1
  }
  return nil
}
