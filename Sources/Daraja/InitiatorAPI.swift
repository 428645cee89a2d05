import OrderedJSON

/// What the APIs have in common that act as an organization's operator (B2C, account balance, transaction status): one
/// answer that the request was taken, and one result that is posted later.
///
/// Source: Daraja 3.0 portal. Field names are Safaricom's.
public enum InitiatorAPI {
    /// The answer when M-Pesa took the request.
    public struct Reply: Sendable, Hashable {
        /// M-Pesa's id.
        public let ConversationID: String
        /// Ours, echoed, or one that was made for us; empty when none that can be an id was named.
        public let OriginatorConversationID: String
        /// `0` when taken; empty when there is none that can be read.
        public let ResponseCode: String
        /// What the code says.
        public let answer: RequestAnswer
        /// For people.
        public let ResponseDescription: String

        /// Reads an answer; nil when it names no id of M-Pesa's.
        public init?(_ body: JSON) {
            guard let conversation = StatedID(body["ConversationID"]).text else { return nil }
            ConversationID = conversation
            OriginatorConversationID = StatedID(body["OriginatorConversationID"]).text ?? ""
            ResponseCode = WireText.code(body["ResponseCode"]) ?? ""
            answer = RequestAnswer(body)
            ResponseDescription = body["ResponseDescription"]?.stringValue ?? ""
        }

        /// Whether M-Pesa took the request.
        public var isAccepted: Bool { answer == .taken }
    }

    /// What M-Pesa posts to `ResultURL`.
    public struct Result: Sendable, Hashable {
        /// A number or text on the wire; text here.
        public let ResultCode: String
        /// For people.
        public let ResultDesc: String
        /// Ours; a result need not name it.
        public let OriginatorConversationID: StatedID
        /// M-Pesa's; a result need not name it.
        public let ConversationID: StatedID
        /// Failures have one too: it is no proof of anything.
        public let TransactionID: String?
        /// By key; of two of one key the first.
        public let parameters: [String: JSON]
        private let contradictions: [String: Contradiction]

        /// Reads a result: a parameter that stands alone instead of in a list, and one without a value, are both seen.
        public init?(_ body: JSON) {
            guard let result = body["Result"], result.objectValue != nil,
                let code = WireText.code(result["ResultCode"])
            else { return nil }
            ResultCode = code
            ResultDesc = result["ResultDesc"]?.stringValue ?? ""
            OriginatorConversationID = StatedID(result["OriginatorConversationID"])
            ConversationID = StatedID(result["ConversationID"])
            TransactionID = StatedID(result["TransactionID"]).text
            let named = NamedValues(result["ResultParameters"]?["ResultParameter"], key: "Key")
            parameters = named.values
            contradictions = named.contradictions
        }

        /// The first of some parameters that the result states twice and differently.
        public func contradiction(in keys: String...) -> Contradiction? {
            keys.compactMap { contradictions[$0] }.first
        }

        /// A parameter as text.
        public func text(_ key: String) -> String? { WireText.text(parameters[key]) }

        /// A parameter that is an id.
        public func id(_ key: String) -> StatedID { StatedID(parameters[key]) }

        /// A parameter that is money.
        public func money(_ key: String) -> Money? { Money(parameters[key]) }

        /// What M-Pesa took, in cents: a number, or lists such as `Fee For B2C Payment|KES|22.40` with `&` between; nil
        /// where nothing is stated that can be read as shillings.
        public func feeCents(_ key: String) -> Int64? {
            guard let text = text(key) else { return nil }
            guard text.contains("|") else { return money(key)?.cents.flatMap { $0 >= 0 ? $0 : nil } }
            var sum: Int64 = 0
            for part in text.split(separator: "&") {
                let fields = part.split(separator: "|", omittingEmptySubsequences: false)
                guard fields.count == 3, fields[1] == "KES", let cents = Money(String(fields[2]))?.cents, cents >= 0
                else { return nil }
                let (next, isOver) = sum.addingReportingOverflow(cents)
                guard !isOver else { return nil }
                sum = next
            }
            return sum
        }

        /// A parameter that is money, when it is whole shillings.
        public func shillings(_ key: String) -> Int64? { money(key)?.wholeShillings }
    }
}

