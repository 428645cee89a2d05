import OrderedJSON
import PluginKit
import Testing

@testable import B2C

private let own = "019ab3c4-0000-7000-8000-000000000001"
private let foreign = "019ab3c4-0000-7000-8000-000000000002"
private let payout = Record([
    "id": .string(own), "amount": 100, "party": "254708374149",
    "external_ids": ["originator_conversation_id": .string(own), "conversation_id": "AG_1"],
])

struct `A reply to a payout` {
    let fresh = Record(["id": .string(own), "external_ids": [:]])

    func reply(
        _ originator: String,
        code: String = #""0""#,
        more: String = "",
        status: Int = 200,
        of record: Record? = nil
    ) -> Evidence? {
        let body = #"""
            {"ConversationID":"AG_1","OriginatorConversationID":"\#(originator)","ResponseCode":\#(code)\#(more)}
            """#
        return interpretPayout(Array(body.utf8), .reply(status: status), record ?? fresh)
    }

    @Test func `is another payout's when it names an id of the form of ours that is not ours`() {
        let evidence = reply(foreign)

        #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "check_first")
        #expect(evidence?.externalIDs == [:] && evidence?.meaning?.contains(foreign) == true)
    }

    @Test func `is ours by our id, and by one of Daraja's own making`() {
        #expect(reply(own)?.verdict == .accepted && reply("")?.verdict == .accepted)
        #expect(reply("5118-111210482-1")?.externalIDs["reply_originator_conversation_id"] == "5118-111210482-1")
    }

    @Test func `is another payout's when its ConversationID is not the one that is known`() {
        let other = Record(["id": .string(own), "external_ids": ["conversation_id": "AG_2"]])

        #expect(reply("5118-1", of: other)?.verdict == .unknown && reply(own, of: other)?.verdict == .accepted)
    }

    @Test(arguments: ["0", "0.0", "0E0", #""+0""#, #"" 0""#])
    func `was taken by a code 0 in each form of it, whatever its status`(code: String) {
        for status in [200, 429, 500] {
            #expect(reply(own, code: code, status: status)?.verdict == .accepted)
        }
    }

    @Test(arguments: [#""""#, #""Success""#, "200", "null"])
    func `proves nothing by a code that is none, or beside an error`(code: String) {
        let error = #","errorCode":"400.002.02","errorMessage":"Bad Request""#

        #expect(reply(own, code: code)?.verdict == .unknown && reply(own, code: code)?.chargeAgain == "check_first")
        #expect(
            reply(own, code: code, more: error)?.verdict == .unknown && reply(own, more: error)?.verdict == .unknown
        )
    }
}

struct `A result with doubts` {
    static let parameters = [
        #"{"Key":"TransactionAmount","Value":100}"#, #"{"Key":"TransactionReceipt","Value":"NLJ41HAY6Q"}"#,
        #"{"Key":"ReceiverPartyPublicName","Value":"254708374149 - John Doe"}"#,
    ]

