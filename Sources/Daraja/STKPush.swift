import OrderedJSON

/// M-Pesa Express: asks a customer's phone to pay.
///
/// `POST /mpesa/stkpush/v1/processrequest`.
///
/// Source: Daraja 3.0 portal, M-Pesa Express. Field names are Safaricom's.
public enum STKPush {
    /// The path of the request.
    public static let path = "/mpesa/stkpush/v1/processrequest"

    /// The request.
    ///
    /// `Password` and `CallBackURL` are the host's to fill.
    public struct Request: Sendable, Hashable {
        /// Five to seven digits; for a till, the store number.
        public var BusinessShortCode: String
        /// `YYYYMMDDHHmmss`, East Africa Time.
        public var Timestamp: String
        /// `CustomerPayBillOnline` or `CustomerBuyGoodsOnline`.
        public var TransactionType: String
        /// Whole shillings.
        public var Amount: Int64
        /// The phone that pays.
        public var PhoneNumber: MSISDN
        /// The PayBill, or the till number.
        public var PartyB: String
        /// At most 12 characters.
        public var AccountReference: String
        /// At most 13 characters.
        public var TransactionDesc: String

        /// Makes a request.
        public init(
            BusinessShortCode: String,
            Timestamp: String,
            TransactionType: String,
            Amount: Int64,
            PhoneNumber: MSISDN,
            PartyB: String,
            AccountReference: String,
            TransactionDesc: String
        ) {
            self.BusinessShortCode = BusinessShortCode
            self.Timestamp = Timestamp
            self.TransactionType = TransactionType
            self.Amount = Amount
            self.PhoneNumber = PhoneNumber
            self.PartyB = PartyB
            self.AccountReference = AccountReference
            self.TransactionDesc = TransactionDesc
        }

        /// The body.
        ///
        /// Every value is text, as in Safaricom's samples.
        public var body: JSON {
            [
                "BusinessShortCode": .string(BusinessShortCode), "Timestamp": .string(Timestamp),
                "TransactionType": .string(TransactionType), "Amount": .string(String(Amount)),
                "PartyA": .string(PhoneNumber.digits), "PartyB": .string(PartyB),
                "PhoneNumber": .string(PhoneNumber.digits), "AccountReference": .string(AccountReference),
                "TransactionDesc": .string(TransactionDesc),
            ]
        }
    }

    /// The answer when M-Pesa took the request; nothing is paid yet.
    public struct Reply: Sendable, Hashable {
        /// The gateway's id; empty when none that can be an id was named.
        public let MerchantRequestID: String
        /// M-Pesa's id; all else is found by it.
        public let CheckoutRequestID: String
        /// `0` when taken; empty when there is none that can be read.
        public let ResponseCode: String
        /// What the code says.
        public let answer: RequestAnswer
        /// For people.
        public let ResponseDescription: String

        /// Reads an answer; nil when it names no id of M-Pesa's.
        public init?(_ body: JSON) {
            guard let checkout = StatedID(body["CheckoutRequestID"]).text else { return nil }
            MerchantRequestID = StatedID(body["MerchantRequestID"]).text ?? ""
            CheckoutRequestID = checkout
            ResponseCode = WireText.code(body["ResponseCode"]) ?? ""
            answer = RequestAnswer(body)
            ResponseDescription = body["ResponseDescription"]?.stringValue ?? ""
        }

        /// Whether M-Pesa took the request.
        public var isAccepted: Bool { answer == .taken }
    }

