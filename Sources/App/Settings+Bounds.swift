import Gateway

extension Settings {
    /// How many connections are there beside those of requests and questions: for access tokens.
    static let tokenConnectionsMax = 100

    /// How many are there for what goes elsewhere: letters, and callbacks that are sent to ourselves.
    static let otherConnectionsMax = 40

    /// How many connections to the outside there may be: one for each place, so that nothing waits for one.
    var connectionsMax: Int {
        bounds.requests.placesMax + bounds.questions.placesMax + Settings.tokenConnectionsMax
            + Settings.otherConnectionsMax
    }
}
