import JSONSchema
import OrderedJSON
import PluginKit
import Testing

@testable import STKPush

struct `Telling what is known of a payment` {
    func record(_ state: String, _ more: JSONObject = [:], events: JSON = []) -> Record {
        let status = ["succeeded": "SUCCESS", "failed": "FAILED", "cancelled": "CANCELLED", "reversed": "REVERSED"]
        var document: JSONObject = [
            "id": "r", "state": .string(state), "status": .string(status[state] ?? "PENDING"), "created_ms": 1,
            "external_ids": ["checkout_request_id": "ws_1"],
        ]
        for (name, value) in more { document[name] = value }
        return Record(.object(document), events: events)
    }

    static let dispute: JSON = [
        "kind": "amount", "stated": "150", "expected": "100", "text": "M-Pesa names 150 shillings, 100 were asked for.",
    ]
    static let states = [
        "created", "sending", "accepted", "unknown", "reconciling", "manual", "succeeded", "failed", "cancelled",
        "expired", "rejected", "reversed",
    ]

    @Test(arguments: states)
    func `says what differs of one that is disputed, and never again`(state: String) throws {
        for disputes in [[Self.dispute], []] as [JSON] {
            let output = showPayment(record(state, ["disputed": true, "disputes": disputes, "charge_again": "yes"]))
            let next = try #require(output["next"]?.stringValue)

            #expect(output["disputed"] == true && !next.lowercased().contains("again"))
            #expect(
                output["charge_again"]?.stringValue
                    == (["succeeded", "reversed"].contains(state) ? "no" : "check_first")
            )
            #expect(next.contains(output["dispute"]?.stringValue ?? "?"))
            #expect(try JSONSchema(compiling: paymentSchema).violations(in: output).isEmpty)
        }
    }

    @Test func `says that nothing is disputed where nothing is`() {
        let output = showPayment(record("accepted"))

        #expect(output["disputed"] == false && output["dispute"] == nil)
    }

    @Test func `names a cancellation that was learned by asking and is not believed yet`() throws {
        let asked: JSON = [
            [
                "sequence": 4, "source": "query", "verdict": "cancelled", "code": "1032", "from": "accepted",
                "to": "reconciling", "meaning": "The customer cancelled the request.",
            ]
        ]
        let output = showPayment(record("reconciling", ["charge_again": "yes"], events: asked))

        #expect(output["next"]?.stringValue?.contains("The customer cancelled the request.") == true)
        #expect(output["next"]?.stringValue?.contains("90 seconds") == true)
        #expect(output["charge_again"] == "wait" && output["result_code"] == "1032")
        #expect(output["result_desc"]?.stringValue?.hasPrefix("It is open still.") == true)
    }

    @Test func `tells what is known of a push that nothing can be asked by`() throws {
        let answered: JSON = [
            [
                "sequence": 3, "source": "reply", "verdict": "unknown", "code": "http_403", "from": "sending",
                "to": "unknown", "meaning": "M-Pesa's answer (HTTP 403) does not say whether it took the request.",
            ]
        ]
        let output = showPayment(record("unknown", ["external_ids": [:]], events: answered))
        let next = try #require(output["next"]?.stringValue)

        #expect(next.contains("HTTP 403") && next.contains("Do not ask again before"))
        #expect(output["charge_again"] == "check_first" && output["result_code"] == "http_403")
    }

    @Test func `calls accepted only what M-Pesa accepted`() throws {
        for state in Self.states {
            let output = showPayment(record(state, ["external_ids": [:]]))
            #expect(output["next"]?.stringValue?.contains("accepted") == false, "\(state)")
        }
        #expect(showPayment(record("accepted"))["next"]?.stringValue?.contains("accepted") == true)
    }

    @Test(arguments: states.filter { !["succeeded", "failed", "cancelled", "expired", "rejected"].contains($0) })
    func `never says yes to charging while it is open`(state: String) {
        #expect(showPayment(record(state, ["charge_again": "yes"]))["charge_again"] != "yes" || state == "reversed")
    }
}
