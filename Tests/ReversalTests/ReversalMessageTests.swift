import Daraja
import OrderedJSON
import PluginKit
import Testing

@testable import Reversal

/// What M-Pesa really sends, with numbers masked.
struct `What M-Pesa sends of a reversal` {
    static let fresh = Record([
        "id": "ours", "amount": 60, "party": "254708374149", "reference": "MJ551H6X5D", "external_ids": [:],
    ])
    static let noted = Record([
        "id": "ours", "amount": 60, "party": "254708374149", "reference": "MJ551H6X5D",
        "external_ids": [
            "conversation_id": "AG_20181005_00004d7ee675c0c7ee0b", "originator_conversation_id": "8521-4298025-1",
        ],
    ])

    private func result(
        _ record: Record = fresh,
        code: String = "0",
        original: String = "MJ551H6X5D",
        conversation: String = "AG_20181005_00004d7ee675c0c7ee0b",
        originator: String = "8521-4298025-1",
        amount: String = "60",
        receipt: String = "MJ561H6X5O"
    ) -> Evidence? {
        let body = #"""
            {"Result":{"ResultType":0,"ResultCode":\#(code),"ResultDesc":"d",
            "OriginatorConversationID":"\#(originator)","ConversationID":"\#(conversation)",
            "TransactionID":"\#(receipt)","ResultParameters":{"ResultParameter":[
            {"Key":"DebitAccountBalance","Value":"Utility Account|KES|51661.00|51661.00|0.00|0.00"},
            {"Key":"Amount","Value":\#(amount)},{"Key":"TransCompletedTime","Value":20181005153225},
            {"Key":"OriginalTransactionID","Value":"\#(original)"},{"Key":"Charge","Value":0},
            {"Key":"CreditPartyPublicName","Value":"254708374149 - John Doe"},
            {"Key":"DebitPartyPublicName","Value":"601315 - Safaricom1338"}]}}}
            """#
        return interpretReversal(Array(body.utf8), .callback("result"), record)
    }

    static let replies: [(Int, String, Evidence.Verdict)] = [
        (200, #"{"ConversationID":"AG_1","OriginatorConversationID":"o","ResponseCode":"0"}"#, .accepted),
        (200, #"{"ConversationID":"AG_1","OriginatorConversationID":"o","ResponseCode":"1"}"#, .rejected),
        (200, #"{"ResponseCode":"0"}"#, .unknown), (200, "not json", .unknown), (500, "", .unknown),
        (503, "<html>", .unknown),
        (400, #"{"errorCode":"400.002.02","errorMessage":"Bad Request - Invalid TransactionID"}"#, .rejected),
        (500, #"{"errorCode":"500.003.02","errorMessage":"System is busy."}"#, .notProcessed),
        (429, "", .notProcessed),
    ]

    @Test(arguments: replies)
    func `proves of an answer only what it says`(status: Int, body: String, verdict: Evidence.Verdict) {
        #expect(interpretReversal(Array(body.utf8), .reply(status: status), Self.fresh)?.verdict == verdict)
    }

    @Test func `names its ids, which are kept as they were first told`() {
        let reply = #"{"ConversationID":"AG_1","OriginatorConversationID":"8521-1-1","ResponseCode":"0"}"#
        let first = interpretReversal(Array(reply.utf8), .reply(status: 200), Self.fresh)

        #expect(first?.externalIDs == ["conversation_id": "AG_1", "originator_conversation_id": "8521-1-1"])
        #expect(result()?.externalIDs.count == 2 && result(Self.noted)?.externalIDs.isEmpty == true)
    }

    @Test(arguments: ["60", "60.00", "\"60\"", "\"60.00\"", "6E+1"])
    func `is a success with amount, customer and a receipt of its own`(amount: String) {
        let evidence = result(Self.noted, amount: amount)

        #expect(evidence?.verdict == .succeeded && evidence?.amount == 60 && evidence?.receipt == "MJ561H6X5O")
        #expect(evidence?.party == "254708374149")
    }

    @Test func `is ours under an address of ours before its answer, unless it names another payment`() {
        #expect(result()?.verdict == .succeeded)
        #expect(result(original: "mj551h6x5d")?.verdict == .succeeded)
        #expect(result(original: "MJ551H6XXX")?.verdict == .unknown)
        #expect(result(Self.noted, conversation: "AG_2", originator: "8521-4298025-1")?.verdict == .unknown)
    }

    @Test func `is ours where only what Daraja made up of our id differs`() {
        #expect(result(Self.noted, originator: "5118-1-1")?.verdict == .succeeded)
        #expect(result(Self.noted, conversation: "20181005_00004d7ee675c0c7ee0b")?.verdict == .succeeded)
    }

    @Test func `is no success by the receipt of the payment that it gives back`() {
        let evidence = result(receipt: "MJ551H6X5D")

        #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "no" && evidence?.receipt == nil)
    }

    @Test func `is refused by 21, whatever stands beside it`() {
        let evidence = result(code: "21")

        #expect(evidence?.verdict == .failed && evidence?.whoseMove == "organization" && evidence?.receipt == nil)
    }

    @Test(arguments: InitiatorResultCode.allOfReversals.filter { $0.code != "0" })
    func `says by every code what it means and whose move it is`(entry: InitiatorResultCode) {
        let evidence = result(code: "\"\(entry.code)\"")

        #expect(evidence?.verdict != .succeeded && evidence?.receipt == nil && evidence?.code == entry.code)
        #expect(evidence?.meaning?.isEmpty == false && evidence?.whoseMove == "organization")
    }

    @Test func `says that it was reversed already, and not by whom`() {
        #expect(result(code: "\"R000001\"")?.verdict == .duplicate)
        #expect(result(code: "\"R000001\"")?.chargeAgain == "check_first")
    }

    // 15 and 17 are other requests' codes; the rest nobody has heard of.
    @Test(arguments: ["15", "17", "777", "\"\"", "\"R000009\""])
    func `ends nothing by a code that says nothing of a reversal`(code: String) {
        #expect(result(code: code)?.verdict == .unknown)
    }

    @Test func `proves nothing where the queue timed out, or where it is no result`() {
        #expect(interpretReversal(Array("{}".utf8), .callback("timeout"), Self.fresh)?.verdict == .unknown)
        for interpret in [interpretReversal, interpretReversalQuery] {
            let evidence = interpret(Array(#"{"strange":1}"#.utf8), .callback("result"), Self.fresh)
            #expect(evidence?.verdict == .unknown && evidence?.meaning?.contains("strange") == true)
        }
    }

    @Test func `is read without its wrapping where it names the payment`() {
        let bare = #"{"ResultCode":"R000002","ResultDesc":"d","ConversationID":"AG_9"}"#
        let named =
            #"{"ResultCode":"R000002","ResultDesc":"d","ConversationID":"20181005_00004d7ee675c0c7ee0b"}"#

        #expect(interpretReversal(Array(bare.utf8), .callback("result"), Self.fresh)?.verdict == .unknown)
        #expect(interpretReversal(Array(named.utf8), .callback("result"), Self.noted)?.verdict == .failed)
    }
}
