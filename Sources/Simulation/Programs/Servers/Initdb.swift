import Runtime

/// initdb: makes the folder of a new PostgreSQL cluster.
struct InitdbProgram: SimProgram {
  private static let folders = [
    "base", "base/1", "base/4", "base/5", "global", "pg_wal", "pg_xact", "pg_stat", "pg_tblspc", "pg_twophase",
    "pg_logical", "pg_multixact", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots", "pg_subtrans",
    "pg_commit_ts",
    "pg_dynshmem",
  ]

  func main(_ process: any SimProcess) async throws -> Int32 {
    let context = ProgramContext(process, name: "initdb", arguments: [])
    var user = "postgres"
    var folder = ServerSupport.environment("PGDATA", process) ?? ""
    var words = process.arguments.dropFirst()
    while let word = words.popFirst() {
      if word.hasPrefix("--username=") {
        user = String(word.dropFirst(11))
      } else if word == "-U" || word == "-D" {
        let value = words.popFirst() ?? ""
        if word == "-U" { user = value } else { folder = value }
      } else if word.hasPrefix("--pgdata=") {
        folder = String(word.dropFirst(9))
      } else if !word.hasPrefix("-") {
        folder = word
      }
    }
    func fail(_ text: String) async throws -> Int32 {
      try await process.write(2, Array("initdb: error: \(text)\n".utf8))
      return 1
    }
    guard process.uid != 0 else {
      try await process.write(
        2,
        Array(
          "initdb: error: cannot be run as root\ninitdb: hint: Please log in (using, e.g., \"su\") as the (unprivileged) user that will own the server process.\n"
            .utf8))
      return 1
    }
    guard !folder.isEmpty else { return try await fail("no data directory specified") }
    if let names = try? process.list(folder), !names.isEmpty {
      return try await fail("directory \"\(folder)\" exists but is not empty")
    }
    try await process.write(1, Array(Self.beginning(user, folder).utf8))
    do {
      try? process.makeDirectory(folder, mode: 0o700)
      for name in Self.folders { try process.makeDirectory(folder + "/" + name, mode: 0o700) }
      let major = (ServerSupport.environment("PG_MAJOR", process) ?? "18") + "\n"
      try await put(major, folder + "/PG_VERSION", process)
      try await put("max_connections = 100\nshared_buffers = 128MB\n", folder + "/postgresql.conf", process)
      try await put(
        "local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n", folder + "/pg_hba.conf",
        process)
      try await put("", folder + "/pg_ident.conf", process)
    } catch let error as Errno {
      return try await fail("could not create directory \"\(folder)\": \(context.reason(error))")
    }
    try await process.compute(400_000_000)
    try await process.write(1, Array(Self.ending(folder).utf8))
    return 0
  }

  private func put(_ text: String, _ path: String, _ process: any SimProcess) async throws {
    let fd = try process.open(path, .write)
    defer { process.close(fd) }
    try await process.write(fd, Array(text.utf8))
  }

  private static func beginning(_ user: String, _ folder: String) -> String {
    """
    The files belonging to this database system will be owned by user "\(user)".
    This user must also own the server process.

    The database cluster will be initialized with locale "en_US.utf8".
    The default database encoding has accordingly been set to "UTF8".
    The default text search configuration will be set to "english".

    Data page checksums are enabled.

    fixing permissions on existing directory \(folder) ... ok
    creating subdirectories ... ok
    selecting dynamic shared memory implementation ... posix
    selecting default "max_connections" ... 100
    selecting default "shared_buffers" ... 128MB
    selecting default time zone ... Etc/UTC
    creating configuration files ... ok
    running bootstrap script ... ok

    """
  }

  private static func ending(_ folder: String) -> String {
    """
    performing post-bootstrap initialization ... ok
    syncing data to disk ... ok


    Success. You can now start the database server using:

        pg_ctl -D \(folder) -l logfile start


    """
  }
}
