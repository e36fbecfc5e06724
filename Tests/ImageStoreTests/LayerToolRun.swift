import Foundation
import Testing

/// The store in a process of its own (Tests/LayerTool).
struct LayerToolRun {
  /// Beside the tests' own executable.
  static let path: String = {
    // Tests/ImageStoreTests/LayerToolRun.swift → the package.
    let package = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
    return "\(package)/.build/debug/layer-tool"
  }()

  var status: Int32
  var output: String
  /// Without the last line, which is the peak of its memory.
  var errors: String
  /// Bytes; zero when it was killed.
  var peak: Int

  /// Runs a shell script as root of a mount namespace of its own, in which `$TOOL` is the tool. `input` is what it reads.
  static func script(_ script: String, input: Data = Data()) throws -> LayerToolRun {
    try run(["--mount", "sh", "-ec", script], by: "/usr/bin/unshare", input: input)
  }

  static func run(_ arguments: [String], by program: String = path, input: Data = Data()) throws -> LayerToolRun {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["TOOL": path, "LC_ALL": "C"]) { $1 }
    // Files, so that nothing has to be read while it runs.
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("drydock-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func file(_ name: String, _ content: Data = Data()) throws -> URL {
      let url = folder.appendingPathComponent(name)
      try content.write(to: url)
      return url
    }
    let (output, errors) = (try file("output"), try file("errors"))
    process.standardInput = try FileHandle(forReadingFrom: try file("input", input))
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    var lines = String(decoding: try Data(contentsOf: errors), as: UTF8.self).split(separator: "\n").map(String.init)
    let peak = lines.last.flatMap { Int($0) } ?? 0
    if peak > 0 { lines.removeLast() }
    let isKilled = process.terminationReason == .uncaughtSignal
    return LayerToolRun(
      status: isKilled ? 128 + process.terminationStatus : process.terminationStatus,
      output: String(decoding: try Data(contentsOf: output), as: UTF8.self), errors: lines.joined(separator: "\n"),
      peak: peak * 1024)
  }
}

/// A tree as text: kind, mode, owner, size, time, device, links, xattrs and content of each name. Nothing that two
/// unpackings may differ in (inodes, access times).
func describe(_ root: String, folderTimes: Bool = true) throws -> String {
  // GNU find, stat and getfattr would say the same in three formats; python has one.
  let script = """
    import os, stat, sys, hashlib
    root, times = sys.argv[1].encode(), sys.argv[2] == "1"
    first = {}
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            s = os.lstat(path)
            said = [os.fsdecode(path[len(root):]), oct(s.st_mode), s.st_uid, s.st_gid]
            if times or not stat.S_ISDIR(s.st_mode): said.append(s.st_mtime_ns)
            if stat.S_ISLNK(s.st_mode): said.append(os.readlink(path))
            if stat.S_ISCHR(s.st_mode) or stat.S_ISBLK(s.st_mode): said.append(s.st_rdev)
            if stat.S_ISREG(s.st_mode):
                said += [s.st_size, hashlib.sha256(open(path, "rb").read()).hexdigest()]
            if not stat.S_ISDIR(s.st_mode) and s.st_nlink > 1:
                said.append("link to " + first.setdefault(s.st_ino, os.fsdecode(path[len(root):])))
            said += [(x, os.getxattr(path, x, follow_symlinks=False))
                     for x in sorted(os.listxattr(path, follow_symlinks=False)) if not x.startswith("trusted.")]
            print(*said)
    """
  let run = try LayerToolRun.run(["-c", script, root, folderTimes ? "1" : "0"], by: "/usr/bin/python3")
  try #require(run.status == 0, "\(run.errors)")
  return run.output
}
