/// Bytes of M-Pesa's about a record: a callback as it was sent, committed before it was acknowledged, or the answer to
/// the record's own request, where that could not be read or committed at once.
package struct ReceivedCallback: Sendable, Equatable {
    /// Names it.
    package let id: CallbackID
    /// Whose record it is for: from the token in its path, which was checked.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// The record it is for.
    package let record: RecordID
    /// The callback's name in the operation kind, such as `result`; or which sending of the request this is about.
    package let name: String
    /// When it came.
    package let receivedAt: Timestamp
    /// The raw body, untouched.
    package let body: [UInt8]
    /// The sender's address.
    package let address: String?
    /// How often its plugin has been given it.
    package var attempts: Int
    /// The HTTP status of an answer; nil for a callback.
    package let status: Int?

    /// Where the bytes came from.
    package var source: Evidence.Source { status == nil ? .callback(name) : .reply }

    /// The name of what M-Pesa answered to the nth sending of a request: no callback's, those begin with a letter.
    package static func answerName(toSending attempt: Int) -> String { "*answer-\(attempt)" }
    /// The name of the host's own word that a record's newest sending never left; the body says why.
    package static func unsentName(of record: Record) -> String {
        "*unsent-\(record.attempts)" + (record.resentAt.map { "-\($0.milliseconds)" } ?? "")
    }
    /// Whether it is the host's own word that nothing left.
    package var isUnsent: Bool { name.hasPrefix("*unsent") }
    /// The sending that it is about: that of an answer, or of what never left; nil for a callback.
    package var sending: Int? {
        guard name.hasPrefix("*") else { return nil }
        return part(1).flatMap { Int($0) } ?? 1
    }
    /// Whether it is about the newest sending of a record.
    package func isOfSending(of record: Record) -> Bool {
        sending == record.attempts && part(2).flatMap { Int64($0) } == record.resentAt?.milliseconds
    }

    private func part(_ index: Int) -> Substring? {
        let parts = name.split(separator: "-")
        return index < parts.count ? parts[index] : nil
    }

    /// The same, as if it had come no later than at a moment: a clock that was set back was ahead when it came.
    package func received(by moment: Timestamp) -> ReceivedCallback {
        ReceivedCallback(
            id: id,
            organization: organization,
            environment: environment,
            record: record,
            name: name,
            receivedAt: min(receivedAt, moment),
            body: body,
            address: address,
            attempts: attempts,
            status: status
        )
    }

    /// Makes a callback as it was received.
    package init(
        id: CallbackID,
        organization: OrganizationID,
        environment: Environment,
        record: RecordID,
        name: String,
        receivedAt: Timestamp,
        body: [UInt8],
        address: String?,
        attempts: Int = 0,
        status: Int? = nil
    ) {
        self.id = id
        self.organization = organization
        self.environment = environment
        self.record = record
        self.name = name
        self.receivedAt = receivedAt
        self.body = body
        self.address = address
        self.attempts = attempts
        self.status = status
    }
}

/// A place in the order in which callbacks came.
package struct CallbackPlace: Sendable, Equatable {
    /// When it came.
    package let receivedAt: Timestamp
    /// Which of those that came then.
    package let id: CallbackID

    /// The place of a callback.
    package init(_ callback: ReceivedCallback) {
        receivedAt = callback.receivedAt
        id = callback.id
    }
}

/// What became of a callback that changed no record.
package enum CallbackEnd: String, Sendable {
    /// It said nothing new.
    case ignored
    /// The plugin says it is not for this record.
    case notMine = "not_mine"
    /// The plugin failed on it too often; a person must look.
    case quarantined
    /// There is no such record.
    case orphaned
}

/// The inbox of callbacks: first the raw bytes, durably; what they mean comes after the acknowledgement.
package protocol CallbackRepository: Sendable {
    /// Keeps a callback, once: the same id again changes nothing. Returns once it is durable.
    func receive(_ callback: ReceivedCallback) async throws(GatewayError)

    /// Counts an attempt, before the plugin is given the bytes, so that bytes that kill the process are counted too.
    /// - Returns: The attempts so far, this one included.
    func countAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError) -> Int

    /// Takes back an attempt that came to nothing for another reason than the bytes.
    func forgiveAttempt(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError)

    /// Ends a callback that changed nothing. One that did is ended by the change itself (`settledCallback`).
    func end(
        _ id: CallbackID,
        organization: OrganizationID,
        as end: CallbackEnd,
        at: Timestamp
    ) async throws(GatewayError)

    /// Ends a callback that the plugin's version of this digest could not read, until another serves.
    func quarantine(
        _ id: CallbackID,
        organization: OrganizationID,
        digest: String,
        at: Timestamp
    ) async throws(GatewayError)

    /// Callbacks of any organization that no version could read so far, and the digest that tried last. Oldest first,
    /// from behind a place. For the inbox itself only.
    func quarantined(
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [(callback: ReceivedCallback, digest: String)]

    /// Gives a callback back to be tried anew.
    func reopen(_ id: CallbackID, organization: OrganizationID) async throws(GatewayError)

    /// Callbacks of any organization that were kept before `before` and never ended: a crash left them, or their
    /// record was not there yet. Oldest first, from behind a place. For the inbox itself only.
    func unsettled(
        before: Timestamp,
        after place: CallbackPlace?,
        limit: Int
    ) async throws(GatewayError) -> [ReceivedCallback]
}

extension CallbackRepository {
    /// The oldest.
    package func quarantined(
        limit: Int
    ) async throws(GatewayError) -> [(callback: ReceivedCallback, digest: String)] {
        try await quarantined(after: nil, limit: limit)
    }

    /// The oldest.
    package func unsettled(before: Timestamp, limit: Int) async throws(GatewayError) -> [ReceivedCallback] {
        try await unsettled(before: before, after: nil, limit: limit)
    }
}
