import Daraja
import JSONSchema
import OrderedJSON
import PluginKit
import PluginKitTesting
import Testing

@testable import STKPush

struct `Planning a push` {
    func input(
        _ changes: JSONObject = [:],
        type: String = "paybill",
        till: String? = nil,
        settings: JSONObject = [:]
    ) -> PrepareInput {
        var arguments: JSONObject = [
            "phone_number": "0712 345-678", "amount": 100, "account_reference": "INV-1", "transaction_desc": "Invoice",
        ]
        for (name, value) in changes { arguments[name] = value }
        var profile: JSONObject = [
            "environment": "test", "short_code": "174379", "short_code_type": .string(type),
            "settings": .object(settings),
        ]
        profile["till_number"] = till.map { .string($0) }
        return PrepareInput(
            arguments: .object(arguments),
            profile: Profile(.object(profile)),
            nowMilliseconds: 1_455_643_587_000,
            recordID: "r",
            originatorID: "o"
        )
    }

    @Test func `writes the body that Safaricom documents, in East Africa Time`() throws {
        let plan = try planPush(input())

        #expect(plan.body["Timestamp"] == "20160216202627")
        #expect(plan.body["TransactionType"] == "CustomerPayBillOnline")
        #expect(plan.body["PartyA"] == "254712345678" && plan.body["PhoneNumber"] == "254712345678")
        #expect(plan.body["PartyB"] == "174379" && plan.body["Amount"] == "100")
        #expect(plan.body["Password"] == nil && plan.body["CallBackURL"] == nil)
    }

    @Test func `sends a till's payment to the till, from its store (seed's bug 8)`() throws {
        let plan = try planPush(input(type: "till", till: "510100"))

        #expect(plan.body["TransactionType"] == "CustomerBuyGoodsOnline")
        #expect(plan.body["BusinessShortCode"] == "174379" && plan.body["PartyB"] == "510100")
        #expect(throws: Refusal.self) { try planPush(input(type: "till")) }
    }

    @Test func `guards the phone, and the phone with the amount`() throws {
        let guards = try planPush(input()).guards

        #expect(guards.map(\.key) == ["phone:254712345678", "phone:254712345678:amount:100"])
        #expect(guards.map(\.windowMilliseconds) == [60_000, 120_000])
    }

    @Test(arguments: ["254112345678", "0112345678", "112345678", "+254 112 345 678"])
    func `asks a phone whose number begins with 01 too (seed's bug 19)`(phone: String) throws {
        #expect(try planPush(input(["phone_number": .string(phone)])).body["PhoneNumber"] == "254112345678")
    }

    @Test(arguments: ["0812345678", "2542123456789", "07123", "", "+1 555 0100", "٠٧١٢٣٤٥٦٧٨", "any text"])
    func `refuses a phone that is none (seed's bug 19)`(phone: String) {
        let refusal = #expect(throws: Refusal.self) { try planPush(input(["phone_number": .string(phone)])) }

        #expect(refusal?.field == "/phone_number")
    }

    @Test func `keeps to the limits of the settings`() {
        #expect(throws: Never.self) { try planPush(input(["amount": 250_000])) }
        #expect(throws: Refusal.self) { try planPush(input(["amount": 250_001])) }
        #expect(throws: Refusal.self) { try planPush(input(["amount": 5], settings: ["amount_min": 10])) }
    }
}

struct `Interpreting M-Pesa` {
    let record = Record(["id": "r", "external_ids": ["checkout_request_id": "ws_1"]])

    func reply(_ status: Int, _ body: String) -> Evidence? {
        interpretPush(Array(body.utf8), .reply(status: status), record)
    }

