import Logging
import OrderedJSON

/// Tells people by mail that they are asked, that the time is nearly over, what was decided, that rules are to be
/// loosened, and that nothing arrives at a receiver of theirs.
///
/// It reads the feed: a process that ends before a letter left leaves it to the next, which may tell somebody twice. A
/// letter names the payment by its id, its tool and its amount, and nobody's number.
package struct ApprovalLetters: Sendable {
    /// What bounds it.
    package struct Settings: Sendable {
        /// How often it looks for more.
        ///
        /// Default 2 s.
        package var every: Duration = .seconds(2)
        /// How many events it reads at a time.
        ///
        /// Default 500.
        package var batchMax = 500
        /// How many people are told of one thing at most.
        ///
        /// Default 20.
        package var peopleMax = 20

        /// The defaults.
        package init() {}
    }

    /// The name of its place in the feed.
    static let reader = "approval-letters"

    let mailer: any Mailer
    let feed: any FeedRepository
    let records: any RecordRepository
    let batches: any BatchRepository
    let directory: any DirectoryRepository
    let entropy: Entropy
    let logger: Logger
    let settings: Settings
    let base: String

    /// Reads until cancelled.
    package func run() async {
        while !Task.isCancelled {
            do throws(GatewayError) { try await catchUp() } catch {
                logger.warning("letters about approvals wait", metadata: ["reason": "\(error.message)"])
            }
            // Only cancellation ends the sleep early, and the loop's condition sees it.
            try? await entropy.sleep(for: settings.every)
        }
    }

    /// Reads all that there is.
    package func catchUp() async throws(GatewayError) {
        for lane in try await feed.feedLanes() {
            while !Task.isCancelled, try await takeSome(of: lane) {}
        }
    }

    private func takeSome(of lane: Int) async throws(GatewayError) -> Bool {
        let old = try await feed.cursor(of: Self.reader, lane: lane)
        let entries = try await feed.feed(lane: lane, after: old, limit: settings.batchMax)
        guard let last = entries.last else { return false }
        for entry in entries { try await tell(of: entry.event) }
        _ = try await feed.moveCursor(of: Self.reader, lane: lane, from: old, to: last.position)
        return entries.count == settings.batchMax
    }

    private func tell(of event: FeedEvent) async throws(GatewayError) {
        switch event.kind {
        case .batchRequested, .batchPaused, .batchDue: return try await tellOfBatch(event)
        case .batchReleased, .batchCompleted: return try await tellMakerOfBatch(event)
        case .webhookFailing, .webhookDisabled: return try await tellOfWebhook(event)
        default: break
        }
        guard event.kind == .approvalRequested || event.kind == .approvalDue || event.kind == .approvalDecided,
            let id = RecordID(event.subject),
            let environment = event.payload["environment"]?.stringValue.flatMap(Environment.init(rawValue:)),
            let record = try await records.record(id, organization: event.organization, environment: environment),
            let hold = record.hold, let asked = hold.asked
        else { return }
        if event.kind == .approvalDecided { return try await tellMaker(of: record, hold) }
        let isLast = event.kind == .approvalDue
        guard record.state == .draft else { return }
        if asked.isConfirmation { return try await tellToConfirm(record, hold, asked, isLast: isLast) }
        let stillWaits =
            asked.people?.standInAfter == nil
            ? "It waits still, and its time is nearly over."
            : "It waits still: whoever stands in may decide about it now."
        let text = """
            \(isLast ? stillWaits : "A payment waits for you.")

            \(Self.words(for: record))
            Why: \(hold.reason)
            Until: \(hold.until)

            Look at it and decide: GET \(base)/approvals/\(id), then POST \(base)/approvals/\(id)/approve or /decline.

            """
        for user in try await people(of: record, asked, isLast: isLast) {
            await send(to: user, isLast ? "A payment still waits for you" : "A payment waits for you", text)
        }
    }

    /// Whoever asked for it is told what was decided.
    private func tellMaker(of record: Record, _ hold: Hold) async throws(GatewayError) {
        guard let owner = try await owner(of: record),
            let user = try await directory.user(owner, organization: record.organization), user.isActive
        else { return }
        let isGone = record.state == .withdrawn
        let word = hold.confirmation.map { "confirmed by \($0.by)" } ?? "approved"
        let text = """
            \(isGone ? "It was withdrawn, and nothing was sent: \(record.meaning ?? "")" : "It was \(word).")

            \(Self.words(for: record))

            """
        await send(to: user, isGone ? "A payment was withdrawn" : "A payment was \(word)", text)
    }

    static func words(for record: Record) -> String {
        let amount = record.intent.amount.map { "\($0.amount) KES" } ?? "an unknown amount"
        return "\(record.tool), \(amount), \(record.environment.rawValue), transaction \(record.id)."
            + (record.wordsOfUnmoved.map { "\n" + $0 } ?? "")
    }

    /// The person behind a call; nil where nobody is known.
    private func owner(of record: Record) async throws(GatewayError) -> UserID? {
        try await directory.ids(behind: record.madeBy, of: record.organization).first
    }

    /// Who may approve it.
    private func people(of record: Record, _ asked: Hold.Asked, isLast: Bool) async throws(GatewayError) -> [User] {
        let own = try await directory.ids(behind: record.madeBy, of: record.organization)
        let called = try await called(asked.people, Approvers.Call(record, away: []), isLast: isLast)
        return try await users(of: record.organization) { user in
            user.role >= asked.role && user.hasSecondFactor && !own.contains(user.id)
                && called?.contains(user.id) ?? true
        }
    }

    /// Those of whom a rule names that are to be told; nil for everybody.
    ///
    /// Who is away is not; who stands in is, for them and from the moment on at which others have not answered.
    func called(_ people: Approvers?, _ call: Approvers.Call, isLast: Bool) async throws(GatewayError) -> Set<UserID>? {
        guard let people else { return nil }
        let policy = try await directory.organization(call.organization)?.approvals ?? ApprovalPolicy()
        var call = call
        call.away = policy.away(at: entropy.now())
        let unable = try await directory.unable(people, call)
        let told = people.named.subtracting(unable)
        return isLast || !people.named.isDisjoint(with: unable) ? told.union(people.substitutes) : told
    }

    func users(
        of organization: OrganizationID,
        where isWanted: (User) -> Bool
    ) async throws(GatewayError) -> [User] {
        var (found, after) = ([User](), nil as String?)
        while found.count < settings.peopleMax {
            let page = try await directory.users(organization: organization, after: after, limit: 100)
            found += page.filter { $0.isActive && isWanted($0) }
            guard page.count == 100, let last = page.last else { break }
            after = last.username
        }
        return Array(found.prefix(settings.peopleMax))
    }

    /// Tells everybody who may approve that rules are to ask for less.
    package func tellOfRules(_ organization: Organization, _ pending: ApprovalPolicy.Pending) async {
        let text = """
            Rules that ask for less before money leaves \(organization.name) were set by \(pending.by). They hold from \
            \(pending.from) on, or once another administrator agrees.

            Look at them: GET \(base)/approval-rules. An administrator agrees by POST \(base)/approval-rules/agree, or sets \
            others.

            """
        do throws(GatewayError) {
            for user in try await users(of: organization.id, where: { $0.role >= .manager }) {
                await send(to: user, "Rules of payments are to be loosened", text)
            }
        } catch { logger.warning("nobody could be told of pending rules", metadata: ["reason": "\(error.message)"]) }
    }

    /// Tells everybody who may approve that a key is to do more than before.
    package func tellOfKey(_ key: APIKey, _ pending: APIKey.Pending, of organization: Organization) async {
        let text = """
            The key "\(key.name)" of \(organization.name) is to do more than before, as \(pending.by) has set. It does so from \
            \(pending.from) on, or once another administrator agrees.

            Look at it: GET \(base)/admin/keys. An administrator agrees by POST \(base)/admin/keys/\(key.id)/agree, or \
            updates or revokes the key.

            """
        do throws(GatewayError) {
            for user in try await users(of: organization.id, where: { $0.role >= .manager }) {
                await send(to: user, "A key is to do more than before", text)
            }
        } catch { logger.warning("nobody could be told of a key", metadata: ["reason": "\(error.message)"]) }
    }

    /// Tells everybody who may approve that a key is to move more alone.
    func tellOfMandate(_ key: APIKey, _ pending: Mandate.Pending, of organization: Organization) async {
        let terms = pending.terms
        let text = """
            The key "\(key.name)" of \(organization.name) is to pay out and give back without a person, as \(pending.by) has \
            set: up to \(terms.callMax) KES a call and \(terms.dayMax) KES a day, until \(terms.until). It does so from \
            \(pending.from) on, or once another administrator agrees.

            Look at it: GET \(base)/mandates. An administrator agrees by POST \(base)/mandates/\(key.id)/agree; a manager \
            takes it back by DELETE \(base)/mandates/\(key.id).

            """
        do throws(GatewayError) {
            for user in try await users(of: organization.id, where: { $0.role >= .manager }) {
                await send(to: user, "A key is to move money alone", text)
            }
        } catch { logger.warning("nobody could be told of a mandate", metadata: ["reason": "\(error.message)"]) }
    }

    func send(to user: User, _ subject: String, _ text: String) async {
        let state = await mailer.send(Letter(to: user.email, subject: subject, text: Secret(text)))
        if case .failed(let reason) = state {
            logger.warning("a letter was not sent", metadata: ["reason": "\(reason)"])
        }
    }
}
