import Gateway

/// What a memory store holds: a value, so that a write that is undone leaves nothing.
struct MemoryTables: Sendable {
    struct RecordRow: Sendable {
        var record: Record
        var events: [RecordEvent]
    }

    /// A name that is one organization's, in one environment.
    struct Name: Hashable, Sendable {
        let organization: OrganizationID
        let environment: Environment
        let text: String

        init(_ organization: OrganizationID, _ environment: Environment, _ text: String) {
            self.organization = organization
            self.environment = environment
            self.text = text
        }

        init(_ record: Record, _ text: String) { self.init(record.organization, record.environment, text) }
    }

    struct Slot: Sendable {
        var record: RecordID
        var until: Timestamp
    }

    struct UniqueRow: Sendable {
        var record: RecordID
        var releasedBy: [RecordState]
    }

    struct CallbackRow: Sendable {
        var callback: ReceivedCallback
        var end: String?
        var digest = ""
    }

    struct OnceRow: Sendable {
        var digest: [UInt8]
        var outcome: String?
        var expiresAt: Timestamp
    }

    var records: [RecordID: RecordRow] = [:]
    var externalIDs: [Name: RecordID] = [:]
    var idempotency: [Name: (claim: IdempotencyClaim, record: RecordID)] = [:]
    var guards: [Name: [Int: Slot]] = [:]
    var unique: [Name: UniqueRow] = [:]
    var receipts: [Name: RecordID] = [:]
    var batches: [BatchName: Batch] = [:]
    /// When those are looked at that were put off.
    var postponed: [BatchName: Timestamp] = [:]
    var callbacks: [CallbackID: CallbackRow] = [:]
    var once: [Name: OnceRow] = [:]
    var audit: [AuditRecord] = []
    var usage: [UsageRecord] = []
    var feed: [FeedEntry] = []
    var cursors: [String: Int64] = [:]
    var rollups: [RollupPlace: RollupSum] = [:]
    var reports: [Identifier: StoredReport] = [:]
    var balances: [ToldBalance] = []
    var webhooks: [WebhookName: WebhookRow] = [:]
    var deliveries: [WebhookName: [Identifier: WebhookDelivery]] = [:]
    var replays: [Identifier: WebhookReplay] = [:]
    var moment: Timestamp?
    var quotas: [QuotaPlace: (used: Int, noted: Int)] = [:]
    var moneyCounts: [LimitPlace: (calls: Int64, amount: Int64)] = [:]
    /// How much of each place's limit was told of, in hundredths.
    var toldOfLimits: [LimitPlace: Int] = [:]
    var keyUses: [APIKeyID: Timestamp] = [:]
    /// Under which key each record was begun, for whoever judges later: a row of `idempotency` changes hands.
    var begunUnder: [RecordID: String] = [:]
    var directory = MemoryDirectory()

    /// A record, where it is this organization's.
    func record(_ id: RecordID, _ organization: OrganizationID, _ environment: Environment) -> Record? {
        guard let found = records[id]?.record, found.organization == organization, found.environment == environment
        else { return nil }
        return found
    }

    /// Records in the order in which they were begun.
    func sorted(where isWanted: (Record) -> Bool) -> [Record] {
        records.values.lazy.map(\.record).filter(isWanted).sorted { $0.id.raw < $1.id.raw }
    }
}

/// Organizations, plans, people and keys.
struct MemoryDirectory: Sendable {
    struct Place: Hashable, Sendable {
        let organization: OrganizationID
        let name: String
    }

    var version: Int64 = 0
    /// By whom what concerns everybody is kept too: nil.
    var changes: [OrganizationID?: Int64] = [:]
    var organizations: [OrganizationID: Organization] = [:]
    var plans: [String: Plan] = [:]
    var users: [UserID: User] = [:]
    var sessions: [Identifier: UserSession] = [:]
    /// A person's, the newest last.
    var places: [UserID: [KnownPlace]] = [:]
    var keys: [APIKeyID: APIKey] = [:]
    var issuers: [Identifier: TokenIssuer] = [:]
    var accounts: [Place: [MPesaAccount]] = [:]
    var credentials: [Place: SealedCredential] = [:]
    var wrapped: [OrganizationID: [WrappedKey]] = [:]
}

extension RecordState {
    /// Whether the host works on it.
    var isWaiting: Bool { !isEnded && self != .manual }
}