/// Pays an organization's money out to a customer.
///
/// `POST /mpesa/b2c/v3/paymentrequest`.
public enum B2CPayment {
    /// The path of the request.
    public static let path = "/mpesa/b2c/v3/paymentrequest"

    /// The body.
    ///
    /// `SecurityCredential`, `ResultURL` and `QueueTimeOutURL` are the host's to fill. `Occassion` is Safaricom's
    /// spelling here, and here only.
    public static func body(
        OriginatorConversationID: String,
        InitiatorName: String,
        CommandID: String,
        Amount: Int64,
        PartyA: String,
        PartyB: MSISDN,
        Remarks: String,
        Occassion: String?
    ) -> JSON {
        var body: JSONObject = [
            "OriginatorConversationID": .string(OriginatorConversationID), "InitiatorName": .string(InitiatorName),
            "CommandID": .string(CommandID), "Amount": .string(String(Amount)), "PartyA": .string(PartyA),
            "PartyB": .string(PartyB.digits), "Remarks": .string(Remarks),
        ]
        body["Occassion"] = Occassion.map { .string($0) }
        return .object(body)
    }
}

/// Asks what became of a transaction; the answer is posted.
///
/// `POST /mpesa/transactionstatus/v1/query`.
public enum TransactionStatusQuery {
    /// The path of the request.
    public static let path = "/mpesa/transactionstatus/v1/query"

    /// The body, asking by our own id.
    ///
    /// The rest is the host's to fill. `IdentifierType` says what `PartyA` is: `4` a PayBill, `2` a till.
    public static func body(
        Initiator: String,
        OriginalConversationID: String,
        PartyA: String,
        IdentifierType: String = "4"
    ) -> JSON {
        [
            "Initiator": .string(Initiator), "CommandID": "TransactionStatusQuery",
            "OriginalConversationID": .string(OriginalConversationID), "PartyA": .string(PartyA),
            "IdentifierType": .string(IdentifierType), "Remarks": "Status", "Occasion": "Status",
        ]
    }
}

/// Asks what an organization's accounts hold; the answer is posted.
///
/// `POST /mpesa/accountbalance/v1/query`.
public enum AccountBalance {
    /// The path of the request.
    public static let path = "/mpesa/accountbalance/v1/query"

    /// The body.
    ///
    /// The rest is the host's to fill.
    public static func body(Initiator: String, PartyA: String, IdentifierType: String) -> JSON {
        [
            "Initiator": .string(Initiator), "CommandID": "AccountBalance", "PartyA": .string(PartyA),
            "IdentifierType": .string(IdentifierType), "Remarks": "Balance",
        ]
    }

    /// One account of an organization; amounts in plain form, such as `346568.83`.
    public struct Account: Sendable, Hashable {
        /// Such as `Working Account`.
        public let name: String
        /// Such as `KES`.
        public let currency: String
        /// All of it.
        public let current: String
        /// What may be spent.
        public let available: String
        /// Held back.
        public let reserved: String
        /// Not cleared yet.
        public let uncleared: String
    }

    /// What the result's parameter `AccountBalance` holds.
    public struct Accounts: Sendable, Hashable {
        /// Those that could be read.
        public let accounts: [Account]
        /// The parts that could not, as M-Pesa wrote them.
        public let unread: [String]
    }

    /// Reads the result's parameter `AccountBalance`: accounts between `&`, six fields between `|`.
    ///
    /// A part that is not of that form (the portal's own sample has a stray `&`) costs nothing but itself, and is told.
    public static func read(_ text: String) -> Accounts {
        var accounts: [Account] = []
        var unread: [String] = []
        for part in text.split(separator: "&") where !part.allSatisfy(\.isWhitespace) {
            if let account = Account(part) { accounts.append(account) } else { unread.append(String(part)) }
        }
        return Accounts(accounts: accounts, unread: unread)
    }
}

extension AccountBalance.Account {
    fileprivate init?(_ part: Substring) {
        let fields = part.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 6, fields[0].contains(where: \.isLetter) else { return nil }
        let amounts = fields[2...].compactMap { Money($0)?.text }
        guard amounts.count == 4 else { return nil }
        self.init(
            name: fields[0],
            currency: fields[1],
            current: amounts[0],
            available: amounts[1],
            reserved: amounts[2],
            uncleared: amounts[3]
        )
    }
}
