import OrderedJSON
import PluginKit
import Testing

@testable import STKPush

private let known = Record([
    "id": "r", "amount": 100, "party": "254708374149",
    "external_ids": ["checkout_request_id": "ws_1", "merchant_request_id": "m-1"],
])

struct `An answer that names an id of a push` {
    let fresh = Record(["id": "r", "external_ids": [:]])

    func reply(_ code: String, _ more: String = "", status: Int = 200, of record: Record? = nil) -> Evidence? {
        let body = #"""
            {"MerchantRequestID":"m-1","CheckoutRequestID":"ws_1","ResponseCode":\#(code),"ResponseDescription":"Hm"\#(more)}
            """#
        return interpretPush(Array(body.utf8), .reply(status: status), record ?? fresh)
    }

    @Test(arguments: ["0", #""0""#, "0.0", #""0.0""#, "0E0", #""+0""#, #"" 0""#, "-0", #""00000000""#])
    func `was taken by a code 0 in each form of it, whatever its status`(code: String) {
        for status in [200, 202, 400, 429, 500, 503] {
            let evidence = reply(code, status: status)
            #expect(evidence?.verdict == .accepted && evidence?.externalIDs["checkout_request_id"] == "ws_1")
        }
    }

    @Test(arguments: [#""""#, #""Success""#, "200", "null", "false", #""0x""#, "-1", #""1","ResponseCode":"0""#])
    func `proves nothing by a code that is none, and can be asked about`(code: String) {
        for status in [200, 429, 500] {
            let evidence = reply(code, status: status)
            #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "check_first", "\(code)")
        }
        #expect(code.contains(",") || reply(code)?.externalIDs["checkout_request_id"] == "ws_1")
    }

    @Test(arguments: [
        #","errorCode":"400.002.02","errorMessage":"Bad Request - Invalid Amount""#,
        #","fault":{"faultstring":"Bad Request - Invalid Amount"}"#,
    ])
    func `proves nothing when it accepts and refuses, and shows both`(error: String) {
        let evidence = reply(#""0""#, error)

        #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "check_first")
        #expect(evidence?.meaning?.contains("Invalid Amount") == true && evidence?.meaning?.contains("“0”") == true)
        #expect(reply("null", error)?.verdict == .unknown)
    }

    @Test(arguments: [#","errorCode":"0""#, #","errorCode":0"#, #","fault":null"#, #","fault":{}"#])
    func `is not refused by an error that is none`(error: String) {
        #expect(reply(#""0""#, error)?.verdict == .accepted)
    }

    @Test func `is refused only by a plain code`() {
        #expect(reply(#""1""#)?.verdict == .rejected && reply("1.0")?.verdict == .rejected)
        #expect(reply(#""1""#, status: 500)?.verdict == .unknown)
    }

    @Test func `is another push's when it names other ids than are known`() {
        let other = Record(["id": "r", "external_ids": ["checkout_request_id": "ws_2"]])
        let merchant = Record(["id": "r", "external_ids": ["merchant_request_id": "m-2"]])

        for record in [other, merchant] {
            let evidence = reply(#""0""#, of: record)
            #expect(evidence?.verdict == .unknown && evidence?.externalIDs == [:])
        }
        #expect(reply(#""0""#, of: known)?.verdict == .accepted)
    }

    @Test func `is no refusal without an id when it says that it was taken`() {
        for body in [
            #"{"ResponseCode":"0","errorCode":"400.002.02"}"#, #"{"ResponseCode":0}"#,
            #"{"data":{"CheckoutRequestID":"ws_1","ResponseCode":"0"}}"#, #"{"CheckoutRequestID":"ws_1","Respon"#,
        ] {
            #expect(interpretPush(Array(body.utf8), .reply(status: 429), fresh)?.verdict == .unknown)
        }
    }
}

struct `An answer to a question about a push` {
    func answer(_ members: String) -> Evidence? {
        interpretQuery(Array("{\(members)}".utf8), .reply(status: 200), known)
    }

    @Test(arguments: ["0", "1032", "1037", "1"])
    func `counts for nothing unless it names the push and contradicts nothing`(code: String) {
        let result = #""ResultCode":"\#(code)","ResultDesc":"d""#
        for ids in [
            "", #""CheckoutRequestID":"","#, #""CheckoutRequestID":null,"#, #""CheckoutRequestID":"ws_2","#,
            #""CheckoutRequestID":"","MerchantRequestID":"m-2","#,
            #""CheckoutRequestID":"ws_1","MerchantRequestID":"m-2","#,
            #""CheckoutRequestID":"ws_1","ResponseCode":"1","#, #""MerchantRequestID":"m-1","#,
        ] {
            let evidence = answer(ids + result)
            #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "check_first", "\(ids)")
            #expect(evidence?.code == code && evidence?.meaning?.isEmpty == false)
        }
        let whole = #""CheckoutRequestID":"ws_1","MerchantRequestID":"m-1","ResponseCode":0.0,"#
        #expect(answer(whole + result)?.verdict != .unknown)
    }
}

struct `A callback with doubts` {
    static let items = [
        #"{"Name":"Amount","Value":100}"#, #"{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"}"#,
        #"{"Name":"PhoneNumber","Value":254708374149}"#,
    ]

    func document(_ items: [String], id: String = "ws_1", code: String = "0") -> String {
        #"""
        {"MerchantRequestID":"m-1","CheckoutRequestID":"\#(id)","ResultCode":\#(code),"ResultDesc":"d",
        "CallbackMetadata":{"Item":[\#(items.joined(separator: ","))]}}
        """#
    }

    func read(_ text: String, of record: Record = known) -> Evidence? {
        interpretPush(Array(text.utf8), .callback("result"), record)
    }

    func told(_ more: String..., first: Bool = false) -> Evidence? {
        read(#"{"Body":{"stkCallback":\#(document(first ? more + Self.items : Self.items + more))}}"#)
    }

    @Test func `ends nothing by two amounts, in either order, and disputes both`() {
        for evidence in [
            told(#"{"Name":"Amount","Value":999}"#), told(#"{"Name":"Amount","Value":999}"#, first: true),
        ] {
            #expect(evidence?.verdict == .unknown && evidence?.chargeAgain == "check_first")
            #expect(evidence?.amountText?.contains("999") == true && evidence?.amountText?.contains("100") == true)
            #expect(evidence?.meaning?.contains("two values of Amount") == true)
        }
    }

    @Test func `ends nothing by two receipts or two phones`() {
        let receipts = told(#"{"Name":"MpesaReceiptNumber","Value":"NLJ41HAY6Q"}"#)

        #expect(receipts?.verdict == .unknown && receipts?.receipt == nil && receipts?.chargeAgain == "check_first")
        #expect(receipts?.meaning?.contains("NLJ7RT61SV and NLJ41HAY6Q") == true)
        #expect(told(#"{"Name":"PhoneNumber","Value":254711111111}"#)?.verdict == .unknown)
    }

    @Test func `is paid when what is there twice is the same, or once without a value`() {
        #expect(told(#"{"Name":"Amount"}"#)?.verdict == .succeeded)
        #expect(told(#"{"Name":"Amount","Value":"100.00"}"#, #"{"Name":"Balance"}"#)?.verdict == .succeeded)
    }

    @Test(arguments: [#"0,"ResultCode":1032"#, #"1032,"ResultCode":0"#])
    func `cannot be read when its code is there twice and differs`(code: String) {
        let evidence = read(#"{"Body":{"stkCallback":\#(document(Self.items, code: code))}}"#)

        #expect(evidence?.verdict == .unknown && evidence?.meaning?.contains("two values") == true)
    }

    @Test(arguments: [" ", "-", "N/A", "0", "null", "None", "0000000000", "NLJ0000000"])
    func `ends nothing by a receipt that is none, and shows it`(receipt: String) {
        let items = [Self.items[0], #"{"Name":"MpesaReceiptNumber","Value":"\#(receipt)"}"#]
        let evidence = read(#"{"Body":{"stkCallback":\#(document(items))}}"#)

        #expect(evidence?.verdict == .unknown && evidence?.receipt == nil)
        #expect(evidence?.meaning?.contains("is no receipt") == true)
    }

    static let wrappings: [(String, String)] = [
        (#"{"stkCallback":"#, "}"), ("", ""), (#"{"body":{"stkcallback":"#, "}}"), (#"{"Body":{"StkCallback":"#, "}}"),
        (#"[{"Body":{"stkCallback":"#, "}}]"), (#"{"Body":[{"stkCallback":"#, "}]}"),
    ]

    @Test(arguments: wrappings)
    func `is read in other wrapping when it names the push, and else shown`(before: String, after: String) {
        let ours = read(before + document(Self.items) + after)
        let other = read(before + document(Self.items, id: "ws_2") + after)
        let text = JSON.string(before + document(Self.items) + after).bytes

        #expect(ours?.verdict == .succeeded && ours?.receipt == "NLJ7RT61SV")
        #expect(other?.verdict == .unknown && other?.code == "0" && other?.meaning?.contains("It begins") == true)
        #expect(interpretPush(text, .callback("result"), known)?.verdict == .succeeded)
    }

    @Test(arguments: ["null", "false", "{}"])
    func `is shown when it names no code`(code: String) {
        let evidence = read(#"{"Body":{"stkCallback":\#(document(Self.items, code: code))}}"#)

        #expect(evidence?.verdict == .unknown && evidence?.meaning?.contains("stkCallback") == true)
    }
}
