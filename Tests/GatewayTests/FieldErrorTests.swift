import Gateway
import Testing

struct `A wrong field in a line` {
    @Test(arguments: [
        ("/amount", "amount: expected at least 1.", "/amount: expected at least 1."),
        ("/party/0/name", "name: expected a name.", "/party/0/name: expected a name."),
        ("/types/0", "types[0]: expected a text.", "/types/0: expected a text."),
        ("/amount", "expected at least 1.", "/amount: expected at least 1."),
        ("/amount", "amounts are whole.", "/amount: amounts are whole."),
        ("", "expected an object.", ": expected an object."),
    ])
    func `is named once`(pointer: String, message: String, line: String) {
        #expect(GatewayError.FieldError(pointer: pointer, message: message).line == line)
    }
}
