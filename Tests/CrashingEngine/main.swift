// CrashingEngine ROOT MOMENT METHOD PATH [FILE]: an engine on the data root ROOT does one request of the Engine API, with FILE as its body,
// and dies by SIGKILL at MOMENT: `none`, `before N` or `after N` the Nth change of its state (counted after the start), or
// `within N` microseconds of the request. Prints the answer's status and body.
#if canImport(Glibc)
  import Glibc
#endif
import JSONTree
import RealMachine
import Seams
import Synchronization

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

func run(_ arguments: [String]) async throws {
  guard arguments.count >= 6, let number = Int(arguments[3]) else {
    print("usage: CrashingEngine ROOT none|before|after|within N METHOD PATH [FILE]")
    exit(2)
  }
  var options = RealMachine.Options()
  (options.dataRoot, options.execRoot) = (arguments[1] + "/data", arguments[1] + "/exec")
  let moment = arguments[2]
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
  var upload: ByteChannel?
  if arguments.count > 6, let file = fopen(arguments[6], "r") {
    let channel = ByteChannel(capacity: .max)
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { channel.push(Array(buffer[..<count])) }
    fclose(file)
    channel.closeWriting()
    upload = channel
  }
  if moment == "within" {
    machine.world.spawn {
      try? await machine.world.sleep(UInt64(number) * Duration64.microsecond)
      die()
    }
  }
  let request = APIRequest(arguments[4], path: arguments[5], upload: upload)
  let began = machine.world.now
  let answer = try await machine.daemon.send(request)
  var text = ""
  switch answer.body {
  case .json(let json): text = json.text
  case .text(let plain): text = plain
  case .stream(let stream): text = String(decoding: await stream.readAll(), as: UTF8.self)
  default: break
  }
  print("changes \(store?.changes ?? 0) microseconds \((machine.world.now - began) / 1000) status \(answer.status)")
  print(text)
  await machine.shutdown()
}

try await run(CommandLine.arguments)
