/// The programs of the simulated images.
///
/// `busybox` (its applets by the name it is called by, its shell as `sh` and `ash`), `sh` and `dash` (Debian's shell),
/// `bash`, `coreutils` (GNU's words for the same applets, by the name it is called by), `docker-init`, `hello`,
/// `nginx`, `redis-server`, `redis-cli`, `postgres`, `initdb`, `psql`, `pg_isready`, `python`, `node`, `registry`,
/// `curl`, `apk`, `apt-get`, and `gosu` (runs a command as a user).
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
  return table
}
