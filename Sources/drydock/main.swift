import Shell

// `drydock` alone is the REPL; the first word chooses otherwise.
Launch.prepare()
if let refusal = Launch.oneShotRefusal(Array(CommandLine.arguments.dropFirst())) { Launch.fail(refusal) }
Drydock.main()
