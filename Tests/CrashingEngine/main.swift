// CrashingEngine ROOT MOMENT METHOD PATH [FILE]: an engine on the data root ROOT does one request of the Engine API, with
// FILE as its body, and dies by SIGKILL at MOMENT: `none`, `before N` or `after N` the Nth change of its state, `call:KIND N`
// just before its Nth system call of that kind (both counted after the start), or `within N` microseconds of the request;
// `count 0` counts those calls. Prints the answer's status and body. METHOD may be PREPARE or COMMIT of an image.
import Dispatch
import JSONTree
import RealMachine
import Seams
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

func die() -> Never {
  kill(getpid(), SIGKILL)
  while true { pause() }
}

/// A store whose Nth change is the last thing that its process does.
final class FatalStore: StateStore {
  private let next: any StateStore
  private let fatal: (number: Int, isBefore: Bool)?
  private let count = Mutex<Int?>(nil)

  init(_ next: any StateStore, _ fatal: (number: Int, isBefore: Bool)?) { (self.next, self.fatal) = (next, fatal) }

  func arm() { count.withLock { $0 = 0 } }
  var changes: Int { count.withLock { $0 ?? 0 } }

  func load(_ bucket: String) throws -> [(key: String, value: JSON)] { try next.load(bucket) }
  func put(_ bucket: String, _ key: String, _ value: any JSONWritable) throws { try write([.put(bucket, key, value)]) }
  func remove(_ bucket: String, _ key: String) throws { try write([.remove(bucket, key)]) }

  func write(_ changes: [StateChange]) throws {
    let number = count.withLock { count -> Int in
      guard let known = count else { return 0 }
      count = known + 1
      return known + 1
    }
    if let fatal, number == fatal.number, fatal.isBefore { die() }
    try next.write(changes)
    if let fatal, number == fatal.number, !fatal.isBefore { die() }
  }
}

func run(_ arguments: [String], _ watch: CallWatch?) async throws {
  let (moment, number) = (arguments[2], Int(arguments[3]) ?? 0)
  var options = RealMachine.Options()
  (options.dataRoot, options.execRoot) = (arguments[1] + "/data", arguments[1] + "/exec")
  let fatal = moment == "before" || moment == "after" ? (number, moment == "before") : nil
  let box = Mutex<FatalStore?>(nil)
  let machine = try RealMachine(options) { store in
    let fatalStore = FatalStore(store, fatal)
    box.withLock { $0 = fatalStore }
    return fatalStore
  }
  try await machine.start()
  let store = box.withLock { $0 }
  store?.arm()
  watch?.arm()
  if moment == "within" {
    machine.world.spawn {
      try? await machine.world.sleep(UInt64(number) * Duration64.microsecond)
      die()
    }
  }
  let began = machine.world.now
  let (status, text) = try await answer(machine, arguments)
  print(
    "changes \(store?.changes ?? 0) microseconds \((machine.world.now - began) / 1000) status \(status) "
      + "peak \(peak()) calls \(watch?.text ?? "")")
  print(text)
  await machine.shutdown()
}

/// VmHWM of /proc/self/status, in KiB.
func peak() -> Int {
  guard let file = fopen("/proc/self/status", "r") else { return 0 }
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 256)
  while fgets(&line, 256, file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    if text.hasPrefix("VmHWM:") { return Int(text.filter { ("0"..."9").contains($0) }) ?? 0 }
  }
  return 0
}

func answer(_ machine: RealMachine, _ arguments: [String]) async throws -> (Int, String) {
  let (method, path) = (arguments[4], arguments[5])
  switch method {
  case "PREPARE":
    try await Commit(machine).prepare(path)
    return (200, "")
  case "COMMIT":
    try await Commit(machine).run(path)
    return (200, "")
  case "END":
    try await Commit(machine).end()
    return (200, "")
  default: break
  }
  var upload: ByteChannel?
  if arguments.count > 6, let file = fopen(arguments[6], "r") {
    let channel = ByteChannel(capacity: 1 << 20)
    let file = UInt(bitPattern: file)
    machine.world.spawn {
      guard let file = UnsafeMutablePointer<FILE>(bitPattern: file) else { return }
      var buffer = [UInt8](repeating: 0, count: 1 << 18)
      while case let count = fread(&buffer, 1, buffer.count, file), count > 0,
        await channel.write(Array(buffer[..<count]))
      {}
      fclose(file)
      channel.closeWriting()
    }
    upload = channel
  }
  let answer = try await machine.daemon.send(APIRequest(method, path: path, upload: upload))
  switch answer.body {
  case .json(let json): return (answer.status, json.text)
  case .text(let plain): return (answer.status, plain)
  case .stream(let stream): return (answer.status, String(decoding: await stream.readAll(), as: UTF8.self))
  default: return (answer.status, "")
  }
}

let arguments = CommandLine.arguments
guard arguments.count >= 6, Int(arguments[3]) != nil else {
  print("usage: CrashingEngine ROOT none|count|before|after|within|call:KIND N METHOD PATH [FILE]")
  exit(2)
}
var watch: CallWatch?
if arguments[2] == "count" { watch = CallWatch(nil) }
if arguments[2].hasPrefix("call:"), let number = Int(arguments[3]) {
  watch = CallWatch((String(arguments[2].dropFirst(5)), number))
}
watch?.begin()
Task { [watch] in
  do {
    try await run(arguments, watch)
    exit(0)
  } catch {
    print("\(error)")
    exit(1)
  }
}
dispatchMain()
