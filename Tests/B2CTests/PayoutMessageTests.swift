import Daraja
import JSONSchema
import OrderedJSON
import PluginKit
import Testing

@testable import B2C

/// What M-Pesa really sends, with numbers masked.
struct `What M-Pesa sends of a payout` {
    static let fresh = Record(["id": "ours", "amount": 10, "party": "254708374149", "external_ids": [:]])
    static let noted = Record([
        "id": "ours", "amount": 10, "party": "254708374149",
        "external_ids": [
            "originator_conversation_id": "ours", "reply_originator_conversation_id": "5118-111210482-1",
            "conversation_id": "AG_20191219_00004e48cf7e3533f581",
        ],
    ])

    func result(
        _ record: Record = fresh,
        originator: String? = "ours",
        conversation: String? = "AG_20191219_00004e48cf7e3533f581",
        code: String = "0",
        amount: String = "10",
        party: String = "254708374149 - John Doe"
    ) -> Evidence? {
        let ids = [("OriginatorConversationID", originator), ("ConversationID", conversation)]
            .compactMap { name, id in id.map { #""\#(name)":"\#($0)","# } }.joined()
        let body = #"""
            {"Result":{"ResultType":0,"ResultCode":\#(code),"ResultDesc":"The service request is processed.",\#(ids)
            "TransactionID":"NLJ41HAY6Q","ResultParameters":{"ResultParameter":[
            {"Key":"TransactionAmount","Value":\#(amount)},{"Key":"TransactionReceipt","Value":"NLJ41HAY6Q"},
            {"Key":"ReceiverPartyPublicName","Value":"\#(party)"}]}}}
            """#
        return interpretPayout(Array(body.utf8), .callback("result"), record)
    }

    func reply(_ originator: String?, _ record: Record = fresh) -> Evidence? {
        let id = originator.map { #""OriginatorConversationID":"\#($0)","# } ?? ""
        let body = #"{"ConversationID":"AG_1",\#(id)"ResponseCode":"0","ResponseDescription":"Accept"}"#
        return interpretPayout(Array(body.utf8), .reply(status: 200), record)
    }

    @Test func `keeps our id whatever the reply names, and notes the other beside it`() {
        #expect(reply("ours")?.externalIDs == ["conversation_id": "AG_1", "originator_conversation_id": "ours"])
        #expect(reply("")?.externalIDs == ["conversation_id": "AG_1", "originator_conversation_id": "ours"])
        #expect(reply(nil)?.externalIDs == ["conversation_id": "AG_1", "originator_conversation_id": "ours"])
        let other = reply("5118-111210482-1")

        #expect(other?.verdict == .accepted && other?.externalIDs["originator_conversation_id"] == "ours")
        #expect(other?.externalIDs["reply_originator_conversation_id"] == "5118-111210482-1")
    }

    @Test(arguments: ["ours", "5118-111210482-1"])
    func `is ours when its result names our id or the one of the reply`(id: String) {
        let evidence = result(Self.noted, originator: id)

        #expect(evidence?.verdict == .succeeded && evidence?.externalIDs["originator_conversation_id"] == "ours")
    }

    @Test func `is ours by its address where a result names no id`() {
        for evidence in [result(originator: nil, conversation: nil), result(originator: "", conversation: "")] {
            #expect(evidence?.verdict == .succeeded)
            #expect(evidence?.externalIDs == ["originator_conversation_id": "ours"])
        }
        #expect(
            result(Self.noted, originator: nil, conversation: "20191219_00004e48cf7e3533f581")?.verdict == .succeeded
        )
    }

    @Test(arguments: ["another", "5118-111210482-1"])
    func `says nothing of this payout when its result names another (seed's bug 1)`(id: String) {
        let evidence = result(originator: id)

        #expect(evidence?.verdict == .unknown && evidence?.externalIDs == [:] && evidence?.receipt == nil)
        #expect(evidence?.meaning?.contains(id) == true)
        #expect(result(Self.noted, originator: nil, conversation: "AG_other")?.verdict == .unknown)
        #expect(result(originator: String(repeating: "x", count: 900_000))?.verdict == .unknown)
    }

    @Test(arguments: ["10", "10.00", #""10""#, #""10.00""#, "1E+1", #""10.0""#])
    func `is ten shillings in each form of it`(amount: String) {
        #expect(result(amount: amount)?.verdict == .succeeded && result(amount: amount)?.amount == 10)
    }

    @Test(arguments: ["10.50", #""10.0000000000000000001""#, "10.0000000000000000001", "-10"])
    func `ends nothing by an amount that is not whole shillings`(amount: String) {
        let evidence = result(amount: amount)

        #expect(evidence?.verdict == .unknown && evidence?.amountText?.contains("10") == true)
        #expect(evidence?.meaning?.contains("where 10 was asked for") == true)
    }

    @Test(arguments: ["2547****149 - John Doe", "0722XXXX89 - J", "KCB BANK", "", "0722***000"])
    func `is no other receiver for being masked`(party: String) {
        #expect(result(party: party)?.verdict == .succeeded && result(party: party)?.party == nil)
    }

    @Test func `shows M-Pesa's code and words where no table has them`() {
        let evidence = result(code: #""TX_99""#)

        #expect(evidence?.verdict == .unknown && evidence?.code == "TX_99")
        #expect(evidence?.meaning?.contains("The service request is processed.") == true)
    }

    @Test(arguments: [
        (403, "<html>Incapsula incident ID: 893000-12</html>", Evidence.Verdict.unknown, "http_403"),
        (200, "<html>", .unknown, "http_200"),
        (
            500, #"{"fault":{"detail":{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}"#, .notProcessed,
            "policies.ratelimit.SpikeArrestViolation"
        ),
        (500, #"{"errorCode":"500.002.1001","errorMessage":"Maintenance"}"#, .unknown, "500.002.1001"),
        (404, #"{"errorCode":"404.001.03","errorMessage":"Invalid Access Token"}"#, .rejected, "404.001.03"),
    ])
    func `shows the code of what is answered instead of a reply`(
        status: Int,
        body: String,
        verdict: Evidence.Verdict,
        code: String
    ) {
        for interpret in [interpretPayout, interpretPayoutQuery, interpretBalance] {
            let evidence = interpret(Array(body.utf8), .reply(status: status), Self.fresh)
            #expect(evidence?.verdict == verdict && evidence?.code == code && evidence?.meaning?.isEmpty == false)
        }
    }
}

struct `A status answer` {
    func answer(_ parameters: String, of record: Record) -> Evidence? {
        let body = #"""
            {"Result":{"ResultType":"0","ResultCode":"0","ResultDesc":"d","OriginatorConversationID":"q",
            "ConversationID":"AG_2","TransactionID":"X","ResultParameters":{"ResultParameter":[\#(parameters)
            {"Key":"TransactionStatus","Value":"Completed"},{"Key":"Amount","Value":10.00},
            {"Key":"ReceiptNo","Value":"NLJ41HAY6Q"}]}}}
            """#
        return interpretPayoutQuery(Array(body.utf8), .callback("result"), record)
    }

    static let unanswered = Record(["id": "question", "about": "ours", "external_ids": [:]])
    static let noted = Record([
        "id": "question", "about": "ours",
        "external_ids": [
            "originator_conversation_id": "ours", "reply_originator_conversation_id": "5118-1",
            "conversation_id": "AG_1",
        ],
    ])

    @Test func `counts when it names our id, whether the reply came or not`() {
        let ours = #"{"Key":"OriginatorConversationID","Value":"ours"},"#

        #expect(answer(ours, of: Self.unanswered)?.verdict == .succeeded)
        #expect(answer(ours, of: Self.noted)?.verdict == .succeeded)
    }

    @Test(arguments: [
        #"{"Key":"OriginatorConversationID","Value":"5118-1"},"#, #"{"Key":"ConversationID","Value":"1"},"#,
        #"{"Key":"ConversationID","Value":"AG_1"},{"Key":"OriginatorConversationID"},"#,
    ])
    func `counts when it names what the reply named, and not where there was none`(parameter: String) {
        #expect(answer(parameter, of: Self.noted)?.verdict == .succeeded)
        #expect(answer(parameter, of: Self.unanswered)?.verdict == .unknown)
    }

    @Test(arguments: [
        "", #"{"Key":"OriginatorConversationID","Value":""},"#,
        #"{"Key":"OriginatorConversationID","Value":"another"},"#,
        #"{"Key":"OriginatorConversationID","Value":"another"},{"Key":"ConversationID","Value":"AG_1"},"#,
        #"{"Key":"OriginatorConversationID","Value":"question"},"#,
    ])
    func `counts for nothing when it names another payout or none`(parameter: String) {
        for record in [Self.noted, Self.unanswered] {
            let evidence = answer(parameter, of: record)
            #expect(evidence?.verdict == .unknown && evidence?.receipt == nil && evidence?.meaning != nil)
        }
    }
}

struct `Telling what is known of a payout` {
    func record(_ state: String, _ more: JSONObject = [:], events: JSON = []) -> Record {
        let status = ["succeeded": "SUCCESS", "failed": "FAILED", "reversed": "REVERSED"]
        var document: JSONObject = [
            "id": "r", "state": .string(state), "status": .string(status[state] ?? "PENDING"), "created_ms": 1,
            "external_ids": [:],
        ]
        for (name, value) in more { document[name] = value }
        return Record(.object(document), events: events)
    }

    @Test(arguments: [
        "created", "sending", "accepted", "unknown", "reconciling", "manual", "succeeded", "failed", "rejected",
        "reversed",
    ])
    func `says what differs of one that is disputed, and never again`(state: String) throws {
        let dispute: JSON = ["kind": "id", "text": "M-Pesa names another payment."]
        let output = showPayout(record(state, ["disputed": true, "disputes": [dispute], "charge_again": "yes"]))
        let next = try #require(output["next"]?.stringValue)

        #expect(output["disputed"] == true && output["dispute"] == "M-Pesa names another payment.")
        #expect(next.contains("M-Pesa names another payment.") && !next.lowercased().contains("again"))
        #expect(output["pay_again"]?.stringValue == (["succeeded", "reversed"].contains(state) ? "no" : "check_first"))
        #expect(try JSONSchema(compiling: payoutSchema).violations(in: output).isEmpty)
    }

    @Test func `names a failure that was learned by asking and is not believed yet`() {
        let asked: JSON = [
            [
                "source": "query", "verdict": "failed", "code": "Declined",
                "meaning": "M-Pesa did not pay it out: declined.",
            ]
        ]
        let output = showPayout(record("reconciling", ["charge_again": "yes"], events: asked))

        #expect(output["next"]?.stringValue?.contains("120 seconds") == true)
        #expect(output["pay_again"] == "wait" && output["result_code"] == "Declined")
        let words = output["result_desc"]?.stringValue ?? ""
        #expect(words.hasPrefix("It is open still.") && words.hasSuffix("M-Pesa did not pay it out: declined."))
    }

    @Test func `calls accepted only what M-Pesa accepted`() {
        #expect(showPayout(record("sending"))["next"]?.stringValue?.contains("working") == false)
    }
}
