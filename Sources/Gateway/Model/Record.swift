import OrderedJSON

/// A transaction or an exchange: its intent, what has been learned of it, and what the host does next.
///
/// A value; its copies share what they have until one is changed, because a record is handed on dozens of times in a call,
/// and every function that waits keeps some.
package struct Record: Sendable, Equatable, CustomStringConvertible {
    /// What it has.
    private struct Values: Sendable, Equatable {
        let id: RecordID
        let organization: OrganizationID
        let environment: Environment
        let recordClass: RecordClass
        let plugin: String
        let operation: String
        let tool: String
        let direction: OperationDirection
        let madeBy: String
        let intent: Intent
        let about: RecordID?
        let createdAt: Timestamp
        let query: QueryPlan?
        let account: String
        let accountName: AccountName
        var isByAgent: Bool = false
        var sendBefore: Timestamp
        var request: RequestTemplate
        var state: RecordState
        var version: Int
        var externalIDs: [String: String] = [:]
        var receipt: String?
        var code: String?
        var meaning: String?
        var whoseMove: String?
        var chargeAgain: String?
        var data: JSON?
        var attempts: Int = 0
        var resentAt: Timestamp?
        var queries: Int = 0
        var answers: Int = 0
        var countedIn: Month?
        var hasArrived: Bool = false
        var isUnaskable: Bool = false
        var resend: Evidence.Verdict?
        var releasedAt: Timestamp?
        var sentAt: Timestamp?
        var updatedAt: Timestamp
        var endedAt: Timestamp?
        var countedAt: Timestamp?
        var feeCents: Int64?
        var isCountedByUs: Bool = false
        var nextActionAt: Timestamp?
        var disputes: [Dispute] = []
        var closedDisputes: [Dispute] = []
        var limited: LimitMark?
        var resolution: Resolution?
        var hold: Hold?
        var batch: BatchPlace?
        var reversals: [ReversalMark] = []
        var isDamaged: Bool = false
    }

    /// Where that stands: changed by whoever alone holds it.
    private final class Place: @unchecked Sendable {
        var values: Values

        init(_ values: Values) { self.values = values }
    }

    private var place: Place

    /// The place, with a copy of what stands there where others hold it too.
    private mutating func own() -> Place {
        if !isKnownUniquelyReferenced(&place) { place = Place(place.values) }
        return place
    }

    /// Whether both have the same, wherever it stands.
    package static func == (left: Record, right: Record) -> Bool {
        left.place === right.place || left.place.values == right.place.values
    }

    /// All of it, for tests.
    package var description: String { "\(place.values)" }

    /// Names it.
    package var id: RecordID { place.values.id }
    /// Whose it is.
    package var organization: OrganizationID { place.values.organization }
    /// Which M-Pesa.
    package var environment: Environment { place.values.environment }
    /// Moves money, or asks.
    package var recordClass: RecordClass { place.values.recordClass }
    /// The plugin that understands it.
    package var plugin: String { place.values.plugin }
    /// The plugin's kind, such as `stk_push`.
    package var operation: String { place.values.operation }
    /// The tool that made it; empty for what the sweeper made.
    package var tool: String { place.values.tool }
    /// `in`, `out`, `reverse` or `none`.
    package var direction: OperationDirection { place.values.direction }
    /// Who asked for it: `user:<id>`, `key:<id>` or `host`.
    package var madeBy: String { place.values.madeBy }
    /// What was asked.
    package var intent: Intent { place.values.intent }
    /// The transaction an exchange asks about.
    package var about: RecordID? { place.values.about }
    /// When it was committed.
    package var createdAt: Timestamp { place.values.createdAt }
    /// How the host asks about it, as its kind said when it was made, so that a later generation changes nothing.
    package var query: QueryPlan? { place.values.query }
    /// The short code that it acts for; empty for records made before this was kept.
    package var account: String { place.values.account }
    /// Which of the organization's accounts it acts for, whatever becomes of the default one.
    package var accountName: AccountName { place.values.accountName }
    /// Whether an agent asked for it.
    package var isByAgent: Bool {
        get { place.values.isByAgent }
        set { own().values.isByAgent = newValue }
    }
    /// Never sent after this.
    ///
    /// Moves on when the same request may be sent again.
    package var sendBefore: Timestamp {
        get { place.values.sendBefore }
        set { own().values.sendBefore = newValue }
    }
    /// The request, for sending and for sending again.
    package var request: RequestTemplate {
        get { place.values.request }
        set { own().values.request = newValue }
    }
    /// Where it stands.
    package var state: RecordState {
        get { place.values.state }
        set { own().values.state = newValue }
    }
    /// Counts up with each committed change.
    package var version: Int {
        get { place.values.version }
        set { own().values.version = newValue }
    }
    /// M-Pesa's ids, by namespace.
    package var externalIDs: [String: String] {
        get { place.values.externalIDs }
        set { own().values.externalIDs = newValue }
    }
    /// M-Pesa's receipt.
    package var receipt: String? {
        get { place.values.receipt }
        set { own().values.receipt = newValue }
    }
    /// M-Pesa's result code.
    package var code: String? {
        get { place.values.code }
        set { own().values.code = newValue }
    }
    /// What the code means.
    package var meaning: String? {
        get { place.values.meaning }
        set { own().values.meaning = newValue }
    }
    /// Who must act.
    package var whoseMove: String? {
        get { place.values.whoseMove }
        set { own().values.whoseMove = newValue }
    }
    /// Whether charging again is safe: `yes`, `no`, `wait`, `check_first`.
    package var chargeAgain: String? {
        get { place.values.chargeAgain }
        set { own().values.chargeAgain = newValue }
    }
    /// An exchange's answer.
    package var data: JSON? {
        get { place.values.data }
        set { own().values.data = newValue }
    }
    /// How often the request was sent.
    package var attempts: Int {
        get { place.values.attempts }
        set { own().values.attempts = newValue }
    }
    /// When the newest sending was begun, but for the first of what was not held.
    ///
    /// With `attempts` it names one sending: of two that were begun one after another, only one may have left.
    package var resentAt: Timestamp? {
        get { place.values.resentAt }
        set { own().values.resentAt = newValue }
    }
    /// How often the host has asked about it.
    package var queries: Int {
        get { place.values.queries }
        set { own().values.queries = newValue }
    }
    /// How many of its questions M-Pesa answered with something that can be read.
    package var answers: Int {
        get { place.values.answers }
        set { own().values.answers = newValue }
    }
    /// The month whose quota of money it was counted in; nil where there is no quota, and once that was given back.
    package var countedIn: Month? {
        get { place.values.countedIn }
        set { own().values.countedIn = newValue }
    }
    /// Whether anything that M-Pesa said shows that it has the request.
    package var hasArrived: Bool {
        get { place.values.hasArrived }
        set { own().values.hasArrived = newValue }
    }
    /// Whether its plugin has nothing to ask by, as long as no id of M-Pesa's is known.
    package var isUnaskable: Bool {
        get { place.values.isUnaskable }
        set { own().values.isUnaskable = newValue }
    }
    /// Why the same request may be sent again, while it waits for that.
    package var resend: Evidence.Verdict? {
        get { place.values.resend }
        set { own().values.resend = newValue }
    }
    /// From when on its guards and derived key no longer count, although it has not ended or was sent.
    package var releasedAt: Timestamp? {
        get { place.values.releasedAt }
        set { own().values.releasedAt = newValue }
    }
    /// When the request was sent first; nil means that no byte has left.
    package var sentAt: Timestamp? {
        get { place.values.sentAt }
        set { own().values.sentAt = newValue }
    }
    /// The last committed change.
    package var updatedAt: Timestamp {
        get { place.values.updatedAt }
        set { own().values.updatedAt = newValue }
    }
    /// When it ended.
    package var endedAt: Timestamp? {
        get { place.values.endedAt }
        set { own().values.endedAt = newValue }
    }
    /// The moment by which it is counted: when M-Pesa says that the money moved, else when it ended.
    ///
    /// It is fixed with the end that is counted, and stays where a clock is set back and where the money is given back.
    package var countedAt: Timestamp? {
        get { place.values.countedAt }
        set { own().values.countedAt = newValue }
    }
    /// Whether all of it has gone back, and it is counted where our own clock had its success.
    package var isCountedByUs: Bool {
        get { place.values.isCountedByUs }
        set { own().values.isCountedByUs = newValue }
    }
    /// What M-Pesa took for it, in cents, where M-Pesa stated that as it ended.
    package var feeCents: Int64? {
        get { place.values.feeCents }
        set { own().values.feeCents = newValue }
    }
    /// What the sweeper looks for: nothing happens to the record by itself before this.
    package var nextActionAt: Timestamp? {
        get { place.values.nextActionAt }
        set { own().values.nextActionAt = newValue }
    }
    /// Contradictions that a person should look at, the oldest first.
    package var disputes: [Dispute] {
        get { place.values.disputes }
        set { own().values.disputes = newValue }
    }
    /// Those that a person has cleared up, or that turned out to be none, the oldest first; said again they are disputes again.
    package var closedDisputes: [Dispute] {
        get { place.values.closedDisputes }
        set { own().values.closedDisputes = newValue }
    }
    /// Where it was counted against the organization's limits, once it was let leave.
    package var limited: LimitMark? {
        get { place.values.limited }
        set { own().values.limited = newValue }
    }
    /// What a person said of it, where M-Pesa stated no outcome, or contradicted what is known.
    package var resolution: Resolution? {
        get { place.values.resolution }
        set { own().values.resolution = newValue }
    }
    /// What keeps it from being sent, or kept it; nil for what is sent as it is committed.
    package var hold: Hold? {
        get { place.values.hold }
        set { own().values.hold = newValue }
    }
    /// Its place in a batch; nil for a payment of its own.
    package var batch: BatchPlace? {
        get { place.values.batch }
        set { own().values.batch = newValue }
    }
    /// The reversals of it that were begun, the oldest first.
    package var reversals: [ReversalMark] {
        get { place.values.reversals }
        set { own().values.reversals = newValue }
    }
    /// Whether part of what the store holds of it could not be read: what is left of it is what is looked for and summed up.
    ///
    /// It is never sent. What is known of it otherwise ends it: M-Pesa's word, a person's, or that it had not left.
    package var isDamaged: Bool {
        get { place.values.isDamaged }
        set { own().values.isDamaged = newValue }
    }
    /// Whether there are any.
    package var isDisputed: Bool { !disputes.isEmpty }

    /// Makes a record as it is first committed.
    package init(
        id: RecordID,
        organization: OrganizationID,
        environment: Environment,
        recordClass: RecordClass,
        plugin: String,
        operation: String,
        tool: String,
        direction: OperationDirection,
        madeBy: String,
        intent: Intent,
        about: RecordID?,
        createdAt: Timestamp,
        query: QueryPlan?,
        sendBefore: Timestamp,
        account: String = "",
        accountName: AccountName = .main,
        request: RequestTemplate,
        state: RecordState = .created
    ) {
        place = Place(
            Values(
                id: id,
                organization: organization,
                environment: environment,
                recordClass: recordClass,
                plugin: plugin,
                operation: operation,
                tool: tool,
                direction: direction,
                madeBy: madeBy,
                intent: intent,
                about: about,
                createdAt: createdAt,
                query: query,
                account: account,
                accountName: accountName,
                sendBefore: sendBefore,
                request: request,
                state: state,
                version: 1,
                updatedAt: createdAt
            )
        )
    }
}
