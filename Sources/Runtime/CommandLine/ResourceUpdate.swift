import OCISpec

/// What `update` changes.
extension RuntimeArguments {
  /// The limits that `update`'s flags name; the others are nil.
  public func resources() throws(PlanError) -> RuntimeSpec.Resources {
    var r = RuntimeSpec.Resources()
    r.blockIO.weight = try number("blkio-weight")
    r.cpu.cpus = self["cpuset-cpus"] ?? ""
    r.cpu.mems = self["cpuset-mems"] ?? ""
    r.cpu.idle = try number("cpu-idle")
    r.cpu.burst = try number("cpu-burst")
    r.cpu.period = try number("cpu-period")
    r.cpu.realtimePeriod = try number("cpu-rt-period")
    r.cpu.shares = try number("cpu-share")
    r.cpu.quota = try number("cpu-quota")
    r.cpu.realtimeRuntime = try number("cpu-rt-runtime")
    r.memory.limit = try bytes("memory")
    r.memory.swap = try bytes("memory-swap")
    r.memory.reservation = try bytes("memory-reservation")
    r.memory.kernel = try bytes("kernel-memory")
    r.memory.kernelTCP = try bytes("kernel-memory-tcp")
    r.pids = try number("pids-limit")
    // 0 is what runc's flags are without being given.
    if r.blockIO.weight == 0 { r.blockIO.weight = nil }
    if r.pids == 0 { r.pids = nil }
    return r
  }

  private func number<T: FixedWidthInteger>(_ name: String) throws(PlanError) -> T? {
    guard let text = self[name], !text.isEmpty else { return nil }
    if let value = T(text) { return value }
    let digits = text.utf8.drop { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") }
    let isNumber =
      !digits.isEmpty && digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      && (T.isSigned || text.utf8.first != UInt8(ascii: "-"))
    throw PlanError(
      "invalid value for \(name): strconv.Parse\(T.isSigned ? "Int" : "Uint"): parsing \(GoText.quoted(text)): "
        + (isNumber ? "value out of range" : "invalid syntax"))
  }

  private func bytes(_ name: String) throws(PlanError) -> Int64? {
    guard let text = self[name], !text.isEmpty else { return nil }
    if text == "-1" { return -1 }
    guard let value = GoText.bytes(text) else {
      throw PlanError("invalid value for \(name): invalid size: '\(text)'")
    }
    return value
  }
}

extension RuntimeSpec.Resources {
  /// The limits in force, changed by what `update` says: what it does not name stays, but for the few that runc resets.
  public func changing(_ old: RuntimeSpec.Resources) -> RuntimeSpec.Resources {
    var r = old
    var new = self
    if new.memory.limit == -1, new.memory.swap == nil { new.memory.swap = 0 }
    r.memory.limit = new.memory.limit ?? old.memory.limit
    r.memory.swap = new.memory.swap ?? old.memory.swap
    r.memory.reservation = new.memory.reservation ?? old.memory.reservation
    r.memory.checkBeforeUpdate = new.memory.checkBeforeUpdate ?? old.memory.checkBeforeUpdate
    r.blockIO.weight = new.blockIO.weight ?? old.blockIO.weight
    r.blockIO.leafWeight = new.blockIO.leafWeight ?? old.blockIO.leafWeight
    r.blockIO.weightDevice = upsert(old.blockIO.weightDevice, new.blockIO.weightDevice) { ($0.major, $0.minor) }
    r.blockIO.throttleReadBpsDevice = upsert(
      old.blockIO.throttleReadBpsDevice, new.blockIO.throttleReadBpsDevice
    ) { ($0.major, $0.minor) }
    r.blockIO.throttleWriteBpsDevice = upsert(
      old.blockIO.throttleWriteBpsDevice, new.blockIO.throttleWriteBpsDevice
    ) { ($0.major, $0.minor) }
    r.blockIO.throttleReadIOPSDevice = upsert(
      old.blockIO.throttleReadIOPSDevice, new.blockIO.throttleReadIOPSDevice
    ) { ($0.major, $0.minor) }
    r.blockIO.throttleWriteIOPSDevice = upsert(
      old.blockIO.throttleWriteIOPSDevice, new.blockIO.throttleWriteIOPSDevice
    ) { ($0.major, $0.minor) }
    let (period, quota) = (new.cpu.period ?? 0, new.cpu.quota ?? 0)
    if (period == 0) == (quota == 0) {
      (r.cpu.period, r.cpu.quota) = (new.cpu.period, new.cpu.quota)
    } else if period != 0 {
      r.cpu.period = period
    } else {
      r.cpu.quota = quota
    }
    r.cpu.burst = new.cpu.burst
    r.cpu.shares = new.cpu.shares ?? old.cpu.shares
    r.cpu.realtimePeriod = new.cpu.realtimePeriod ?? old.cpu.realtimePeriod
    r.cpu.realtimeRuntime = new.cpu.realtimeRuntime ?? old.cpu.realtimeRuntime
    (r.cpu.cpus, r.cpu.mems, r.cpu.idle) = (new.cpu.cpus, new.cpu.mems, new.cpu.idle)
    r.pids = new.pids
    r.unified = new.unified
    return r
  }

  private func upsert<T>(_ old: [T], _ new: [T], _ key: (T) -> (Int64, Int64)) -> [T] {
    var result = old
    for device in new {
      if let index = result.firstIndex(where: { key($0) == key(device) }) {
        result[index] = device
      } else {
        result.append(device)
      }
    }
    return result
  }
}
