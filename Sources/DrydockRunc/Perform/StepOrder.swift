import Runtime

extension Role {
  /// The place in tables by role.
  var number: Int {
    switch self {
    case .runtime: 0
    case .parent: 1
    case .child: 2
    case .container: 3
    case .exec: 4
    }
  }
  static let count = 5

  init?(number: Int) {
    guard let role = Role.allCases.first(where: { $0.number == number }) else { return nil }
    self = role
  }
}

/// Who has to wait for whom, found out beforehand: every process knows the same of the same plan, so that only what
/// somebody waits for has to be told.
struct StepOrder: Sendable {
  /// For each step, by role: the last earlier step of that other role; -1 where there is none, or no need to wait.
  private var waits: [Int16]
  /// For each step: the roles that wait for it, as bits.
  private(set) var awaited: [UInt8]
  /// The last step of each role; -1 where it has none. The runtime waits for them before it is done.
  private(set) var end: [Int]

  init(_ steps: [Step]) {
    waits = Array(repeating: -1, count: steps.count * Role.count)
    awaited = Array(repeating: 0, count: steps.count)
    end = Array(repeating: -1, count: Role.count)
    for (index, step) in steps.enumerated() {
      let own = step.role.number
      if !step.overlaps {
        for role in 0..<Role.count where role != own && end[role] >= 0 {
          waits[index * Role.count + role] = Int16(clamping: end[role])
          awaited[end[role]] |= 1 << UInt8(own)
        }
      }
      end[own] = index
    }
    for role in 1..<Role.count where end[role] >= 0 { awaited[end[role]] |= 1 }
  }

  /// The step of `role` (its number) that has to be finished before step `index` begins; -1 for none.
  func wait(before index: Int, for role: Int) -> Int { Int(waits[index * Role.count + role]) }

  /// Whether somebody of `role` waits for step `index`.
  func isAwaited(_ index: Int, by role: Int) -> Bool { awaited[index] & (1 << UInt8(role)) != 0 }
}
