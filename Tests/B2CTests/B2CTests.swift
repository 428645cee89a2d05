import Daraja
import JSONSchema
import OrderedJSON
import PluginKit
import PluginKitTesting
import Testing

@testable import B2C

private let operatorSettings: JSONObject = ["initiator_name": "operator"]

private func input(
    _ arguments: JSONObject,
    settings: JSONObject = operatorSettings,
    type: String = "paybill"
) -> PrepareInput {
    PrepareInput(
        arguments: .object(arguments),
        profile: Profile([
            "environment": "test", "short_code": "600100", "short_code_type": .string(type),
            "settings": .object(settings),
        ]),
        nowMilliseconds: 1_455_643_587_000,
        recordID: "record",
        originatorID: "originator"
    )
}

struct `Planning a payout` {
    func payout(_ changes: JSONObject = [:], settings: JSONObject = operatorSettings) -> PrepareInput {
        var arguments: JSONObject = ["phone_number": "0712 345-678", "amount": 500, "remarks": "Refund"]
        for (name, value) in changes { arguments[name] = value }
        return input(arguments, settings: settings)
    }

    @Test func `writes the body that Safaricom documents, spelling included`() throws {
        let plan = try planPayout(payout(["occasion": "Easter"]))

        #expect(plan.body["OriginatorConversationID"] == "originator" && plan.body["InitiatorName"] == "operator")
        #expect(plan.body["PartyA"] == "600100" && plan.body["PartyB"] == "254712345678")
        #expect(plan.body["Amount"] == "500" && plan.body["CommandID"] == "BusinessPayment")
        #expect(plan.body["Occassion"] == "Easter" && plan.body["Occasion"] == nil)
        #expect(plan.amount == 500 && plan.party == "254712345678")
    }

    @Test func `writes nothing that is the host's to fill`() throws {
        let body = try planPayout(payout()).body

        for name in ["SecurityCredential", "ResultURL", "QueueTimeOutURL"] { #expect(body[name] == nil) }
    }

    @Test func `guards the phone with the amount`() throws {
        let guards = try planPayout(payout()).guards

        #expect(guards.map(\.key) == ["payout:254712345678:500"])
    }

    @Test(arguments: ["0812345678", "2542123456789", "07123", "", "+1 555 0100", "٠٧١٢٣٤٥٦٧٨"])
    func `refuses a phone that is none`(phone: String) {
        let refusal = #expect(throws: Refusal.self) { try planPayout(payout(["phone_number": .string(phone)])) }

        #expect(refusal?.field == "/phone_number")
    }

    @Test func `keeps to the limits of the settings`() {
        #expect(throws: Never.self) { try planPayout(payout(["amount": 10])) }
        #expect(throws: Refusal.self) { try planPayout(payout(["amount": 9])) }
        #expect(throws: Refusal.self) { try planPayout(payout(["amount": 250_001])) }
    }

    @Test(arguments: [[:], ["initiator_name": ""], ["initiator_name": 7]] as [JSONObject])
    func `is refused where no operator is configured`(settings: JSONObject) {
        let refusal = #expect(throws: Refusal.self) { try planPayout(payout(settings: settings)) }

        #expect(refusal?.message.contains("initiator_name") == true)
    }
}

struct `Interpreting a payout` {
    let record = Record(["id": "originator", "external_ids": ["originator_conversation_id": "originator"]])

