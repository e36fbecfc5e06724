import JSONTree

/// Names of members whose values never enter a trace (lower case).
private let secretNames: Set<String> = [
  "password", "identitytoken", "registrytoken", "access_token", "refresh_token", "token", "auth", "authorization",
  "secret", "x-registry-auth",
]

/// `json` with every secret value replaced by `"***"` (DESIGN.md §3).
public func redactingSecrets(_ json: JSON) -> JSON {
  switch json {
  case .object(let object):
    .object(
      JSONObject(
        object.members.map { member in
          if secretNames.contains(member.key.lowercased()), case .string(let value) = member.value, !value.isEmpty {
            return .init(member.key, "***")
          }
          return .init(member.key, redactingSecrets(member.value))
        }))
  case .array(let values): .array(values.map(redactingSecrets))
  default: json
  }
}
