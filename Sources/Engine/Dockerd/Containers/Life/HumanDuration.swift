/// Durations as Docker tells them to people: `About an hour`, `3 weeks`.
enum HumanDuration {
  static func text(_ nanoseconds: UInt64) -> String {
    let seconds = Int(clamping: nanoseconds / 1_000_000_000)
    if seconds < 1 { return "Less than a second" }
    if seconds == 1 { return "1 second" }
    if seconds < 60 { return "\(seconds) seconds" }
    let minutes = seconds / 60
    if minutes == 1 { return "About a minute" }
    if minutes < 60 { return "\(minutes) minutes" }
    // Go rounds hours half up.
    let hours = (seconds + 1800) / 3600
    if hours == 1 { return "About an hour" }
    if hours < 48 { return "\(hours) hours" }
    if hours < 24 * 7 * 2 { return "\(hours / 24) days" }
    if hours < 24 * 30 * 2 { return "\(hours / 24 / 7) weeks" }
    if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
    return "\(hours / 24 / 365) years"
  }
}
