import OrderedJSON

/// What is asked, of whom, for how much: fixed when the record is made.
package struct Intent: Sendable, Equatable {
    /// Whole shillings; nil for an exchange without an amount.
    package var amount: Shillings?
    /// The other side: a phone number in the form 2547XXXXXXXX, or a short code.
    package var party: String?
    /// The organization's own reference.
    package var reference: String?
    /// For people.
    package var description: String?
    /// The transaction this one reverses.
    package var original: RecordID?

    /// Makes an intent.
    package init(
        amount: Shillings? = nil,
        party: String? = nil,
        reference: String? = nil,
        description: String? = nil,
        original: RecordID? = nil
    ) {
        self.amount = amount
        self.party = party
        self.reference = reference
        self.description = description
        self.original = original
    }
}

/// The request as the plugin wrote it: without secrets and callback addresses, which are filled in when it is sent.
package struct RequestTemplate: Sendable, Equatable {
    /// Additional headers.
    package var headers: [String: String]
    /// The body.
    package var body: JSON

    /// Makes a template.
    package init(headers: [String: String] = [:], body: JSON) {
        self.headers = headers
        self.body = body
    }
}
