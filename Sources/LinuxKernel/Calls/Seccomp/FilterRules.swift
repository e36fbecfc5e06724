import CSeccomp
import OCISpec
import Runtime

/// What a profile says, by architecture and number: made ready for `FilterCompiler`.
struct FilterRules {
  /// What happens to one system call.
  struct Rule: Hashable {
    var verdict: UInt32
    /// One of them must hold, all comparisons of it; with none the verdict is without condition.
    var alternatives: [[RuntimeSpec.Seccomp.Argument]]
  }
  struct Entry {
    var number: UInt32
    /// Index in `rules`.
    var rule: Int
  }
  /// The calls of one architecture, by rising number.
  struct Table {
    var architecture: FilterArchitecture
    var entries: [Entry]
    /// The greatest number that the profile names, whatever it says about it; nil when it names none.
    var last: UInt32?
  }

  var defaultVerdict: UInt32
  var rules: [Rule] = []
  var tables: [Table] = []
  /// Whether numbers that the profile cannot know of are answered with ENOSYS, as runc does it: programs then fall back
  /// to what they did before. Not where the default lets calls through.
  var hidesUnknown: Bool
  /// False: something that is left to libseccomp (`FilterLibrary`): other architectures, or rules with different
  /// verdicts for one call.
  private(set) var isPlain = true

  init(_ profile: RuntimeSpec.Seccomp) {
    defaultVerdict = FilterRules.verdict(profile.defaultAction, profile.defaultErrnoRet)
    switch profile.defaultAction {
    case .allow, .log, .trace: hidesUnknown = false
    default: hidesUnknown = true
    }
    rules = profile.syscalls.map { rule in
      Rule(
        verdict: FilterRules.verdict(rule.action, rule.errnoRet), alternatives: FilterRules.alternatives(rule.args))
    }
    tables = FilterArchitecture.all(of: profile).map { Table(architecture: $0, entries: [], last: nil) }
    for index in tables.indices {
      switch tables[index].architecture {
      case .x86, .x86_64, .x32, .aarch64, .arm: break
      default: isPlain = false
      }
      tables[index].entries.reserveCapacity(512)
    }
    for (index, rule) in profile.syscalls.enumerated() {
      for name in rule.names where !name.utf8.contains(0) { add(name, rule: index) }
    }
    for index in tables.indices { merge(index) }
  }

  /// As libseccomp's SCMP_ACT_… macros make them; without an errno, EPERM.
  static func verdict(_ action: RuntimeSpec.Seccomp.Action, _ errno: UInt32?) -> UInt32 {
    switch action {
    case .kill, .killThread: 0
    case .killProcess: 0x8000_0000
    case .trap: 0x0003_0000
    case .errno: 0x0005_0000 | ((errno ?? 1) & 0xffff)
    case .notify: 0x7fc0_0000
    case .trace: 0x7ff0_0000 | ((errno ?? 1) & 0xffff)
    case .log: 0x7ffc_0000
    case .allow: 0x7fff_0000
    }
  }

  /// Comparisons of different arguments must all hold; where one argument is compared twice, each comparison is a rule
  /// of its own (as runc has it).
  static func alternatives(_ arguments: [RuntimeSpec.Seccomp.Argument]) -> [[RuntimeSpec.Seccomp.Argument]] {
    if arguments.isEmpty { return [] }
    var seen: UInt32 = 0
    for argument in arguments {
      if seen & 1 << argument.index != 0 { return arguments.map { [$0] } }
      seen |= 1 << argument.index
    }
    return [arguments]
  }

  private mutating func add(_ name: String, rule: Int) {
    let verdict = rules[rule].verdict
    name.withCString { name in
      for index in tables.indices {
        let architecture = tables[index].architecture
        guard
          let number = architecture.number(of: name) ?? RecentCalls.number(String(cString: name), architecture)
        else { continue }
        if number >= 0 {
          tables[index].last = max(tables[index].last ?? 0, UInt32(number))
          if verdict != defaultVerdict { tables[index].entries.append(Entry(number: UInt32(number), rule: rule)) }
        } else if architecture == .x86, verdict != defaultVerdict {
          addMultiplexed(number, rule: rule, to: index)
        }
      }
    }
  }

  private mutating func addMultiplexed(_ pseudo: Int32, rule: Int, to table: Int) {
    guard let call = MultiplexedCalls.call(pseudo) else { return }
    if let number = call.number {
      tables[table].entries.append(Entry(number: number, rule: rule))
      tables[table].last = max(tables[table].last ?? 0, number)
    }
    // The call's own arguments cannot be seen through the multiplexer.
    if rules[rule].alternatives.contains(where: { $0.contains { $0.index != 0 } }) { isPlain = false }
    rules.append(
      Rule(
        verdict: rules[rule].verdict,
        alternatives: [[.init(index: 0, value: call.argument, op: .equal)]]))
    tables[table].entries.append(Entry(number: call.multiplexer, rule: rules.count - 1))
  }

  /// One entry a number.
  private mutating func merge(_ table: Int) {
    tables[table].entries.sort { ($0.number, $0.rule) < ($1.number, $1.rule) }
    var merged: [Entry] = []
    let entries = tables[table].entries
    merged.reserveCapacity(entries.count)
    var index = 0
    while index < entries.count {
      var end = index + 1
      while end < entries.count, entries[end].number == entries[index].number { end += 1 }
      if end > index + 1 {
        merged.append(Entry(number: entries[index].number, rule: combined(entries[index..<end])))
      } else {
        merged.append(entries[index])
      }
      index = end
    }
    tables[table].entries = merged
  }

  private mutating func combined(_ entries: ArraySlice<Entry>) -> Int {
    let first = entries[entries.startIndex].rule
    if entries.contains(where: { rules[$0.rule].verdict != rules[first].verdict }) {
      isPlain = false
      return first
    }
    if let whole = entries.first(where: { rules[$0.rule].alternatives.isEmpty }) { return whole.rule }
    var alternatives: [[RuntimeSpec.Seccomp.Argument]] = []
    for entry in entries {
      for alternative in rules[entry.rule].alternatives where !alternatives.contains(alternative) {
        alternatives.append(alternative)
      }
    }
    rules.append(Rule(verdict: rules[first].verdict, alternatives: alternatives))
    return rules.count - 1
  }
}
