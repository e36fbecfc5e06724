// `drydock` alone is the REPL; the first word chooses otherwise.
Drydock.main()
