import OrderedJSON

/// A Daraja app and the short code it acts for.
package struct SimulatorAccount: Sendable {
    /// Basic authentication's name.
    package let consumerKey: String
    /// Basic authentication's password.
    package let consumerSecret: String
    /// The PayBill, or the till's store number.
    package let shortCode: String
    /// The till, when it is one.
    package let tillNumber: String?
    /// For the password.
    package let passkey: String
    /// The operator that pays out and asks.
    package let initiatorName: String
    /// That operator's password.
    package let initiatorPassword: String

    /// Makes an account.
    package init(
        consumerKey: String,
        consumerSecret: String,
        shortCode: String,
        tillNumber: String? = nil,
        passkey: String,
        initiatorName: String,
        initiatorPassword: String
    ) {
        self.consumerKey = consumerKey
        self.consumerSecret = consumerSecret
        self.shortCode = shortCode
        self.tillNumber = tillNumber
        self.passkey = passkey
        self.initiatorName = initiatorName
        self.initiatorPassword = initiatorPassword
    }
}

/// What the simulator does and how fast.
package struct SimulatorSettings: Sendable {
    /// Where it listens; loopback only.
    package var host = "127.0.0.1"
    /// 0 for any free port.
    package var port = 0
    /// How long a token lives, by the clock.
    ///
    /// Default 3,600 s, as Daraja's.
    package var tokenLife: Duration = .seconds(3600)
    /// What `expires_in` says of it, at least 1 s.
    ///
    /// Default 3,599 s, as Daraja's; more than `tokenLife` is a clock that the gateway cannot trust.
    package var statedTokenLife: Duration = .seconds(3599)
    /// How long the customer takes.
    package var promptDelay: Duration = .milliseconds(1500)
    /// Who may use it.
    package var accounts: [SimulatorAccount] = []
    /// The file in which prompts, payouts and reversals are kept across restarts; without one they stand in a file that ends
    /// with the process.
    package var journal: String?
    /// What paths are answered with, instead of what the simulator would do there.
    package var replies = RecordedReplies()
    /// Whether connections are kept between callbacks of pushes; Safaricom opens one for each.
    package var keepsConnections = false
    /// How many prompts, and how many payouts and reversals, stay in memory; older ones are read from the journal.
    ///
    /// Default 10,000, some 20 MB. While more are open, up to twice as many stay, and no more are taken.
    package var entriesMax = 10_000
    /// How many ids of older prompts, and how many of payouts and reversals, are known: a payment has two.
    ///
    /// Default 1,000,000, at most 40 MB of each kind. What is older than half of them is unknown, as to M-Pesa after a
    /// while.
    package var idsMax = 1_000_000
    /// How many requests are kept to be shown.
    ///
    /// Default 1,000.
    package var requestsMax = 1_000
    /// How many bytes their bodies may have in all.
    ///
    /// Default 4 MiB.
    package var requestsBytesMax = 4 << 20

    /// The defaults.
    package init() {}
}

/// All that the simulator remembers; guarded by one lock in `Simulator`.
struct SimulatorState: Sendable {
    struct Token {
        let text: String
        let goodUntilMilliseconds: Int64
    }

    private let settings: SimulatorSettings
    let journal: Journal
    /// Where the journal begins to count: after the last `reset`.
    let start: Int64
    /// How long tokens live from now on, and what is said of it; the settings' until the control API changes them.
    var tokenLife: Duration
    var statedTokenLife: Duration
    var tokens: [String: Token] = [:]
    private(set) var prompts: Entries<Prompt>
    /// Payouts and reversals.
    private(set) var movements: Entries<Movement>
    var books: Books
    /// Phones whose customer has not answered yet: M-Pesa takes no second request for one.
    private var busyPhones: Set<String> = []
    /// How fast payouts and reversals are taken and worked off.
    var pace = Pace()
    /// What balances hold instead of the accounts, exactly so.
    var balanceText: String?
    var replies: RecordedReplies
    /// The newest requests.
    private(set) var requests: [(path: String, body: String)] = []
    private var requestsBytes = 0
    private(set) var requestsCount = 0
    var tokensIssued = 0
    /// What the control API chose for the next requests, and for how many of them.
    private var nextOutcomes: [(outcome: Outcome, left: Int)] = []
    private var phoneOutcomes: [String: Outcome] = [:]
    /// Phones whose first request was refused by fault `token_expired`.
    private var refusedOnce: Set<String> = []
    var sequence: UInt64 = 0

