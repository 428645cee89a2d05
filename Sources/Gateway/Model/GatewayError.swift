/// The one error of the house: what the caller may know, and apart from it what only the log may.
///
/// Doors translate it once: to a problem document in REST, to a JSON-RPC error or a failed tool result in MCP.
package struct GatewayError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed list of causes a client can act on.
    package enum Code: String, Sendable, CaseIterable {
        /// The request is no JSON, or not of the form the door expects.
        case malformedRequest = "malformed_request"
        /// A body, header or answer is larger than its limit.
        case tooLarge = "too_large"
        /// No credential, or one that is unknown, expired, forged or revoked.
        case unauthenticated
        /// The credential may not do this: role, scope, plan or a closed organization.
        case permissionDenied = "permission_denied"
        /// The organization's subscription or state does not allow calls.
        case organizationSuspended = "organization_suspended"
        /// There is no such tool, record or route, or it belongs to somebody else.
        case notFound = "not_found"
        /// The route exists, with another method.
        case methodNotAllowed = "method_not_allowed"
        /// A limit per time is spent; `retryAfter` says when to come again.
        case rateLimited = "rate_limited"
        /// An argument is wrong; `errors` name the fields.
        case invalidArgument = "invalid_argument"
        /// An amount or count is outside a limit.
        case limitExceeded = "limit_exceeded"
        /// The organization lacks a setting or credential that this needs.
        case notConfigured = "not_configured"
        /// The same idempotency key came with other arguments.
        case idempotencyKeyReused = "idempotency_key_reused"
        /// A call with the same idempotency key is still under way.
        case idempotencyInProgress = "idempotency_in_progress"
        /// The organization requires an idempotency key for this.
        case idempotencyKeyRequired = "idempotency_key_required"
        /// Another open record stands in the way; the message says which and how long.
        case conflict
        /// What was to be changed has been changed since the caller read it: read it again.
        case staleVersion = "stale_version"
        /// Somebody who was asked declined this call; nothing was sent, and its key stays taken.
        case approvalDeclined = "approval_declined"
        /// Nobody approved this call in time; nothing was sent, and its key stays taken.
        case approvalExpired = "approval_expired"
        /// This call was held and then withdrawn; nothing was sent, and its key stays taken.
        case withdrawn
        /// M-Pesa refused the request; nothing was moved.
        case upstreamRejected = "upstream_rejected"
        /// M-Pesa could not be reached and nothing was sent, or it was too busy to look.
        case upstreamUnavailable = "upstream_unavailable"
        /// The host or the plugin cannot do this.
        case notSupported = "not_supported"
        /// The plugin failed or broke a rule.
        case pluginFailed = "plugin_failed"
        /// The caller did not wait, or the time for the call ran out.
        case deadlineExceeded = "deadline_exceeded"
        /// The store, or another part the call needs, is not available now.
        case unavailable
        /// A fault of the house; the call id finds it in the log.
        case internalFault = "internal_fault"
    }

    /// One wrong field.
    package struct FieldError: Sendable, Equatable {
        /// JSON Pointer into the arguments, such as `/phone_number`.
        package let pointer: String
        /// What was expected, and what to do.
        package let message: String

        /// Names a field and what was expected of it.
        package init(pointer: String, message: String) {
            self.pointer = pointer
            self.message = message
        }

        /// Both in one line, in which the field is named once: messages often begin with its name.
        package var line: String {
            let tokens = pointer.split(separator: "/")
            var names = tokens.suffix(1).map { $0 + ": " }
            if tokens.count > 1 { names.append("\(tokens[tokens.count - 2])[\(tokens[tokens.count - 1])]: ") }
            let name = names.first { message.hasPrefix($0) } ?? ""
            return "\(pointer): " + message.dropFirst(name.count)
        }
    }

    /// What it has.
    private struct Values: Sendable, Equatable {
        let code: Code
        let message: String
        let errors: [FieldError]
        let detail: String?
        let retryAfter: Duration?
        let record: RecordID?
        var scopes: [String] = []
        var isAboutCall: Bool = false
        var needsPerson: Bool = false
        var chargeAgain: String?
        var isOutcomeUnknown: Bool = false
        var attempted: Attempted?
    }

    /// Where that stands: changed by whoever alone holds it.
    private final class Place: @unchecked Sendable {
        var values: Values

        init(_ values: Values) { self.values = values }
    }

    /// By reference: whatever may throw an error has room for one wherever it waits.
    private var place: Place

    private mutating func own() -> Place {
        if !isKnownUniquelyReferenced(&place) { place = Place(place.values) }
        return place
    }

    /// Whether both say the same.
    package static func == (left: GatewayError, right: GatewayError) -> Bool {
        left.place === right.place || left.place.values == right.place.values
    }

    /// All of it, for logs and tests.
    package var description: String { "\(place.values)" }

    /// The cause, from a closed list.
    package var code: Code { place.values.code }
    /// A sentence for the caller.
    package var message: String { place.values.message }
    /// The wrong fields, when there are any.
    package var errors: [FieldError] { place.values.errors }
    /// For the log only; never leaves the house, and carries no secret either.
    package var detail: String? { place.values.detail }
    /// How long the caller should wait before trying again.
    package var retryAfter: Duration? { place.values.retryAfter }
    /// The record that stands in the way or already answers, when there is one.
    package var record: RecordID? { place.values.record }
    /// All scopes that are needed, where the credential lacks any and that is the only thing in the way.
    package var scopes: [String] {
        get { place.values.scopes }
        set { own().values.scopes = newValue }
    }
    /// Whether what is wrong is what a door adds to a tool's arguments, not the arguments: MCP answers it as -32602.
    package var isAboutCall: Bool {
        get { place.values.isAboutCall }
        set { own().values.isAboutCall = newValue }
    }
    /// Whether the caller would have to put a question to a person, and cannot.
    package var needsPerson: Bool {
        get { place.values.needsPerson }
        set { own().values.needsPerson = newValue }
    }
    /// Whether charging again is safe, where that is known: `no`.
    package var chargeAgain: String? {
        get { place.values.chargeAgain }
        set { own().values.chargeAgain = newValue }
    }
    /// Whether what was asked for may have been done all the same, or may still be.
    package var isOutcomeUnknown: Bool {
        get { place.values.isOutcomeUnknown }
        set { own().values.isOutcomeUnknown = newValue }
    }
    /// Whom a credential that was refused names; for the audit alone.
    package var attempted: Attempted? {
        get { place.values.attempted }
        set { own().values.attempted = newValue }
    }

    /// Somebody whom a refused credential names: they exist, and it was not proved that they called.
    package struct Attempted: Sendable, Hashable {
        /// Whose.
        package let organization: OrganizationID
        /// As audit shows subjects.
        package let subject: String

        /// States whom.
        package init(organization: OrganizationID, subject: String) {
            self.organization = organization
            self.subject = subject
        }
    }

    /// Makes an error; only `code` and `message` are always told to the caller.
    package init(
        _ code: Code,
        _ message: String,
        errors: [FieldError] = [],
        detail: String? = nil,
        retryAfter: Duration? = nil,
        record: RecordID? = nil
    ) {
        place = Place(
            Values(
                code: code,
                message: message,
                errors: errors,
                detail: detail,
                retryAfter: retryAfter,
                record: record
            )
        )
    }

    /// The same, of what a door adds to a tool's arguments.
    package var aboutCall: GatewayError {
        var error = self
        error.isAboutCall = true
        return error
    }

    /// The same, with whom the credential named.
    package func naming(_ organization: OrganizationID, _ subject: String) -> GatewayError {
        var error = self
        error.attempted = Attempted(organization: organization, subject: subject)
        return error
    }

    /// An argument of the host's own is wrong: its name, and what was expected.
    package static func wrong(_ name: String, _ message: String) -> GatewayError {
        let message = "\(name): \(message)"
        return GatewayError(.invalidArgument, message, errors: [.init(pointer: "/" + name, message: message)])
    }

    /// A look-up has found nothing: somebody else's is told in the same words.
    ///
    /// It is no proof of anything, and says what is safe to do.
    static let noTransaction = GatewayError(
        .notFound,
        """
        There is no transaction with this id. Check the id and the environment. It does not prove that no money moved: a call \
        that got no answer is made again with the same idempotency key, which shows its payment, or makes it once.
        """
    )

    /// A fault of the house, with what the log should know.
    package static func fault(_ detail: String) -> GatewayError {
        GatewayError(
            .internalFault,
            "Something failed inside the gateway. Quote the request id to whoever runs it.",
            detail: detail
        )
    }
}

extension GatewayError {
    /// Whether a refusal means that what its caller has begun may not go on: not that the store does not answer now.
    package var endsWork: Bool {
        switch code {
        case .unauthenticated, .permissionDenied, .organizationSuspended, .notFound: true
        default: false
        }
    }
}
