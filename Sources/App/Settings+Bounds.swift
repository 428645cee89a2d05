import Gateway

extension Settings {
    /// How many connections are there beside those of requests and questions: for access tokens.
    static let tokenConnectionsMax = 100

    /// How many connections to M-Pesa there may be: one for each place, so that nothing waits for one.
    var connectionsMax: Int { bounds.requests.placesMax + bounds.questions.placesMax + Settings.tokenConnectionsMax }

    /// Reads how much may be on its way to M-Pesa.
    ///
    /// - Throws: `invalidArgument` naming the variable and what was expected.
    mutating func readBounds(_ environment: [String: String]) throws(GatewayError) {
        func number(_ name: String, _ range: ClosedRange<Int>) throws(GatewayError) -> Int? {
            guard let text = environment["GATEWAY_" + name], !text.isEmpty else { return nil }
            guard let number = Int(text), range.contains(number) else {
                throw GatewayError(
                    .invalidArgument,
                    "GATEWAY_\(name): expected a whole number, \(range.lowerBound) to \(range.upperBound)."
                )
            }
            return number
        }
        let (requests, questions) = (bounds.requests, bounds.questions)
        bounds.requests.placesMax = try number("REQUESTS_MAX", 1...5_000) ?? requests.placesMax
        bounds.requests.accountPlacesMax =
            try number("REQUESTS_PER_ACCOUNT_MAX", 1...5_000) ?? requests.accountPlacesMax
        if let wait = try number("REQUEST_WAIT_MS", 0...60_000) { bounds.requests.waitMax = .milliseconds(wait) }
        bounds.questions.placesMax = try number("QUESTIONS_MAX", 1...5_000) ?? questions.placesMax
        bounds.questions.accountPlacesMax =
            try number("QUESTIONS_PER_ACCOUNT_MAX", 1...5_000) ?? questions.accountPlacesMax
    }
}