    func document(_ parameters: [String], id: String = own, transaction: String = "NLJ41HAY6Q") -> String {
        #"""
        {"ResultType":0,"ResultCode":0,"ResultDesc":"d","OriginatorConversationID":"\#(id)","ConversationID":"AG_9",
        "TransactionID":"\#(transaction)","ResultParameters":{"ResultParameter":[\#(parameters.joined(separator: ","))]}}
        """#
    }

    func read(_ text: String) -> Evidence? { interpretPayout(Array(text.utf8), .callback("result"), payout) }

    @Test func `ends nothing by two amounts or two receipts, in either order`() {
        let amount = #"{"Key":"TransactionAmount","Value":999}"#
        let receipt = #"{"Key":"TransactionReceipt","Value":"NLJ7RT61SV"}"#
        for parameters in [Self.parameters + [amount], [amount] + Self.parameters] {
            let evidence = read(#"{"Result":\#(document(parameters))}"#)
            #expect(evidence?.verdict == .unknown && evidence?.amountText?.contains("999") == true)
        }
        let evidence = read(#"{"Result":\#(document(Self.parameters + [receipt]))}"#)

        #expect(evidence?.verdict == .unknown && evidence?.receipt == nil && evidence?.chargeAgain == "check_first")
        #expect(evidence?.meaning?.contains("NLJ41HAY6Q and NLJ7RT61SV") == true)
    }

    @Test(arguments: ["0000000000", "N/A", "NLJ0000000", " "])
    func `ends nothing by a TransactionID that is no receipt`(transaction: String) {
        let evidence = read(#"{"Result":\#(document([Self.parameters[0]], transaction: transaction))}"#)

        #expect(evidence?.verdict == .unknown && evidence?.receipt == nil)
    }

    @Test(arguments: [("", ""), (#"{"result":"#, "}"), (#"{"Result":["#, "]}"), (#"[{"RESULT":"#, "}]")])
    func `is read in other wrapping when it names the payout, and else shown`(before: String, after: String) {
        let other = read(before + document(Self.parameters, id: foreign) + after)

        #expect(read(before + document(Self.parameters) + after)?.verdict == .succeeded)
        #expect(other?.verdict == .unknown && other?.meaning?.contains("It begins") == true)
        #expect(
            read(String(decoding: JSON.string(before + document(Self.parameters) + after).bytes, as: UTF8.self))?
                .verdict == .succeeded
        )
    }

    @Test(arguments: [#"J\ud83d"#, #"\udc00 Doe"#, #"\ud83dx\ud83d\ude00"#, #"\ud83d\u0041"#])
    func `is read although a name holds half a character`(name: String) {
        let text = #"{"Result":\#(document(Self.parameters))}"#.replacing("John Doe", with: name)

        #expect(read(text)?.verdict == .succeeded && read(text)?.receipt == "NLJ41HAY6Q")
    }
}

struct `A status answer with doubts` {
    func answer(_ parameters: String) -> Evidence? {
        let question = Record(["id": "question", "about": .string(own), "external_ids": [:]])
        let body = #"""
            {"Result":{"ResultCode":0,"ResultDesc":"d","ResultParameters":{"ResultParameter":[\#(parameters)
            {"Key":"OriginatorConversationID","Value":"\#(own)"},{"Key":"TransactionStatus","Value":"Completed"},
            {"Key":"Amount","Value":100.00},{"Key":"ReceiptNo","Value":"NLJ41HAY6Q"}]}}}
            """#
        return interpretPayoutQuery(Array(body.utf8), .callback("result"), question)
    }

    @Test(arguments: ["2032", "\"2032\""])
    func `says so where M-Pesa knows no such payout, and not where it could not look`(code: String) throws {
        let question = Record(["id": "question", "about": .string(own), "external_ids": [:]])
        let result = { (code: String) in
            Array(#"{"Result":{"ResultType":0,"ResultCode":\#(code),"ResultDesc":"It does not exist."}}"#.utf8)
        }
        let unknown = try #require(interpretPayoutQuery(result(code), .callback("result"), question))
        let refused = try #require(interpretPayoutQuery(result("2001"), .callback("result"), question))

        #expect(unknown.verdict == .notFound && unknown.code == "2032")
        #expect(refused.verdict == .unknown && refused.externalIDs.isEmpty)
    }

    @Test(arguments: ["CreditPartyName", "ReceiverPartyPublicName"])
    func `names the phone that was paid, when it is whole`(key: String) {
        #expect(answer(#"{"Key":"\#(key)","Value":"254711111111 - OTHER"},"#)?.party == "254711111111")
        #expect(answer(#"{"Key":"\#(key)","Value":"2547****111 - OTHER"},"#)?.party == nil)
        #expect(answer(#"{"Key":"\#(key)","Value":"600100 - Shop"},"#)?.verdict == .succeeded)
    }

    @Test(arguments: [
        #"{"Key":"TransactionStatus","Value":"Failed"},"#, #"{"Key":"Amount","Value":50},"#,
        #"{"Key":"ReceiptNo","Value":"NLJ7RT61SV"},"#, #"{"Key":"OriginatorConversationID","Value":"another"},"#,
    ])
    func `ends nothing by what it states twice and differently`(parameter: String) {
        #expect(answer(parameter)?.verdict == .unknown)
    }
}