    static let replies: [(Int, String, Evidence.Verdict)] = [
        (200, #"{"MerchantRequestID":"m","CheckoutRequestID":"ws_1","ResponseCode":"0"}"#, .accepted),
        (200, #"{"MerchantRequestID":"m","CheckoutRequestID":"ws_1","ResponseCode":"00000000"}"#, .accepted),
        (200, #"{"MerchantRequestID":"m","CheckoutRequestID":"ws_1","ResponseCode":"1"}"#, .rejected),
        (200, #"{"ResponseCode":"0"}"#, .unknown), (200, "not json", .unknown), (200, "", .unknown),
        (500, "", .unknown), (503, "<html>", .unknown),
        (400, #"{"errorCode":"400.002.02","errorMessage":"Bad Request - Invalid Amount"}"#, .rejected),
        (404, #"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#, .rejected),
        (500, #"{"errorCode":"500.003.02","errorMessage":"System is busy."}"#, .notProcessed),
        (500, #"{"errorCode":"500.003.02","errorMessage":"Error Occurred: Spike Arrest Violation"}"#, .notProcessed),
        (429, #"{"errorCode":"500.003.02","errorMessage":"Error Occurred: Spike Arrest Violation"}"#, .notProcessed),
        (429, #"{"fault":{"faultstring":"Spike arrest violation."}}"#, .notProcessed), (429, "", .notProcessed),
        (429, "<html>", .notProcessed), (428, "<html>", .unknown), (500, #"{"fault":{"faultstring":"x"}}"#, .unknown),
        (429, #"{"errorCode":"500.001.1001","errorMessage":"The transaction is being processed"}"#, .unknown),
        (500, #"{"errorCode":"500.001.1001","errorMessage":"Unable to lock subscriber, a transaction is"}"#, .rejected),
        (500, #"{"errorCode":"500.001.1001","errorMessage":"Wrong credentials"}"#, .rejected),
        (500, #"{"errorCode":"500.001.1001","errorMessage":"Something else"}"#, .unknown),
        (500, #"{"errorCode":"500.003.1001","errorMessage":"Internal Server Error"}"#, .unknown),
    ]

    @Test(arguments: replies)
    func `believes of a reply only what it proves (seed's bug 13)`(status: Int, body: String, verdict: Evidence.Verdict)
    {
        #expect(reply(status, body)?.verdict == verdict)
    }

    @Test(arguments: STKResultCode.all.filter { $0.code != "0" })
    func `gives every result code its meaning`(entry: STKResultCode) {
        let body = #"{"Body":{"stkCallback":{"CheckoutRequestID":"ws_1","ResultCode":"\#(entry.code)"}}}"#
        let evidence = interpretPush(Array(body.utf8), .callback("result"), record)

        #expect(evidence?.verdict != .succeeded && evidence?.code == entry.code)
        #expect(evidence?.meaning?.isEmpty == false && evidence?.whoseMove != nil && evidence?.chargeAgain != nil)
    }

    @Test(arguments: ["777", "", "abc"])
    func `ends nothing by a code that is not documented`(code: String) {
        let body = #"{"Body":{"stkCallback":{"CheckoutRequestID":"ws_1","ResultCode":"\#(code)"}}}"#

        #expect(interpretPush(Array(body.utf8), .callback("result"), record)?.verdict == .unknown)
    }

    /// The sample of the portal's M-Pesa Express page, with numbers masked.
    @Test func `reads a success by name, whatever the order and types`() throws {
        let body = #"""
            {"Body":{"stkCallback":{"MerchantRequestID":"29115-34620561-1","CheckoutRequestID":"ws_1","ResultCode":0,
            "ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[
            {"Name":"PhoneNumber","Value":254708374149},{"Name":"Balance"},{"Name":"Amount","Value":1.00},
            {"Name":"TransactionDate","Value":20191219102115},{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"}]}}}}
            """#
        let evidence = try #require(interpretPush(Array(body.utf8), .callback("result"), record))

        #expect(evidence.verdict == .succeeded && evidence.receipt == "NLJ7RT61SV")
        #expect(evidence.amount == 1 && evidence.party == "254708374149")
    }

    @Test(arguments: [
        "", #","CallbackMetadata":{"Item":[{"Name":"Amount","Value":1},{"Name":"MpesaReceiptNumber","Value":""}]}"#,
    ])
    func `does not take a success without a receipt for one`(metadata: String) {
        let body = #"{"Body":{"stkCallback":{"CheckoutRequestID":"ws_1","ResultCode":0\#(metadata)}}}"#

        #expect(interpretPush(Array(body.utf8), .callback("result"), record)?.verdict == .unknown)
    }

    @Test(arguments: ["failed", "cancelled", "expired", "rejected"])
    func `says of a success without a receipt of what has ended otherwise that charging again is not safe`(
        state: String
    ) {
        let ended = Record(["id": "r", "state": .string(state), "external_ids": ["checkout_request_id": "ws_1"]])
        let body = #"{"Body":{"stkCallback":{"CheckoutRequestID":"ws_1","ResultCode":0}}}"#
        let evidence = interpretPush(Array(body.utf8), .callback("result"), ended)

        #expect(evidence?.verdict == .unknown && evidence?.receipt == nil && evidence?.chargeAgain == "no")
        #expect(evidence?.externalIDs["checkout_request_id"] == "ws_1")
    }

    @Test func `says of a success without a receipt that charging again is not safe`() {
        let body = #"{"Body":{"stkCallback":{"CheckoutRequestID":"ws_1","ResultCode":0}}}"#
        let evidence = interpretPush(Array(body.utf8), .callback("result"), record)

        #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "no")
        #expect(evidence?.externalIDs["checkout_request_id"] == "ws_1")
    }

    static let queries: [(Int, String, Evidence.Verdict)] = [
        (500, #"{"errorCode":"500.001.1001","errorMessage":"The transaction is being processed"}"#, .pending),
        (200, #"{"CheckoutRequestID":"ws_1","ResultCode":"0"}"#, .succeeded),
        (200, #"{"CheckoutRequestID":"ws_1","ResultCode":"1032"}"#, .cancelled),
        (200, #"{"CheckoutRequestID":"ws_1","ResultCode":"4999"}"#, .pending),
        (400, #"{"errorCode":"400.002.02","errorMessage":"Bad Request - Invalid CheckoutRequestID"}"#, .unknown),
        (500, "", .unknown),
    ]

    @Test(arguments: queries)
    func `believes of an answer to a question only what it proves (seed's bug 3)`(
        status: Int,
        body: String,
        verdict: Evidence.Verdict
    ) {
        #expect(interpretQuery(Array(body.utf8), .reply(status: status), record)?.verdict == verdict)
    }
}

struct `Showing a payment` {
    static let states = [
        "created", "sending", "accepted", "unknown", "reconciling", "manual", "succeeded", "failed", "cancelled",
        "expired", "rejected", "reversed",
    ]

    @Test(arguments: states)
    func `never says paid of one that is not, and fits its schema`(state: String) throws {
        let status = ["succeeded": "SUCCESS", "failed": "FAILED", "rejected": "FAILED", "reversed": "REVERSED"]
        let record = Record([
            "id": "r", "state": .string(state), "status": .string(status[state] ?? "PENDING"), "created_ms": 1,
            "external_ids": [:],
        ])
        let output = showPayment(record)
        let next = try #require(output["next"]?.stringValue)

        #expect(next.hasPrefix("Paid.") == (state == "succeeded"))
        #expect(try JSONSchema(compiling: paymentSchema).violations(in: output).isEmpty)
    }
}

struct `The catalogue` {
    @Test func `has schemas that compile and examples that fit them`() throws {
        for tool in try #require(stkPush.catalogue["tools"]?.arrayValue) {
            let schema = try JSONSchema(compiling: #require(tool["input_schema"]))
            _ = try JSONSchema(compiling: #require(tool["output_schema"]))
            for example in tool["examples"]?.arrayValue ?? [] {
                #expect(try schema.violations(in: #require(example["arguments"])).isEmpty)
            }
        }
    }

    @Test func `reads what its input schemas say, and writes what its output schemas say`() {
        let records = Record.samples(externalIDs: ["checkout_request_id", "merchant_request_id"])

        #expect(stkPush.schemaDisagreements(records: records) == [])
    }
}

struct `What the push says of itself` {
    @Test func `names its transaction in the callback that is recorded beside it`() throws {
        let pointer = try #require(pushOperation["x-hint"]?["pointer"]?.stringValue)
        let bodies = (pushRecordings.arrayValue ?? []).compactMap { $0["body"] ?? $0["document"] }

        let ids = try bodies.compactMap { $0.value(at: try JSONPointer(parsing: pointer))?.stringValue }

        #expect(!ids.isEmpty && ids.allSatisfy { $0.hasPrefix("ws_CO_") })
    }
}