    static let replies: [(Int, String, Evidence.Verdict)] = [
        (200, #"{"ConversationID":"AG_1","OriginatorConversationID":"o","ResponseCode":"0"}"#, .accepted),
        (200, #"{"ConversationID":"AG_1","OriginatorConversationID":"o","ResponseCode":"00000000"}"#, .accepted),
        (200, #"{"ConversationID":"AG_1","OriginatorConversationID":"o","ResponseCode":"1"}"#, .rejected),
        (200, #"{"ResponseCode":"0"}"#, .unknown), (200, "not json", .unknown), (200, "", .unknown),
        (500, "", .unknown), (503, "<html>", .unknown),
        (400, #"{"errorCode":"400.002.02","errorMessage":"Bad Request - Invalid PartyB"}"#, .rejected),
        (500, #"{"errorCode":"500.003.02","errorMessage":"System is busy."}"#, .notProcessed),
        (429, #"{"errorCode":"500.003.03","errorMessage":"Quota Violation"}"#, .notProcessed),
        (429, #"{"fault":{"faultstring":"Spike arrest violation."}}"#, .notProcessed), (429, "", .notProcessed),
        (429, #"{"errorCode":"500.002.1001","errorMessage":"Duplicate OriginatorConversationID."}"#, .duplicate),
        (500, #"{"errorCode":"500.002.1001","errorMessage":"Duplicate OriginatorConversationID."}"#, .duplicate),
        (500, #"{"errorCode":"500.002.1001","errorMessage":"System internal error."}"#, .unknown),
        (500, #"{"errorCode":"500.003.1001","errorMessage":"Internal Server Error"}"#, .unknown),
    ]

    @Test(arguments: replies)
    func `believes of a reply only what it proves`(status: Int, body: String, verdict: Evidence.Verdict) {
        #expect(interpretPayout(Array(body.utf8), .reply(status: status), record)?.verdict == verdict)
    }

    func result(_ code: String, _ more: String = "") -> Evidence? {
        let body = #"""
            {"Result":{"ResultType":0,"ResultCode":\#(code),"ResultDesc":"d","OriginatorConversationID":"originator",
            "ConversationID":"AG_1","TransactionID":"NLJ0000000"\#(more)}}
            """#
        return interpretPayout(Array(body.utf8), .callback("result"), record)
    }

    @Test(arguments: ["failed", "accepted"])
    func `says of a success without an amount that paying again is not safe`(state: String) {
        let known = Record([
            "id": "originator", "state": .string(state),
            "external_ids": ["originator_conversation_id": "originator"],
        ])
        let body = #"""
            {"Result":{"ResultType":0,"ResultCode":0,"ResultDesc":"d","OriginatorConversationID":"originator",
            "ConversationID":"AG_1","TransactionID":"NLJ0000000"}}
            """#
        let evidence = interpretPayout(Array(body.utf8), .callback("result"), known)

        #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "no" && evidence?.receipt == nil)
        #expect(evidence?.externalIDs.isEmpty == false)
    }

    /// The sample of the portal's B2C page, with numbers masked.
    static let success = #"""
        ,"ResultParameters":{"ResultParameter":[{"Key":"TransactionAmount","Value":10},
        {"Key":"TransactionReceipt","Value":"NLJ41HAY6Q"},{"Key":"B2CRecipientIsRegisteredCustomer","Value":"Y"},
        {"Key":"B2CChargesPaidAccountAvailableFunds","Value":-4510.00},
        {"Key":"ReceiverPartyPublicName","Value":"254708374149 - John Doe"},
        {"Key":"TransactionCompletedDateTime","Value":"19.12.2019 11:45:50"}]},
        "ReferenceData":{"ReferenceItem":{"Key":"QueueTimeoutURL","Value":"https://internal/b2cresults"}}
        """#

    @Test(arguments: ["0", "\"0\""])
    func `reads a success by name`(code: String) throws {
        let evidence = try #require(result(code, Self.success))

        #expect(evidence.verdict == .succeeded && evidence.receipt == "NLJ41HAY6Q" && evidence.amount == 10)
        #expect(evidence.party == "254708374149" && evidence.externalIDs["conversation_id"] == "AG_1")
    }

    @Test func `does not take a success without an amount for one`() {
        #expect(result("0")?.verdict == .unknown)
    }

    @Test(arguments: InitiatorResultCode.all.filter { $0.code != "0" })
    func `gives every result code its meaning, and a failure's TransactionID none`(entry: InitiatorResultCode) {
        let evidence = result("\"\(entry.code)\"")

        #expect(evidence?.verdict != .succeeded && evidence?.receipt == nil && evidence?.code == entry.code)
        #expect(evidence?.meaning?.isEmpty == false && evidence?.whoseMove != nil && evidence?.chargeAgain != nil)
    }

    @Test(arguments: ["777", "\"\"", "\"0xSFC_IC0003\""])
    func `ends nothing by a code that is not documented`(code: String) {
        #expect(result(code)?.verdict == .unknown)
    }

    @Test func `proves nothing by a timeout of the queue, and nothing by what is no result`() {
        #expect(interpretPayout(Array("{}".utf8), .callback("timeout"), record)?.verdict == .unknown)
        for interpret in [interpretPayout, interpretPayoutQuery, interpretBalance] {
            let evidence = interpret(Array(#"{"strange":1}"#.utf8), .callback("result"), record)
            #expect(evidence?.verdict == .unknown && evidence?.meaning?.contains("strange") == true)
        }
    }
}

struct `Asking about a payout` {
    let record = Record(["id": "question", "about": "originator", "external_ids": [:]])
    let profile = input([:]).profile

    @Test func `asks by our own id, even when no answer ever came (seed's bug 11)`() {
        let unanswered = Record(["id": "record", "external_ids": [:]])
        let renamed = Record(["id": "record", "external_ids": ["originator_conversation_id": "5118-111210482-1"]])

        #expect(planPayoutQuery(unanswered, profile, 0)?["OriginalConversationID"] == "record")
        #expect(planPayoutQuery(renamed, profile, 0)?["OriginalConversationID"] == "record")
        #expect(planPayoutQuery(unanswered, input([:], settings: [:]).profile, 0) == nil)
    }

    @Test func `asks as a till where the organization is one`() {
        let unanswered = Record(["id": "record", "external_ids": [:]])

        #expect(planPayoutQuery(unanswered, profile, 0)?["IdentifierType"] == "4")
        #expect(planPayoutQuery(unanswered, input([:], type: "till").profile, 0)?["IdentifierType"] == "2")
    }

    func answer(_ status: String, code: String = "\"0\"", id: String = "originator") -> Evidence? {
        let body = #"""
            {"Result":{"ResultType":"0","ResultCode":\#(code),"ResultDesc":"d","OriginatorConversationID":"q",
            "ConversationID":"AG_2","TransactionID":"X","ResultParameters":{"ResultParameter":[
            {"Key":"DebitPartyName","Value":"600100 - Shop"},{"Key":"DebitPartyName","Value":"254708374149 - Doe"},
            {"Key":"OriginatorConversationID","Value":"\#(id)"},{"Key":"TransactionReason"},
            {"Key":"TransactionStatus","Value":"\#(status)"},{"Key":"Amount","Value":10.0},
            {"Key":"ReceiptNo","Value":"NLJ41HAY6Q"}]}}}
            """#
        return interpretPayoutQuery(Array(body.utf8), .callback("result"), record)
    }

    static let standings: [(String, Evidence.Verdict)] = [
        ("Completed", .succeeded), ("Initiated", .pending), ("Authorized", .pending), ("Cancelled", .failed),
        ("Declined", .failed), ("Expired", .failed), ("", .unknown), ("Reversed?", .unknown),
    ]

    @Test(arguments: standings)
    func `believes the standing, not the code of the question`(status: String, verdict: Evidence.Verdict) {
        #expect(answer(status)?.verdict == verdict)
    }

    @Test func `ends nothing by a question that failed, or that is about another payout`() {
        #expect(answer("Completed", code: "21")?.verdict == .unknown)
        #expect(answer("Completed", id: "another")?.verdict == .unknown)
    }

    @Test func `carries the receipt and the amount, and no id of the question`() {
        let evidence = answer("Completed")

        #expect(evidence?.receipt == "NLJ41HAY6Q" && evidence?.amount == 10 && evidence?.externalIDs == [:])
    }

    @Test func `takes an accepted question for nothing but that`() {
        let body = #"{"ConversationID":"AG_2","OriginatorConversationID":"q","ResponseCode":"0"}"#
        let evidence = interpretPayoutQuery(Array(body.utf8), .reply(status: 200), record)

        #expect(evidence?.verdict == .accepted && evidence?.externalIDs == [:])
    }
}

struct `Asking for the balance` {
    let record = Record(["id": "record", "external_ids": [:]])

    @Test func `tells M-Pesa whether the short code is a PayBill or a till`() throws {
        #expect(try planBalance(input([:])).body["IdentifierType"] == "4")
        #expect(try planBalance(input([:], type: "till")).body["IdentifierType"] == "2")
        #expect(try planBalance(input(["account_type": "TILL"])).body["IdentifierType"] == "2")
        #expect(throws: Refusal.self) { try planBalance(input([:], settings: [:])) }
    }

    func result(_ accounts: String, code: String = "0") -> Evidence? {
        let body = #"""
            {"Result":{"ResultType":"0","ResultCode":"\#(code)","ResultDesc":"d","OriginatorConversationID":"q",
            "ConversationID":"AG_2","TransactionID":"X","ResultParameters":{"ResultParameter":[
            {"Key":"AccountBalance","Value":"\#(accounts)"},{"Key":"BOCompletedTime","Value":20200109125710}]}}}
            """#
        return interpretBalance(Array(body.utf8), .callback("result"), record)
    }

    /// With the stray `&` that stands in the portal's own sample.
    @Test func `reads accounts, and keeps what has no form as it is`() {
        let data = result(
            "Working Account|KES|700000.00|600000.00|0.008&|0.00&Charges Paid Account|KES|-1540.00|-1540.00|0.00|0.00"
        )?
        .data

        #expect(data?["accounts"]?.arrayValue?.count == 1)
        #expect(data?["accounts"]?[0]?["name"] == "Charges Paid Account")
        #expect(data?["accounts"]?[0]?["current"] == "-1540.00")
        #expect(data?["unread"] == ["Working Account|KES|700000.00|600000.00|0.008", "|0.00"])
    }

    @Test func `shows the accounts that can be read, and what cannot`() throws {
        let evidence = try #require(
            result("Working Account|KES|1,700,000.00|1,600,000.00|0.00|0.00&Utility Account|KES|7.00|0.008")
        )
        let output = showBalance(
            Record([
                "id": "r", "state": "succeeded", "status": "SUCCESS", "external_ids": [:],
                "data": try #require(evidence.data),
            ])
        )

        #expect(evidence.verdict == .succeeded && output["accounts"]?[0]?["current"] == "1700000.00")
        #expect(output["unread"] == ["Utility Account|KES|7.00|0.008"])
        #expect(output["next"]?.stringValue?.contains("could not be read") == true)
        #expect(try JSONSchema(compiling: balanceSchema).violations(in: output).isEmpty)
    }

    @Test func `says what M-Pesa said where no account is named`() {
        let evidence = result("")

        #expect(evidence?.verdict == .rejected && evidence?.code == "0" && evidence?.meaning?.contains("“d”") == true)
        #expect(result("Utility Account|KES")?.meaning?.contains("Utility Account|KES") == true)
    }

    @Test(arguments: [("", "0"), ("Working Account|KES|1.00|1.00|0.00|0.00", "21")])
    func `tells nothing without accounts or with a failure`(accounts: String, code: String) {
        #expect(result(accounts, code: code)?.verdict == .rejected)
    }
}

struct `Showing a payout and a balance` {
    static let states = [
        "created", "sending", "accepted", "unknown", "reconciling", "manual", "succeeded", "failed", "cancelled",
        "expired", "rejected", "no_answer", "reversed",
    ]

    func record(_ state: String) -> Record {
        let status = ["succeeded": "SUCCESS", "failed": "FAILED", "rejected": "FAILED", "reversed": "REVERSED"]
        return Record([
            "id": "r", "state": .string(state), "status": .string(status[state] ?? "PENDING"), "created_ms": 1,
            "external_ids": [:], "data": ["accounts": [], "as_of": "20200109125710"],
        ])
    }

    @Test(arguments: states)
    func `never says paid of one that is not, and fits its schema`(state: String) throws {
        let output = showPayout(record(state))
        let next = try #require(output["next"]?.stringValue)

        #expect(next.hasPrefix("Paid out.") == (state == "succeeded"))
        #expect(try JSONSchema(compiling: payoutSchema).violations(in: output).isEmpty)
    }

    @Test(arguments: states)
    func `tells accounts only of a balance that was answered`(state: String) throws {
        let output = showBalance(record(state))

        #expect((output["accounts"] != nil) == (state == "succeeded"))
        #expect(try JSONSchema(compiling: balanceSchema).violations(in: output).isEmpty)
    }
}

struct `The catalogue` {
    @Test func `has schemas that compile and examples that fit them`() throws {
        for tool in try #require(b2c.catalogue["tools"]?.arrayValue) {
            let schema = try JSONSchema(compiling: #require(tool["input_schema"]))
            _ = try JSONSchema(compiling: #require(tool["output_schema"]))
            for example in tool["examples"]?.arrayValue ?? [] {
                #expect(try schema.violations(in: #require(example["arguments"])).isEmpty)
            }
        }
    }

    @Test(
        arguments: [
            (
                payoutDescriptor, ["phone_number": "0712", "amount": 1, "remarks": "Refund"],
                "phone_number: expected at least 9 characters. "
                    + "The customer's Safaricom number, such as 2547XXXXXXXX or 07XXXXXXXX."
            ),
            (
                bulkPaymentDescriptor, ["batch_name": "b", "payments": [["phone_number": "0712", "amount": 1]]],
                "phone_number: expected at least 9 characters. Such as 07XXXXXXXX."
            ),
        ] as [(JSONObject, JSON, String)]
    )
    func `says of a phone that is too short how one is written`(tool: JSONObject, said: JSON, words: String) throws {
        let schema = try JSONSchema(compiling: #require(tool["input_schema"]))
        #expect(schema.violations(in: said).map(\.message) == [words])
    }

    @Test func `reads what its input schemas say, and writes what its output schemas say`() {
        let account: JSON = [
            "name": "Utility Account", "currency": "KES", "current": "1.00", "available": "1.00", "reserved": "0.00",
            "uncleared": "0.00",
        ]
        let records = Record.samples(
            externalIDs: ["conversation_id", "originator_conversation_id"],
            data: ["accounts": [account], "as_of": "20200109125710", "unread": ["Float|KES"]]
        )

        let profiles = [Profile.sample(settings: operatorSettings)]
        #expect(b2c.schemaDisagreements(profiles: profiles, records: records) == [])
    }
}

struct `Planning a payout of a batch` {
    @Test func `takes the reference as the occasion, and needs no remarks`() throws {
        let plan = try planBulkItem(input(["phone_number": "0712345678", "amount": 500, "account_reference": "EMP-1"]))

        #expect(plan.body["Occassion"] == "EMP-1" && plan.body["Remarks"] == "Payment" && plan.reference == "EMP-1")
        #expect(plan.guards.map(\.key) == ["payout:254712345678:500"])
    }

    @Test func `is refused where the host gives the whole call`() throws {
        let tools = b2c.tools.compactMap { tool in if case .operation(let found) = tool { found } else { nil } }
        let bulk = try #require(tools.first { $0.descriptor["name"] == "mpesa_bulk_payment" })

        let refusal = #expect(throws: Refusal.self) {
            try bulk.prepare(input(["phone_number": "0712345678", "amount": 500]))
        }
        #expect(refusal?.code == "not_supported" && bulk.descriptor["x-items"]?["pointer"] == "/payments")
    }

    @Test(arguments: [("pause_codes", ["1", "5"]), ("break_codes", ["21", "2001", "8006"])])
    func `stops its batch by the codes that say that the next would fail too`(member: String, codes: [String]) throws {
        let kinds = try #require(b2c.catalogue["operations"]?.arrayValue)
        let payout = try #require(kinds.first { $0["direction"] == "out" })
        let named = payout[member]?.arrayValue?.compactMap(\.stringValue) ?? []

        #expect(named.isEmpty == false && Set(codes).isSubset(of: named))
        #expect(payout["name"] == "payout")
    }
}
