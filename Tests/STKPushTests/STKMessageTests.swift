import Daraja
import DarajaKit
import OrderedJSON
import PluginKit
import Testing

@testable import STKPush

/// What M-Pesa really sends, with numbers masked.
struct `What M-Pesa sends of a push` {
    let record = Record([
        "id": "r", "amount": 1, "party": "254708374149", "external_ids": ["checkout_request_id": "ws_1"],
    ])

    func callback(_ items: String, id: String = "ws_1", code: String = "0") -> [UInt8] {
        let body = #"""
            {"Body":{"stkCallback":{"MerchantRequestID":"29115-34620561-1","CheckoutRequestID":"\#(id)",
            "ResultCode":\#(code),"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[\#(items)]}}}}
            """#
        return Array(body.utf8)
    }

    func paid(amount: String = "1.00", phone: String = "254708374149", receipt: String = "NLJ7RT61SV") -> Evidence? {
        let items = #"""
            {"Name":"Amount","Value":\#(amount)},{"Name":"MpesaReceiptNumber","Value":"\#(receipt)"},{"Name":"Balance"},
            {"Name":"TransactionDate","Value":20191219102115},{"Name":"PhoneNumber","Value":\#(phone)}
            """#
        return interpretPush(callback(items), .callback("result"), record)
    }

    @Test(arguments: ["1", "1.00", #""1""#, #""1.00""#, "1E+0", #""1E+0""#, "10e-1"])
    func `is one shilling in each form of it`(amount: String) throws {
        let evidence = try #require(paid(amount: amount))

        #expect(evidence.verdict == .succeeded && evidence.amount == 1 && evidence.amountText == nil)
    }

    @Test(arguments: ["1.50", #""1.50""#, "1.0000000000000000001", #""1.0000000000000000001""#, "-1", "1E-1"])
    func `ends nothing by an amount that is not whole shillings, and says what differs`(amount: String) throws {
        let evidence = try #require(paid(amount: amount))

        #expect(evidence.verdict == .unknown && evidence.receipt == nil && evidence.amount == nil)
        #expect(
            evidence.amountText == Money(amount.filter { $0 != "\"" })?.text && evidence.chargeAgain == "check_first"
        )
        #expect(evidence.meaning?.contains("where 1 was asked for") == true)
    }

    @Test(arguments: [#""""#, #""one""#, "null", "true", #""1,50""#])
    func `ends nothing by an amount that cannot be read`(amount: String) {
        #expect(paid(amount: amount)?.verdict == .unknown && paid(amount: amount)?.amountText == nil)
    }

    @Test(arguments: [
        "254708374149", #""254708374149""#, #""0708374149""#, #""+254 708 374 149""#, "708374149", "2.54708374149E11",
        #""00254708374149""#, "0708374149",
    ])
    func `names the same phone in each form of it`(phone: String) {
        #expect(paid(phone: phone)?.party == "254708374149" && paid(phone: phone)?.verdict == .succeeded)
    }

    @Test(arguments: [
        #""0722XXXX89""#, #""2547****287""#, #""0722***000""#, #""07XX XXX 123""#, #""374149""#, #""""#, "null",
        #""b5a2c96250612366ea272ffac6d9744aaf4b45aacd96aa7cfcb931ee147b558e""#, "1", "{}",
    ])
    func `is not another phone for being masked, hashed, cut or empty`(phone: String) throws {
        let evidence = try #require(paid(phone: phone))

        #expect(evidence.verdict == .succeeded && evidence.party == nil && evidence.amount == 1)
    }

    @Test func `is told as M-Pesa wrote it where it is masked, and never when it may be whole`() {
        #expect(paid(phone: #""0722XXXX89""#)?.meaning?.contains("0722XXXX89") == true)
        #expect(paid(phone: #""25470837414900""#)?.meaning?.contains("2547") == false)
    }

    @Test func `is another phone only when it can be read`() {
        #expect(paid(phone: #""0712345678""#)?.party == "254712345678")
    }

    @Test(arguments: ["\u{FEFF}", ""], ["", "\u{0}\u{0}"])
    func `is read although its bytes are no strict JSON`(before: String, after: String) {
        var bytes = Array(before.utf8)
        bytes += callback(
            #"""
            {"Name":"Amount","Value":1.00},{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"},
            """#
        )
        bytes.removeLast(5)
        bytes += Array("{\"Name\":\"Payer\",\"Value\":\"Jos".utf8) + [0xE9, 9, 10] + Array("\"}]}}}}\(after)".utf8)

        #expect(interpretPush(bytes, .callback("result"), record)?.verdict == .succeeded)
    }

    @Test(arguments: ["", "null", "{"])
    func `names nothing where an id is missing, and is ours by its address`(id: String) {
        let items = #"{"Name":"Amount","Value":1},{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"}"#
        let text = String(decoding: callback(items, id: ""), as: UTF8.self)
        let bytes =
            id.isEmpty
            ? text
            : text.replacing(#""CheckoutRequestID":"","#, with: id == "null" ? #""CheckoutRequestID":null,"# : "")
        let evidence = interpretPush(Array(bytes.utf8), .callback("result"), record)

        #expect(evidence?.verdict == .succeeded && evidence?.externalIDs["checkout_request_id"] == nil)
    }

    @Test(arguments: [String(repeating: "x", count: 900_000), #"ws_1\n"#, "ws\u{7}1"])
    func `ends nothing by an id that cannot be one`(id: String) {
        let items = #"{"Name":"Amount","Value":1},{"Name":"MpesaReceiptNumber","Value":"NLJ7RT61SV"}"#
        let evidence = interpretPush(callback(items, id: id), .callback("result"), record)
        let reply = #"{"MerchantRequestID":"m","CheckoutRequestID":"\#(id)","ResponseCode":"0"}"#

        #expect(evidence?.verdict == .unknown && evidence?.externalIDs == [:])
        #expect(interpretPush(Array(reply.utf8), .reply(status: 200), record)?.verdict == .unknown)
    }

    @Test func `ends nothing by a receipt that cannot be one`() {
        #expect(paid(receipt: String(repeating: "N", count: 200))?.verdict == .unknown)
    }

    @Test func `shows M-Pesa's code and words where no table has them`() {
        let evidence = interpretPush(callback("", code: #""TX_99""#), .callback("result"), record)

        #expect(evidence?.verdict == .unknown && evidence?.code == "TX_99")
        #expect(evidence?.meaning?.contains("The service request is processed successfully.") == true)
    }
}

struct `What is answered instead of a reply` {
    let record = Record(["id": "r", "external_ids": [:]])
    static let block = #"<html><head><META NAME="ROBOTS"></head><body>Incapsula incident ID: 893000-12</body></html>"#

    static let strange: [(Int, String, Evidence.Verdict, String, String)] = [
        (403, block, .unknown, "http_403", "893000-12"), (503, block, .unknown, "http_503", "893000-12"),
        (200, block, .unknown, "http_200", "<html>"),
        (200, "<!DOCTYPE html><title>Portal</title>", .unknown, "http_200", "Portal"),
        (500, "", .unknown, "http_500", "empty"), (404, "<html>Not here", .unknown, "http_404", "Not here"),
        (400, "Bad\u{0}\nRequest", .unknown, "http_400", "Bad Request"), (200, "[]", .unknown, "http_200", "[]"),
        (200, #"{"ResponseCode":"0","ResponseDescription":"Success"}"#, .unknown, "http_200", "Success"),
        (
            500,
            #"{"fault":{"faultstring":"Spike arrest violation. Allowed rate : 10ps","detail":"#
                + #"{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}"#, .notProcessed,
            "policies.ratelimit.SpikeArrestViolation", "Allowed rate"
        ),
        (500, "<h1>Spike Arrest</h1>", .notProcessed, "http_500", "Spike"),
        (429, "<html>", .notProcessed, "http_429", "<html>"),
        (
            503, #"{"fault":{"faultstring":"The Service is temporarily unavailable"}}"#, .unknown, "http_503",
            "temporarily"
        ),
        (
            500,
            #"{"soapenv:Envelope":{"soapenv:Body":{"soapenv:Fault":{"faultcode":"soapenv:Server","#
                + #""faultstring":"Policy Falsified"}}}}"#, .unknown, "soapenv:Server", "Policy Falsified"
        ),
        (
            500, #"{"errorCode":"500.001.1001","errorMessage":"The transaction is being processed"}"#, .unknown,
            "500.001.1001", "being processed"
        ),
    ]

    @Test(arguments: strange)
    func `shows its status and how it begins`(
        status: Int,
        body: String,
        verdict: Evidence.Verdict,
        code: String,
        words: String
    ) throws {
        let evidence = try #require(interpretPush(Array(body.utf8), .reply(status: status), record))

        #expect(evidence.verdict == verdict && evidence.code == code, "\(evidence)")
        #expect(evidence.meaning?.contains(words) == true, "\(evidence)")
        #expect(evidence.meaning.map { $0.count < 500 && !$0.contains("\n") } == true)
        #expect(verdict == .notProcessed || evidence.meaning?.contains("\(status)") == true)
    }

    @Test(arguments: strange)
    func `ends no payment when it answers a question`(
        status: Int,
        body: String,
        verdict: Evidence.Verdict,
        code: String,
        words: String
    ) {
        let evidence = interpretQuery(Array(body.utf8), .reply(status: status), record)

        #expect(evidence?.verdict == .unknown || evidence?.verdict == .pending)
        #expect(evidence?.code == code && evidence?.meaning?.isEmpty == false)
    }

    static let refusals: [(String, String, String, String)] = [
        ("500.001.1001", "Wrong credentials", "organization", "passkey"),
        ("500.001.1001", "Merchant does not exist", "organization", "short code"),
        ("404.001.03", "Invalid Access Token", "organization", "M-Pesa Express is not enabled"),
        ("400.002.02", "Bad Request - Invalid BusinessShortCode", "organization", "short code"),
        ("400.002.02", "Bad Request - Invalid PhoneNumber", "integrator", "PhoneNumber"),
        ("400.002.02", "Bad Request - Invalid CallBackURL", "operator", "callback address"),
    ]

    @Test(arguments: refusals)
    func `says what a refusal means and whose move it is`(code: String, text: String, who: String, word: String) throws
    {
        let body = #"{"requestId":"1c5b","errorCode":"\#(code)","errorMessage":"\#(text)"}"#
        let evidence = try #require(interpretPush(Array(body.utf8), .reply(status: 400), record))

        #expect(evidence.verdict == .rejected && evidence.whoseMove == who && evidence.code == code)
        #expect(evidence.meaning?.contains(word) == true && evidence.meaning?.contains(text) == true)
    }

    @Test func `does not settle a payment by the answer about another`() {
        let known = Record(["id": "r", "external_ids": ["checkout_request_id": "ws_1"]])
        let body = #"{"CheckoutRequestID":"ws_2","ResultCode":"0","ResultDesc":"d"}"#

        #expect(interpretQuery(Array(body.utf8), .reply(status: 200), known)?.verdict == .unknown)
    }
}
