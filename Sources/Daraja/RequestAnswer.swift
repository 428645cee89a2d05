import OrderedJSON

/// What the `ResponseCode` of an answer says of the request.
public enum RequestAnswer: Sendable, Hashable {
    /// It was taken.
    case taken
    /// It was refused.
    case refused
    /// Nothing that may be relied on: there is no code, it is no number, or it is HTTP's word for success.
    case unclear

    /// Reads an answer.
    public init(_ body: JSON) { self.init(code: WireText.code(body["ResponseCode"])) }

    /// Reads a code that was read by value: `0`, `0.0`, `00000000` and `" 0"` are all the number 0.
    init(code: String?) {
        guard let number = code.flatMap({ Int64($0) }) else {
            self = .unclear
            return
        }
        self = number == 0 ? .taken : number < 0 || (200..<300).contains(number) ? .unclear : .refused
    }
}
