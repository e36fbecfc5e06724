import Shell

#if canImport(Glibc)
  import Glibc
#endif

// `drydock` alone is the REPL; the first word chooses otherwise: a docker command goes to a daemon.
Launch.prepare()
let words = Array(CommandLine.arguments.dropFirst())
if Launch.isOneShot(words) { exit(Launch.oneShot(words)) }
Drydock.main()
