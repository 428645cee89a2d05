import Daraja
import OrderedJSON
import Testing

struct `Wire shapes` {
    @Test(
        arguments: [
            ("AG_1", StatedID.named("AG_1")), ("", .missing), (.null, .missing), (17, .named("17")), (["x"], .unusable),
            ("ws\nCO", .unusable), ("ws\u{0}CO", .unusable), ("ws\u{85}CO", .unusable),
            (.string(String(repeating: "x", count: 128)), .named(String(repeating: "x", count: 128))),
            (.string(String(repeating: "x", count: 129)), .unusable),
            (.string(String(repeating: "x", count: 900_000)), .unusable),
        ] as [(JSON, StatedID)]
    )
    func `never take for an id what cannot be one`(value: JSON, id: StatedID) {
        #expect(StatedID(value) == id)
    }

    @Test func `need an id that can be one to be a reply`() {
        let long = JSON.string(String(repeating: "x", count: 900_000))
        for id: JSON in ["", "a\nb", long, .null] {
            #expect(STKPush.Reply(["MerchantRequestID": "m", "CheckoutRequestID": id, "ResponseCode": "0"]) == nil)
            #expect(InitiatorAPI.Reply(["ConversationID": id, "ResponseCode": "0"]) == nil)
        }
        #expect(STKPush.Reply(["CheckoutRequestID": "ws_1", "ResponseCode": 0])?.isAccepted == true)
    }

    @Test(
        arguments: [
            (0, "0"), ("0", "0"), ("0.0", "0"), ("1032", "1032"), ("SFC_IC0003", "SFC_IC0003"),
            ("00000000", "0"), ("0E0", "0"), ("+0", "0"), (" 0 ", "0"), ("00", "0"), ("1032.0", "1032"), ("0,0", "0,0"),
            ("1 0", "1 0"), ("1.5", "1.5"), ("TP40153", "TP40153"),
        ] as [(JSON, String)]
    )
    func `have result codes as texts`(code: JSON, text: String) {
        #expect(InitiatorAPI.Result(["Result": ["ResultCode": code]])?.ResultCode == text)
        #expect(STKPush.Callback(["Body": ["stkCallback": ["ResultCode": code]]])?.ResultCode == text)
    }

    @Test(
        arguments: [
            ("A|KES|22.40", 2240), ("A|KES|1&B|KES|2.5", 350), ("22.40", 2240), ("A|USD|1", nil), ("A|KES|-1", nil),
            ("", nil), ("A|KES|1&", 100),
            // More in all than a number holds.
            (Array(repeating: "A|KES|90000000000000", count: 2_000).joined(separator: "&"), nil),
        ] as [(String, Int64?)]
    )
    func `have fees as cents, or none that can be read`(text: String, cents: Int64?) {
        let parameter: JSON = ["Key": "DebitPartyCharges", "Value": .string(text)]
        let result: JSON = ["ResultCode": 0, "ResultParameters": ["ResultParameter": [parameter]]]
        #expect(InitiatorAPI.Result(["Result": result])?.feeCents("DebitPartyCharges") == cents)
    }

    static func apigee(_ text: String, _ code: String) -> String {
        #"{"fault":{"faultstring":"\#(text)","detail":{"errorcode":"\#(code)"}}}"#
    }

    static let faults: [(String, Int, ErrorEnvelope.Proof, String)] = [
        (
            apigee("Spike arrest violation.", "policies.ratelimit.SpikeArrestViolation"),
            500, .throttled, "policies.ratelimit.SpikeArrestViolation"
        ),
        (
            apigee("Rate limit quota violation.", "policies.ratelimit.QuotaViolation"),
            429, .throttled, "policies.ratelimit.QuotaViolation"
        ),
        (
            apigee("Unexpected EOF", "messaging.adaptors.http.flow.UnexpectedEOF"),
            502, .nothing, "messaging.adaptors.http.flow.UnexpectedEOF"
        ),
        (
            #"{"soapenv:Envelope":{"soapenv:Body":{"soapenv:Fault":"#
                + #"{"faultcode":"soapenv:Server","faultstring":"Internal"}}}}"#,
            500, .nothing, "soapenv:Server"
        ),
        (#"{"Envelope":{"Body":{"Fault":{"faultstring":"Spike Arrest"}}}}"#, 500, .throttled, "http_500"),
        (
            #"{"errorCode":"500.003.1001","errorMessage":"Error Occurred: Spike Arrest Violation"}"#, 500, .throttled,
            "500.003.1001"
        ),
        (
            #"{"errorCode":"500.002.1001","errorMessage":"The service is under maintenance"}"#, 500, .nothing,
            "500.002.1001"
        ),
    ]

    @Test(arguments: faults)
    func `tell throttling from other faults in whatever dress`(
        body: String,
        status: Int,
        proof: ErrorEnvelope.Proof,
        code: String
    ) throws {
        let envelope = try #require(ErrorEnvelope(try JSON(parsing: body), status: status))

        #expect(envelope.proof == proof && envelope.errorCode == code)
    }

    @Test func `see no fault in what is none`() throws {
        for body in [#"{"fault":"x"}"#, #"{"Body":{"stkCallback":{}}}"#, "{}", #"{"ResponseCode":"0"}"#] {
            #expect(ErrorEnvelope(try JSON(parsing: body), status: 500) == nil)
        }
    }

    /// With the stray `&` that stands in the portal's own sample, and amounts as statements write them.
    @Test func `lose no account for another that is damaged`() {
        let told = AccountBalance.read(
            "Working Account|KES|1,700,000.00|600000.00|0.00|0.00&Float Account|KES|1.00|1.00|0.008&|0.00"
                + "&Charges Paid Account|KES|-1540.00|-1540.00|0.00|0.00&Utility|KES|x|1|1|1& "
        )

        #expect(told.accounts.map(\.name) == ["Working Account", "Charges Paid Account"])
        #expect(told.accounts.map(\.current) == ["1700000.00", "-1540.00"])
        #expect(told.unread == ["Float Account|KES|1.00|1.00|0.008", "|0.00", "Utility|KES|x|1|1|1"])
    }

    @Test(arguments: ["1101", "1036", "1031", "11"])
    func `know the codes of pushes that integrators see`(code: String) {
        let entry = STKResultCode.named(code)

        #expect(entry.outcome != .unknown && entry.outcome != .paid && !entry.meaning.isEmpty)
    }

    @Test(arguments: ["5", "6", "7", "12", "13", "14", "TP40153"])
    func `know the codes of payouts that client libraries name`(code: String) {
        #expect(InitiatorResultCode.named(code).outcome == .failed)
    }
}