    /// What M-Pesa posts to `CallBackURL` once the customer has answered, or has not.
    public struct Callback: Sendable, Hashable {
        /// The gateway's id; empty when none that can be an id was named.
        public let MerchantRequestID: String
        /// M-Pesa's id; empty when none that can be an id was named: `statedID` tells which.
        public let CheckoutRequestID: String
        /// M-Pesa's id as the callback names it.
        public let statedID: StatedID
        /// A number on the wire; text here, because other APIs' codes are.
        public let ResultCode: String
        /// For people.
        public let ResultDesc: String
        /// The amount paid, when it is whole shillings; successes only.
        public var Amount: Int64? { money?.wholeShillings }
        /// The amount paid, as it is; successes only.
        public let money: Money?
        /// The receipt, when it is one; successes only.
        public let MpesaReceiptNumber: String?
        /// What stands where the receipt should; successes only.
        public let writtenReceipt: String?
        /// The phone that paid, as M-Pesa writes it, which may be masked or hashed; successes only.
        public let PhoneNumber: String?
        /// The phone that paid, when it can be read.
        public let phone: MSISDN?
        /// When it was paid, as M-Pesa writes it; successes only.
        public let TransactionDate: String?
        /// What it states twice and differently; the amount first.
        public let contradiction: Contradiction?

        /// Reads a callback, its metadata by name and never by order; nil when it is none.
        public init?(_ body: JSON) {
            guard let callback = body["Body"]?["stkCallback"], callback.objectValue != nil,
                let code = WireText.code(callback["ResultCode"])
            else { return nil }
            MerchantRequestID = StatedID(callback["MerchantRequestID"]).text ?? ""
            statedID = StatedID(callback["CheckoutRequestID"])
            CheckoutRequestID = statedID.text ?? ""
            ResultCode = code
            ResultDesc = callback["ResultDesc"]?.stringValue ?? ""
            let metadata = NamedValues(callback["CallbackMetadata"]?["Item"], key: "Name")
            let items = metadata.values
            money = Money(items["Amount"])
            MpesaReceiptNumber = Receipt(items["MpesaReceiptNumber"])?.text
            writtenReceipt = WireText.text(items["MpesaReceiptNumber"])
            PhoneNumber = WireText.text(items["PhoneNumber"])
            phone = MSISDN(items["PhoneNumber"])
            TransactionDate = WireText.text(items["TransactionDate"])
            contradiction =
                ["Amount", "MpesaReceiptNumber", "PhoneNumber"]
                .compactMap { metadata.contradictions[$0] }.first
        }
    }
}

/// Asks what became of an STK push.
///
/// `POST /mpesa/stkpushquery/v1/query`; synchronous, and names no receipt.
public enum STKQuery {
    /// The path of the request.
    public static let path = "/mpesa/stkpushquery/v1/query"

    /// The body.
    ///
    /// `Password` is the host's to fill.
    public static func body(BusinessShortCode: String, Timestamp: String, CheckoutRequestID: String) -> JSON {
        [
            "BusinessShortCode": .string(BusinessShortCode), "Timestamp": .string(Timestamp),
            "CheckoutRequestID": .string(CheckoutRequestID),
        ]
    }

    /// The answer once the customer has answered, or has not.
    public struct Reply: Sendable, Hashable {
        /// M-Pesa's id; empty when none that can be an id was named: `statedID` tells which.
        public let CheckoutRequestID: String
        /// M-Pesa's id as the answer names it.
        public let statedID: StatedID
        /// The gateway's id; empty when none that can be an id was named.
        public let MerchantRequestID: String
        /// What became of the question; empty when there is none that can be read.
        public let ResponseCode: String
        /// Text on the wire.
        public let ResultCode: String
        /// For people.
        public let ResultDesc: String

        /// Reads an answer; nil when it names no result.
        public init?(_ body: JSON) {
            guard let code = WireText.code(body["ResultCode"]) else { return nil }
            statedID = StatedID(body["CheckoutRequestID"])
            CheckoutRequestID = statedID.text ?? ""
            MerchantRequestID = StatedID(body["MerchantRequestID"]).text ?? ""
            ResponseCode = WireText.code(body["ResponseCode"]) ?? ""
            ResultCode = code
            ResultDesc = body["ResultDesc"]?.stringValue ?? ""
        }
    }
}
