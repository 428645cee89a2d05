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
        /// Ours, echoed, or one that was made for us.
        public let OriginatorConversationID: String
        /// `0`, or zeros, when taken.
        public let ResponseCode: String
        /// For people.
        public let ResponseDescription: String

        /// Reads an answer; nil when an id is missing.
        public init?(_ body: JSON) {
            guard let conversation = body["ConversationID"]?.stringValue, !conversation.isEmpty,
                let originator = body["OriginatorConversationID"]?.stringValue, !originator.isEmpty,
                let code = InitiatorAPI.text(body["ResponseCode"])
            else { return nil }
            ConversationID = conversation
            OriginatorConversationID = originator
            ResponseCode = code
            ResponseDescription = body["ResponseDescription"]?.stringValue ?? ""
        }

        /// Whether M-Pesa took the request.
        public var isAccepted: Bool { !ResponseCode.isEmpty && ResponseCode.utf8.allSatisfy { $0 == 48 } }
    }

    /// What M-Pesa posts to `ResultURL`.
    public struct Result: Sendable, Hashable {
        /// A number or text on the wire; text here.
        public let ResultCode: String
        /// For people.
        public let ResultDesc: String
        /// Ours.
        public let OriginatorConversationID: String
        /// M-Pesa's.
        public let ConversationID: String
        /// Failures have one too: it is no proof of anything.
        public let TransactionID: String?
        /// By key; of two of one key the first.
        public let parameters: [String: JSON]

        /// Reads a result: a parameter that stands alone instead of in a list, and one without a value, are both seen.
        public init?(_ body: JSON) {
            guard let result = body["Result"], result.objectValue != nil,
                let code = InitiatorAPI.text(result["ResultCode"]),
                let originator = result["OriginatorConversationID"]?.stringValue,
                let conversation = result["ConversationID"]?.stringValue
            else { return nil }
            ResultCode = code
            ResultDesc = result["ResultDesc"]?.stringValue ?? ""
            OriginatorConversationID = originator
            ConversationID = conversation
            TransactionID = result["TransactionID"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
            let list = result["ResultParameters"]?["ResultParameter"]
            var parameters: [String: JSON] = [:]
            for item in list?.arrayValue ?? list.map({ [$0] }) ?? [] {
                guard let key = item["Key"]?.stringValue, parameters[key] == nil else { continue }
                parameters[key] = item["Value"]
            }
            self.parameters = parameters
        }

        /// A parameter as text.
        public func text(_ key: String) -> String? { InitiatorAPI.text(parameters[key]) }

        /// A parameter that is money, when it is whole shillings.
        public func shillings(_ key: String) -> Int64? {
            if let whole = parameters[key]?.integerValue { return whole }
            guard let value = parameters[key]?.doubleValue ?? parameters[key]?.stringValue.flatMap({ Double($0) }),
                value == value.rounded(), abs(value) < 1e12
            else { return nil }
            return Int64(value)
        }
    }

    static func text(_ value: JSON?) -> String? { value?.stringValue ?? value?.integerValue.map(String.init) }
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
    /// The rest is the host's to fill.
    public static func body(Initiator: String, OriginalConversationID: String, PartyA: String) -> JSON {
        [
            "Initiator": .string(Initiator), "CommandID": "TransactionStatusQuery",
            "OriginalConversationID": .string(OriginalConversationID), "PartyA": .string(PartyA),
            "IdentifierType": "4", "Remarks": "Status", "Occasion": "Status",
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

    /// One account of an organization; amounts as M-Pesa writes them, such as `346568.83`.
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

    /// Reads the result's parameter `AccountBalance`: accounts between `&`, six fields between `|`.
    ///
    /// What is not of that form is left out: the portal's own sample has a stray `&`.
    public static func accounts(in text: String) -> [Account] {
        text.split(separator: "&")
            .compactMap { part in
                let fields = part.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
                guard fields.count == 6, Double(fields[2]) != nil else { return nil }
                return Account(
                    name: fields[0],
                    currency: fields[1],
                    current: fields[2],
                    available: fields[3],
                    reserved: fields[4],
                    uncleared: fields[5]
                )
            }
    }
}
