import Daraja
import JSONSchema
import OrderedJSON
import PluginKit
import PluginKitTesting
import Testing

@testable import Reversal

private let operatorSettings: JSONObject = ["initiator_name": "operator"]

private func profile(_ settings: JSONObject = operatorSettings, type: String = "paybill") -> Profile {
    Profile([
        "environment": "test", "short_code": "600100", "short_code_type": .string(type), "settings": .object(settings),
    ])
}

struct `Planning a reversal` {
    private func plan(
        _ changes: JSONObject = [:],
        of original: Original = .sample(),
        settings: JSONObject = operatorSettings
    ) throws -> OperationPlan {
        var arguments: JSONObject = ["transaction_id": "NLJ7RT61SV", "reason": "Order cancelled"]
        for (name, value) in changes { arguments[name] = value }
        let input = PrepareInput(
            arguments: .object(arguments),
            profile: profile(settings),
            nowMilliseconds: 1_800_000_000_000,
            recordID: "record",
            originatorID: "originator"
        )
        return try planReversal(input, original)
    }

    @Test func `writes the body that Safaricom takes, spelling included`() throws {
        let plan = try plan(["amount": 40])

        #expect(plan.body["CommandID"] == "TransactionReversal" && plan.body["Initiator"] == "operator")
        #expect(plan.body["TransactionID"] == "NLJ7RT61SV" && plan.body["Amount"] == "40")
        #expect(plan.body["ReceiverParty"] == "600100" && plan.body["RecieverIdentifierType"] == "11")
        #expect(plan.body["ReceiverIdentifierType"] == nil && plan.body["Remarks"] == "Order cancelled")
        for name in ["SecurityCredential", "ResultURL", "QueueTimeOutURL"] { #expect(plan.body[name] == nil) }
        #expect(plan.amount == 40 && plan.reference == "NLJ7RT61SV" && plan.party == "254712345678")
    }

    @Test func `gives back all that is left where no amount is named`() throws {
        #expect(try plan().amount == 60)
    }

    @Test func `leaves it to the host to say that nothing is left`() throws {
        #expect(try plan(of: Original(record: Original.sample().record, left: 0)).amount == 1)
    }

    @Test func `is refused for a payment whose receipt M-Pesa has not named`() {
        var original = Original.sample()
        original.record.receipt = nil

        let refusal = #expect(throws: Refusal.self) { try plan(of: original) }

        #expect(refusal?.code == "not_supported" && refusal?.field == "/transaction_id")
    }

    @Test func `is refused where no operator is configured`() {
        let refusal = #expect(throws: Refusal.self) { try plan(settings: [:]) }

        #expect(refusal?.code == "not_configured" && refusal?.message.contains("initiator_name") == true)
    }

    @Test func `means what its schemas say`() {
        let found = reversals.schemaDisagreements(
            profiles: [.sample(settings: operatorSettings)],
            records: Record.samples(externalIDs: ["conversation_id", "originator_conversation_id"])
        )

        #expect(found == [])
    }
}

struct `Asking about a reversal` {
    private let known: JSONObject = ["conversation_id": "AG_1", "originator_conversation_id": "8521-1-1"]

    @Test func `goes by the ids of its own answer, and never by the payment's receipt`() {
        let record = Record(["id": "record", "reference": "NLJ7RT61SV", "external_ids": .object(known)])

        let body = planReversalQuery(record, profile(), 0)

        #expect(body?["OriginalConversationID"] == "8521-1-1" && body?["TransactionID"] == nil)
        #expect(body.map { !$0.text.contains("NLJ7RT61SV") } == true && body?["IdentifierType"] == "4")
        #expect(planReversalQuery(record, profile(type: "till"), 0)?["IdentifierType"] == "2")
    }

    @Test func `is impossible where its answer was lost`() {
        let record = Record(["id": "record", "reference": "NLJ7RT61SV", "external_ids": [:]])

        #expect(planReversalQuery(record, profile(), 0) == nil)
    }

    private func answer(_ status: String, code: String = "0", id: String = "8521-1-1") -> Evidence? {
        let record = Record(["id": "question", "about": "reversal", "external_ids": .object(known)])
        let body = #"""
            {"Result":{"ResultType":"0","ResultCode":"\#(code)","ResultDesc":"d","OriginatorConversationID":"q",
            "ConversationID":"AG_2","TransactionID":"X","ResultParameters":{"ResultParameter":[
            {"Key":"DebitPartyName","Value":"600100 - Shop"},{"Key":"CreditPartyName","Value":"254708374149 - Doe"},
            {"Key":"OriginatorConversationID","Value":"\#(id)"},{"Key":"TransactionReason"},
            {"Key":"TransactionStatus","Value":"\#(status)"},{"Key":"Amount","Value":60.0},
            {"Key":"ReceiptNo","Value":"MJ561H6X5O"}]}}}
            """#
        return interpretReversalQuery(Array(body.utf8), .callback("result"), record)
    }

    static let standings: [(String, Evidence.Verdict)] = [
        ("Completed", .succeeded), ("Declined", .failed), ("Expired", .failed), ("Authorized", .pending),
        ("Something", .unknown),
    ]

    @Test(arguments: standings)
    func `reads where it stands`(status: String, verdict: Evidence.Verdict) {
        #expect(answer(status)?.verdict == verdict)
    }

    @Test func `tells amount, party and receipt of one that is done`() {
        let evidence = answer("Completed")

        #expect(evidence?.amount == 60 && evidence?.receipt == "MJ561H6X5O" && evidence?.party == "254708374149")
    }

    @Test func `proves nothing by an answer about something else, such as the payment itself`() {
        #expect(answer("Completed", id: "the-payment")?.verdict == .unknown)
        #expect(answer("Completed", code: "2032")?.verdict == .notFound)
    }
}

struct `Showing a reversal` {
    private func next(_ state: String, _ more: JSONObject = [:]) -> String {
        var document: JSONObject = ["id": "r", "state": .string(state), "status": "PENDING", "external_ids": [:]]
        for (name, value) in more { document[name] = value }
        return showReversal(Record(.object(document)))["next"]?.stringValue ?? ""
    }

    @Test(arguments: ["created", "sending", "accepted", "unknown", "reconciling", "manual", "failed", "rejected"])
    func `never calls it given back before M-Pesa said so`(state: String) {
        #expect(!next(state).hasPrefix("Given back") && !next(state).contains("Nothing more to do"))
    }

    @Test func `says of one that cannot be asked about that a person must look`() {
        #expect(next("unknown").contains("a person must check"))
        #expect(next("manual").contains("held_reversals"))
    }

    @Test func `says of a whole one that M-Pesa had done before that nothing is left to do`() {
        #expect(next("succeeded", ["code": "R000001"]).contains("reversed already"))
    }

    @Test func `tells nobody to reverse again what is disputed`() {
        let disputed = Record([
            "id": "r", "state": "reconciling", "status": "PENDING", "external_ids": [:], "disputed": true,
            "disputes": [["kind": "contradiction", "text": "It was reversed before."]], "charge_again": "yes",
        ])

        let shown = showReversal(disputed)

        #expect(shown["reverse_again"] == "check_first" && shown["disputed"] == true)
        #expect(shown["next"]?.stringValue?.contains("It was reversed before.") == true)
    }
}
