/// What one execution of the runtime was asked for.
struct Invocation {
  var verb: String
  var rest: [String]

  init(_ arguments: [String]) throws(Failure) {
    guard arguments.count > 1 else { throw Failure("no command given") }
    verb = arguments[1]
    rest = Array(arguments.dropFirst(2))
  }
}