    /// What the journal holds is taken up again.
    init(settings: SimulatorSettings, journal: Journal) {
        self.init(settings: settings, journal: journal, start: 0)
        journal.lines(from: 0) { line, place in
            // A line that was cut off by a kill is the last one, and is not counted.
            guard let json = try? JSON(parsing: Array(line)) else { return true }
            if let prompt = Prompt(json) {
                keep(prompt, at: place)
            } else if let movement = Movement(json) {
                keep(movement, at: place)
            } else if json["reset"] != nil {
                self = SimulatorState(settings: settings, journal: journal, start: place)
            }
            return true
        }
    }

    private init(settings: SimulatorSettings, journal: Journal, start: Int64) {
        self.settings = settings
        self.journal = journal
        self.start = start
        tokenLife = settings.tokenLife
        statedTokenLife = settings.statedTokenLife
        replies = settings.replies
        prompts = Entries(journal, most: settings.entriesMax, idsMax: settings.idsMax)
        movements = Entries(journal, most: settings.entriesMax, idsMax: settings.idsMax)
        books = Books(idsMax: settings.idsMax)
    }

    /// Forgets everything, for the next process too.
    mutating func reset() {
        let place = journal.append(["reset": true])
        self = SimulatorState(settings: settings, journal: journal, start: place ?? journal.nextPlace)
    }

    // MARK: Prompts

    /// Takes a new prompt; false when the customer has one already, or too many have.
    mutating func take(_ prompt: Prompt) -> Bool {
        guard !busyPhones.contains(prompt.phone), !prompts.isFull else { return false }
        keep(prompt)
        return true
    }

    /// Keeps a prompt as it stands now.
    mutating func keep(_ prompt: Prompt) { keep(prompt, at: journal.append(prompt.json)) }

    private mutating func keep(_ prompt: Prompt, at place: Int64?) {
        books.add(prompt, before: prompts.keep(prompt, at: place))
        if prompt.isDecided { busyPhones.remove(prompt.phone) } else { busyPhones.insert(prompt.phone) }
    }

    /// The payment with a receipt.
    func payment(_ receipt: String) -> Prompt? {
        prompts.find(receipt).flatMap { $0.receipt == receipt && $0.resultCode == 0 ? $0 : nil }
    }

    /// What is left of a payment; nil where there is none.
    func left(of receipt: String) -> Int64? { payment(receipt).map { $0.amount - books.returned(of: receipt) } }

    // MARK: Payouts and reversals

    /// Takes a new one; false when its OriginatorConversationID was taken already: M-Pesa knows a repeat by that.
    mutating func take(_ movement: Movement) -> Bool {
        guard movements.find(movement.originatorID) == nil else { return false }
        keep(movement)
        return true
    }

    /// Keeps a payout or a reversal as it stands now.
    mutating func keep(_ movement: Movement) { keep(movement, at: journal.append(movement.json)) }

    private mutating func keep(_ movement: Movement, at place: Int64?) {
        books.add(movement, before: movements.keep(movement, at: place))
    }

    // MARK: Callbacks and requests

    /// Keeps what a callback was answered with, of the last few.
    mutating func note(callbackStatus: Int, of id: String) {
        prompts.change(id) { $0.callbackStatuses = $0.callbackStatuses.suffix(99) + [callbackStatus] }
        movements.change(id) { $0.callbackStatuses = $0.callbackStatuses.suffix(99) + [callbackStatus] }
    }

    /// Keeps a request to be shown.
    mutating func note(path: String, body: String) {
        requestsCount += 1
        requestsBytes += body.utf8.count
        requests.append((path, body))
        while requests.count > settings.requestsMax || requestsBytes > settings.requestsBytesMax {
            requestsBytes -= requests.removeFirst().body.utf8.count
        }
    }

    // MARK: Outcomes

    /// Chooses the outcome of the next requests, or of a phone's from now on.
    mutating func choose(_ outcome: Outcome, phone: String) {
        // A test that names more phones than this is about them all.
        if phoneOutcomes.count >= settings.entriesMax { phoneOutcomes.removeAll() }
        phoneOutcomes[phone] = outcome
    }

    mutating func choose(_ outcome: Outcome, times: Int) {
        if nextOutcomes.count >= settings.entriesMax { nextOutcomes.removeFirst() }
        nextOutcomes.append((outcome, times))
    }

    /// The outcome that was chosen for a phone's request that comes now.
    mutating func chosen(phone: String) -> Outcome? {
        guard let next = nextOutcomes.first else { return phoneOutcomes[phone] }
        if next.left > 1 { nextOutcomes[0].left -= 1 } else { nextOutcomes.removeFirst() }
        return next.outcome
    }

    /// Whether a phone's request is the first that is refused for its token.
    mutating func refusesOnce(_ phone: String) -> Bool {
        if refusedOnce.count >= settings.entriesMax { refusedOnce.removeAll() }
        return refusedOnce.insert(phone).inserted
    }
}
