import OCISpec
import Runtime

/// From rules to a program of classic BPF: a binary search for the call's number among ranges of numbers that are
/// treated alike.
///
/// libseccomp compiles Docker's profile for three architectures in 15 ms, to 1,246 instructions, which the kernel then
/// walks for each call that it might cache; this takes a hundredth of it, to a sixth of the instructions. Names and
/// numbers are libseccomp's, and what is not plain stays with it (`FilterLibrary`).
struct FilterCompiler {
  let rules: FilterRules

  /// A range of numbers ends where the next one starts.
  private struct Range {
    var start: UInt32
    var leaf: Leaf
  }
  enum Leaf: Hashable {
    case verdict(UInt32)
    /// Index in `rules`, and the width of the architecture's arguments.
    case rule(Int, wide: Bool)
    /// What follows the program decides.
    case onward
  }

  /// libseccomp's action for an architecture that the profile does not name: the thread is killed.
  private static let badArchitecture = Leaf.verdict(0)
  private static let unknown = Leaf.verdict(0x0005_0000 | 38)

  /// The whole filter.
  func program() -> [FilterInstruction] {
    let byDefault = Leaf.verdict(rules.defaultVerdict)
    return program(otherwise: FilterCompiler.badArchitecture, byDefault: byDefault) { table in
      var ranges: [Range] = []
      let wide = table.architecture.has64BitArguments
      let start = table.architecture == .x32 ? FilterArchitecture.x32Bit : 0
      append(&ranges, start, byDefault)
      for entry in table.entries {
        let rule = rules.rules[entry.rule]
        append(
          &ranges, entry.number, rule.alternatives.isEmpty ? .verdict(rule.verdict) : .rule(entry.rule, wide: wide))
        append(&ranges, entry.number &+ 1, byDefault)
      }
      if rules.hidesUnknown, let last = table.last { append(&ranges, last &+ 1, FilterCompiler.unknown) }
      return ranges
    }
  }

  /// Only what comes before a filter that libseccomp made: ENOSYS for numbers that the profile cannot know of.
  func prologue() -> [FilterInstruction] {
    guard rules.hidesUnknown else { return [] }
    var program = program(otherwise: .onward, byDefault: .onward) { table in
      var ranges: [Range] = []
      let start = table.architecture == .x32 ? FilterArchitecture.x32Bit : 0
      append(&ranges, start, .onward)
      guard let last = table.last else { return ranges }
      // Where s390's kernel does not know a number of the larger ones, it is seen as 0.
      if table.architecture == .s390 || table.architecture == .s390x {
        append(&ranges, 0, FilterCompiler.unknown)
        append(&ranges, 1, .onward)
      }
      append(&ranges, last &+ 1, FilterCompiler.unknown)
      return ranges
    }
    program.resolveOnward()
    return program
  }

  /// The architecture, then the number.
  private func program(
    otherwise: Leaf, byDefault: Leaf, ranges: (FilterRules.Table) -> [Range]
  ) -> [FilterInstruction] {
    var program: [FilterInstruction] = [.load(FilterInstruction.architectureOffset)]
    program.reserveCapacity(1024)
    var seen: [UInt32] = []
    for table in rules.tables {
      let token = table.architecture.kernelToken
      if seen.contains(token) { continue }
      seen.append(token)
      var all: [Range] = []
      for part in rules.tables where part.architecture.kernelToken == token && part.architecture != .x32 {
        all = ranges(part)
      }
      if token == FilterArchitecture.x86_64.token {
        if let x32 = rules.tables.first(where: { $0.architecture == .x32 }) {
          all += ranges(x32)
        } else {
          // Numbers of x32, which the profile does not name; -1 is none of them, but what a tracer leaves behind.
          append(&all, FilterArchitecture.x32Bit, otherwise)
          append(&all, .max, byDefault)
        }
      }
      let test = program.count
      program.append(.init(FilterInstruction.equal, token))
      program.append(.load(FilterInstruction.numberOffset))
      append(tree: all[...], to: &program)
      FilterCompiler.skip(from: test, unless: true, in: &program)
    }
    append(otherwise, to: &program)
    return program
  }

