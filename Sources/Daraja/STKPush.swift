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
        /// The gateway's id.
        public let MerchantRequestID: String
        /// M-Pesa's id; all else is found by it.
        public let CheckoutRequestID: String
        /// `0`, or zeros, when taken.
        public let ResponseCode: String
        /// For people.
        public let ResponseDescription: String

        /// Reads an answer; nil when an id is missing.
        public init?(_ body: JSON) {
            guard let merchant = body["MerchantRequestID"]?.stringValue, !merchant.isEmpty,
                let checkout = body["CheckoutRequestID"]?.stringValue, !checkout.isEmpty,
                let code = body["ResponseCode"]?.stringValue ?? body["ResponseCode"]?.integerValue.map(String.init)
            else { return nil }
            MerchantRequestID = merchant
            CheckoutRequestID = checkout
            ResponseCode = code
            ResponseDescription = body["ResponseDescription"]?.stringValue ?? ""
        }

        /// Whether M-Pesa took the request.
        public var isAccepted: Bool { !ResponseCode.isEmpty && ResponseCode.utf8.allSatisfy { $0 == 48 } }
    }

    /// What M-Pesa posts to `CallBackURL` once the customer has answered, or has not.
    public struct Callback: Sendable, Hashable {
        /// The gateway's id.
        public let MerchantRequestID: String
        /// M-Pesa's id.
        public let CheckoutRequestID: String
        /// A number on the wire; text here, because other APIs' codes are.
        public let ResultCode: String
        /// For people.
        public let ResultDesc: String
        /// The amount paid; successes only.
        public let Amount: Int64?
        /// The receipt; successes only.
        public let MpesaReceiptNumber: String?
        /// The phone that paid; successes only.
        public let PhoneNumber: String?

        /// Reads a callback, its metadata by name and never by order; nil when it is none.
        public init?(_ body: JSON) {
            guard let callback = body["Body"]?["stkCallback"], callback.objectValue != nil,
                let checkout = callback["CheckoutRequestID"]?.stringValue,
                let code = callback["ResultCode"]?.integerValue.map(String.init)
                    ?? callback["ResultCode"]?.stringValue
            else { return nil }
            MerchantRequestID = callback["MerchantRequestID"]?.stringValue ?? ""
            CheckoutRequestID = checkout
            ResultCode = code
            ResultDesc = callback["ResultDesc"]?.stringValue ?? ""
            var items: [String: JSON] = [:]
            for item in callback["CallbackMetadata"]?["Item"]?.arrayValue ?? [] {
                if let name = item["Name"]?.stringValue { items[name] = item["Value"] }
            }
            Amount = items["Amount"]?.integerValue ?? items["Amount"]?.stringValue.flatMap { Int64($0) }
            MpesaReceiptNumber = items["MpesaReceiptNumber"]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
            PhoneNumber = items["PhoneNumber"]?.integerValue.map(String.init) ?? items["PhoneNumber"]?.stringValue
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
        /// M-Pesa's id.
        public let CheckoutRequestID: String
        /// Text on the wire.
        public let ResultCode: String
        /// For people.
        public let ResultDesc: String

        /// Reads an answer; nil when it names no result.
        public init?(_ body: JSON) {
            guard let checkout = body["CheckoutRequestID"]?.stringValue,
                let code = body["ResultCode"]?.stringValue ?? body["ResultCode"]?.integerValue.map(String.init)
            else { return nil }
            CheckoutRequestID = checkout
            ResultCode = code
            ResultDesc = body["ResultDesc"]?.stringValue ?? ""
        }
    }
}
