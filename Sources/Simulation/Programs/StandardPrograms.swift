/// The programs of the simulated images, by the names that executable files carry (`ProgramTable.executable`).
///
/// - Shells and tools: `busybox` (its applets by the name it is called by, its shell as `sh` and `ash`), `sh` and `dash`
///   (Debian's shell), `bash`, `coreutils` (GNU's words for the same applets, by the name it is called by), `curl`,
///   `apk`, `apt-get`, `gosu` (also su-exec), `docker-init` (tini).
/// - Servers and their clients: `nginx`, `httpd`, `redis-server`, `redis-cli`, `postgres`, `psql`, `pg_isready`,
///   `registry`, `whoami` (traefik/whoami).
/// - Languages: `python`, `node`. And `hello`.
public func standardPrograms() -> ProgramTable {
  var table = ProgramTable()
  table.register("busybox", AppletProgram(isBusybox: true))
  table.register("coreutils", AppletProgram(isBusybox: false))
  table.register("sh", ShellProgram(dialect: .dash))
  table.register("dash", ShellProgram(dialect: .dash))
  table.register("bash", ShellProgram(dialect: .bash))
  table.register("curl", AppletProgram(isBusybox: false, fixed: "curl"))
  table.register("aws", AppletProgram(isBusybox: false, fixed: "aws"))
  table.register("apk", AppletProgram(isBusybox: true, fixed: "apk"))
  table.register("apt-get", AppletProgram(isBusybox: false, fixed: "apt-get"))
  table.register("gosu", GosuProgram())
  table.register("docker-init", InitProgram())
  table.register("hello", HelloProgram())
  table.register("nginx", NginxProgram())
  table.register("httpd", HttpdProgram())
  table.register("redis-server", RedisServerProgram())
  table.register("redis-cli", RedisCLIProgram())
  table.register("postgres", PostgresProgram())
  table.register("initdb", InitdbProgram())
  table.register("psql", PsqlProgram())
  table.register("pg_isready", PgIsReadyProgram())
  table.register("registry", RegistryProgram())
  table.register("whoami", WhoamiProgram())
  table.register("python", PythonProgram())
  table.register("node", NodeProgram())
  return table
}