  /// The comparison at `test` skips all that has been appended since, when it does (not) hold. A jump of more than 255
  /// needs an instruction of its own; what lies behind it stays as it is, since all jumps are relative.
  private static func skip(from test: Int, unless: Bool, in program: inout [FilterInstruction]) {
    let distance = program.count - test - 1
    if let short = UInt8(exactly: distance) {
      if unless { program[test].otherwise = short } else { program[test].then = short }
    } else {
      if unless { program[test].then = 1 } else { program[test].otherwise = 1 }
      program.insert(.skip(distance), at: test + 1)
    }
  }

  /// A range that begins at `start`; an earlier one of the same start is replaced, and one of the same kind goes on.
  private func append(_ ranges: inout [Range], _ start: UInt32, _ leaf: Leaf) {
    if let last = ranges.last {
      if start < last.start { return }
      if last.start == start { ranges.removeLast() }
      if let before = ranges.last, before.leaf == leaf { return }
    }
    ranges.append(Range(start: start, leaf: leaf))
  }

  /// The number is in the accumulator.
  private func append(tree ranges: ArraySlice<Range>, to program: inout [FilterInstruction]) {
    guard let first = ranges.first else { return }
    if ranges.count == 1 { return append(first.leaf, to: &program) }
    let middle = ranges.startIndex + ranges.count / 2
    let test = program.count
    program.append(.init(FilterInstruction.greaterOrEqual, ranges[middle].start))
    append(tree: ranges[..<middle], to: &program)
    FilterCompiler.skip(from: test, unless: false, in: &program)
    append(tree: ranges[middle...], to: &program)
  }

  private func append(_ leaf: Leaf, to program: inout [FilterInstruction]) {
    switch leaf {
    case .verdict(let verdict): program.append(.return(verdict))
    case .onward: program.append(.init(FilterInstruction.onward, 0))
    case .rule(let index, let wide):
      let rule = rules.rules[index]
      for alternative in rule.alternatives {
        let start = program.count
        for argument in alternative { FilterCompiler.append(argument, wide: wide, to: &program) }
        FilterCompiler.resolveFailures(from: start, in: &program)
        program.append(.return(rule.verdict))
      }
      program.append(.return(rules.defaultVerdict))
    }
  }
}

extension FilterCompiler {
  /// Stands for a skip to the next alternative until its distance is known.
  private static let fails: UInt8 = 255

  /// A comparison of one argument; when it holds, what follows is performed.
  private static func append(
    _ argument: RuntimeSpec.Seccomp.Argument, wide: Bool, to program: inout [FilterInstruction]
  ) {
    let offset = FilterInstruction.argumentOffset(argument.index)
    let (low, high) = halves(argument.value)
    let load = (low: FilterInstruction.load(offset), high: FilterInstruction.load(offset + 4))
    let (equal, greater, greaterOrEqual) = (
      FilterInstruction.equal, FilterInstruction.greater, FilterInstruction.greaterOrEqual
    )
    switch argument.op {
    case .equal:
      if wide { program += [load.high, .init(equal, high, otherwise: fails)] }
      program += [load.low, .init(equal, low, otherwise: fails)]
    case .notEqual:
      if wide { program += [load.high, .init(equal, high, otherwise: 2)] }
      program += [load.low, .init(equal, low, then: fails)]
    case .greater, .greaterOrEqual:
      if wide { program += [load.high, .init(greater, high, then: 3), .init(equal, high, otherwise: fails)] }
      program += [load.low, .init(argument.op == .greater ? greater : greaterOrEqual, low, otherwise: fails)]
    case .less, .lessOrEqual:
      if wide { program += [load.high, .init(greater, high, then: fails), .init(equal, high, otherwise: 2)] }
      program += [load.low, .init(argument.op == .less ? greaterOrEqual : greater, low, then: fails)]
    case .maskedEqual:
      // The value is the mask, the second value what must be left.
      let wanted = halves(argument.valueTwo & argument.value)
      if wide { program += [load.high, .and(high), .init(equal, wanted.high, otherwise: fails)] }
      program += [load.low, .and(low), .init(equal, wanted.low, otherwise: fails)]
    }
  }

  private static func halves(_ value: UInt64) -> (low: UInt32, high: UInt32) {
    (UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32))
  }

  /// The next alternative is behind the return that follows a conjunction (at most 6 comparisons of 6 instructions).
  private static func resolveFailures(from start: Int, in program: inout [FilterInstruction]) {
    for index in start..<program.count {
      let distance = UInt8(program.count - index)
      if program[index].then == fails { program[index].then = distance }
      if program[index].otherwise == fails { program[index].otherwise = distance }
    }
  }
}
