import JSONTree
import OCISpec

/// A plan told to people: what is asked of the kernel, in groups, with how often and why.
public struct Explanation: Sendable, Hashable, JSONWritable {
  public var operation: PlanOperation
  public var flavour: RuntimeFlavour
  public var sections: [Section]

  /// One part of the work, in the order in which it is begun.
  public struct Section: Sendable, Hashable {
    public var phase: Phase
    public var entries: [Entry]
    public var title: String { phase.title }
    /// How many calls at most.
    public var calls: Int { entries.reduce(0) { $0 + $1.calls.count } }
  }

  /// Neighbouring calls with one and the same reason.
  public struct Entry: Sendable, Hashable {
    public var role: Role
    public var reason: String
    public var calls: [KernelCall]
    /// When they are made at all; nil for always.
    public var condition: String?
  }

  /// Groups the steps of a plan by phase, neighbours with the same reason together. A phase that comes back later is a
  /// section of its own only when others of another kind came between.
  public init(_ plan: Plan) {
    (operation, flavour, sections) = (plan.operation, plan.flavour, [])
    for step in plan.steps {
      let entry = Entry(role: step.role, reason: step.reason, calls: [step.call], condition: step.condition.text)
      guard let last = sections.last, last.phase == step.phase else {
        sections.append(Section(phase: step.phase, entries: [entry]))
        continue
      }
      let section = sections.count - 1
      let index = sections[section].entries.count - 1
      let previous = sections[section].entries[index]
      if previous.reason == entry.reason, previous.role == entry.role, previous.condition == entry.condition {
        sections[section].entries[index].calls.append(step.call)
      } else {
        sections[section].entries.append(entry)
      }
    }
  }

  public var json: JSON {
    [
      "operation": .string(operation.rawValue), "runtime": .string(flavour.rawValue),
      "sections": .array(
        sections.map { section in
          [
            "phase": .string(section.phase.rawValue), "title": .string(section.title), "calls": JSON(section.calls),
            "entries": .array(
              section.entries.map { entry in
                var object: JSONObject = [
                  "by": .string(entry.role.rawValue), "why": .string(entry.reason),
                  "calls": JSON(entry.calls.map(\.text)),
                ]
                if let condition = entry.condition { object["when"] = .string(condition) }
                return .object(object)
              }),
          ]
        }),
    ]
  }
  public func write(to writer: inout JSONWriter) { writer.write(json) }
}

extension Plan {
  /// The plan for people to read.
  public var explanation: Explanation { Explanation(self) }

  /// How often each system call is asked for, the most frequent first; then by name.
  public var callCounts: [(name: String, count: Int)] {
    var counts: [String: Int] = [:]
    for step in steps { counts[step.call.name, default: 0] += 1 }
    return counts.map { ($0.key, $0.value) }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
  }
}
