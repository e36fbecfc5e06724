import Runtime
func standardPrograms() -> ProgramTable {
  var t = ProgramTable()
  t.register("busybox", T())
  return t
}
struct T: SimProgram {
  func main(_ process: any SimProcess) async throws -> Int32 {
    try await process.write(1, Array((process.arguments.joined(separator: " ") + "\n").utf8))
    return 0
  }
}
