import ArgumentParser
#if canImport(Glibc)
  import Glibc
#endif

// `drydock` alone is the REPL; the first word chooses otherwise.
setlinebuf(stdout)
Drydock.main()
