import Engine
import Foundation
import JSONTree
import LinuxHost
import Registry
import RegistryHarness
import Seams
import Testing

@testable import RealMachine

/// `docker info` beside the genuine dockerd's on the same machine.
@Suite(
  "docker info for real",
  .enabled(if: geteuid() == 0 && GenuineDockerd.isHere || isCI, "needs root and the genuine dockerd"))
struct InfoTests {
  @Test("says of the machine what genuine dockerd says of it")
  func machine() async throws {
    let theirs = try GenuineDockerd.info()
    try await MachineFixture.with { engine in
      let ours = try await engine.get("/info").json
      for key in [
        "KernelVersion", "OperatingSystem", "OSVersion", "OSType", "Architecture", "NCPU", "MemTotal", "Name",
        "CgroupDriver", "CgroupVersion", "MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares",
        "CPUSet",
        "PidsLimit", "OomKillDisable", "IPv4Forwarding", "HttpProxy", "HttpsProxy", "NoProxy",
      ] {
        #expect(theirs[key] != nil, "\(key)")
        #expect(ours[key] == theirs[key], "\(key)")
      }
      func hasSeccomp(_ info: JSON) -> Bool {
        info["SecurityOptions"]?.strings?.contains { $0.hasPrefix("name=seccomp") } == true
      }
      #expect(hasSeccomp(ours) == hasSeccomp(theirs))
      #expect(ours["DockerRootDir"]?.string == engine.root + "/data")
      // It has no containerd of its own to be reached, and no drivers that it does not have.
      #expect(ours["Containerd"] == nil)
      #expect(ours["Plugins"]?["Log"]?.strings == ["json-file", "local"])
      #expect(ours["Images"]?.int == 0 && ours["Containers"]?.int == 0)
    }
  }

  @Test("mirrors, insecure registries and proxies are told, passwords are not")
  func settings() async throws {
    try await MachineFixture.with {
      $0.mirrors = ["docker.io": ["https://mirror.example"]]
      $0.insecureRegistries = ["plain.example:5000"]
      $0.registries.proxies = Proxies(environment: [
        "HTTPS_PROXY": "http://me:s3cret@proxy.example:3128", "NO_PROXY": "a.example, .b.example",
      ])
    } _: { engine in
      let info = try await engine.get("/info").json
      #expect(info["RegistryConfig"]?["Mirrors"]?.strings == ["https://mirror.example/"])
      #expect(info["RegistryConfig"]?["IndexConfigs"]?["plain.example:5000"]?["Secure"]?.bool == false)
      #expect(info["HttpsProxy"]?.string == "http://xxxxx:xxxxx@proxy.example:3128")
      #expect(info["NoProxy"]?.string == "a.example,.b.example")
      #expect(!info.text.contains("s3cret"))
    }
  }
}

/// The genuine dockerd, for one question.
enum GenuineDockerd {
  private static let program = ["/usr/sbin/dockerd", "/usr/bin/dockerd"].first(
    where: FileManager.default.isExecutableFile)
  static var isHere: Bool { program != nil }

  /// What it says of the machine.
  static func info() throws -> JSON {
    let folder = MachineFixture.temporaryFolder("dockerd")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(program))
    process.arguments = [
      "--data-root", folder + "/data", "--exec-root", folder + "/exec", "-H", "unix://\(folder)/d.sock", "--pidfile",
      folder + "/pid", "--bridge", "none", "--iptables=false", "--ip6tables=false",
    ]
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    defer {
      process.terminate()
      process.waitUntilExit()
      try? FileManager.default.removeItem(atPath: folder)
    }
    for _ in 0..<3000 {
      let curl = Process()
      curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
      curl.arguments = ["-sf", "--unix-socket", folder + "/d.sock", "http://d/info"]
      let output = Pipe()
      curl.standardOutput = output
      try curl.run()
      let data = output.fileHandleForReading.readDataToEndOfFile()
      curl.waitUntilExit()
      if curl.terminationStatus == 0 { return try JSON(parsing: [UInt8](data)) }
      usleep(100_000)
      try #require(process.isRunning, "dockerd ended")
    }
    throw EngineError(.unavailable, "dockerd does not answer")
  }
}
