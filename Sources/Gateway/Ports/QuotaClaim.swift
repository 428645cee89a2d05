/// Where it is counted what organizations use of their quotas.
package protocol QuotaRepository: Sendable {
    /// How much of a month is used; 0 where nothing is.
    func used(_ place: QuotaPlace) async throws(GatewayError) -> Int
    /// Everything that an organization has used in a month, by what is counted.
    func used(of organization: OrganizationID, in month: Month) async throws(GatewayError) -> [String: Int]
    /// Takes units before they are used, with the notes of what that reaches.
    ///
    /// - Returns: What is taken then; nil when there are not so many left, and nothing was taken.
    func take(_ claim: QuotaClaim) async throws(GatewayError) -> Int?
    /// Gives units back that were taken and not used.
    func giveBack(_ units: Int, to place: QuotaPlace) async throws(GatewayError)
    /// Appends an audit line, and counts a use, in one commit with a claim.
    ///
    /// - Returns: What is used then; nil when the quota is spent, and nothing was written.
    func append(
        _ line: AuditRecord,
        usage: [UsageRecord],
        taking claim: QuotaClaim
    ) async throws(GatewayError) -> Int?
    /// Appends an audit line, and counts uses, in one commit with what is given back of a claim: nothing came of it.
    func append(
        _ line: AuditRecord,
        usage: [UsageRecord],
        givingBack claim: QuotaClaim
    ) async throws(GatewayError)
}

/// What is counted: an organization's month of one kind of use.
package struct QuotaPlace: Sendable, Hashable {
    /// Whose.
    package let organization: OrganizationID
    /// `money`, `administration` or a bucket.
    package let counted: String
    /// When.
    package let month: Month

    /// Names a place.
    package init(organization: OrganizationID, counted: String, month: Month) {
        self.organization = organization
        self.counted = counted
        self.month = month
    }
}

/// A use that a commit counts, or refuses.
package struct QuotaClaim: Sendable {
    /// What it counts for.
    package let place: QuotaPlace
    /// How much it is; at least 1.
    package let units: Int
    /// How much the month has.
    package let limit: Int
    /// The lines of what the month may reach by it, each written once.
    package let notes: [Note]

    /// A line for whoever must know that so much of a quota is used.
    package struct Note: Sendable {
        /// In hundredths of the limit.
        package let percent: Int
        /// Written in the commit that reaches it.
        package let line: AuditRecord
        /// Told in the same.
        package let event: FeedEvent
    }

    /// How much of a limit is told of, in hundredths.
    package static let told = [80, 100]

    /// Claims a use; `call` is what it is part of, or none.
    package init(_ place: QuotaPlace, units: Int = 1, limit: Int, call: CallID? = nil, _ entropy: Entropy) {
        self.place = place
        self.units = units
        self.limit = limit
        notes = QuotaClaim.told.map { percent in
            let id = entropy.identifier()
            let line = AuditRecord(
                id: id,
                organization: place.organization,
                at: entropy.now(),
                call: call ?? CallID(id),
                subject: "host",
                action: "QUOTA_REACHED",
                door: "host",
                outcome: .success,
                detail: """
                    {"counted":"\(place.counted)","month":"\(place.month)","percent":\(percent),"limit":\(limit)}
                    """
            )
            let event = FeedEvent.reached(percent, of: place, limit: limit, at: line.at)
            return Note(percent: percent, line: line, event: event)
        }
    }

    /// The notes that so much use reaches and that have not been written.
    package func reached(by used: Int, noted: Int) -> [Note] {
        notes.filter { noted < $0.percent && used * 100 >= limit * $0.percent }
    }

    /// The refusal of a use past the limit.
    package static func spent(_ place: QuotaPlace, limit: Int, now: Timestamp) -> GatewayError {
        GatewayError(
            .rateLimited,
            "The plan's \(limit) \(place.counted) calls of \(place.month) are used up. Change the plan to go on before then.",
            retryAfter: max(.seconds(1), place.month.end - now)
        )
    }
}
