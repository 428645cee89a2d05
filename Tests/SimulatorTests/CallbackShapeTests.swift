import OrderedJSON
import Testing

@testable import Simulator

@Suite struct `The simulator's callbacks` {
    private func push(_ outcome: Outcome, after statuses: [Int] = []) -> JSON {
        var prompt = Prompt(
            checkoutRequestID: "ws_CO_1",
            merchantRequestID: "1-2-1",
            shortCode: "600000",
            phone: "254711000001",
            amount: 1_200,
            reference: "ref",
            callbackURL: "http://127.0.0.1:1/",
            outcome: outcome,
            createdMilliseconds: 1_764_000_000_000
        )
        (prompt.resultCode, prompt.receipt) = (0, "SABCDEFGHJ")
        prompt.callbackStatuses = statuses
        return STKCallbacks.body(of: prompt)["Body"]?["stkCallback"] ?? .null
    }

    private func payout(_ outcome: Outcome) throws -> JSON {
        var payout = Movement(
            .payout,
            conversationID: "AG_20261127_1",
            originatorID: "ours",
            shortCode: "600000",
            phone: "254711000001",
            amount: 1_200,
            remarks: "wages",
            resultURL: "http://127.0.0.1:1/",
            timeoutURL: "http://127.0.0.1:1/",
            outcome: outcome,
            createdMilliseconds: 1_764_000_000_000
        )
        (payout.resultCode, payout.receipt) = ("0", "SABCDEFGHJ")
        let bytes = InitiatorResults.bytes(of: payout, InitiatorResults.Accounts(working: 1, utility: 2))
        return try JSON(parsing: bytes)["Result"] ?? .null
    }

    private func value(_ name: String, _ list: JSON?, _ key: String) -> JSON? {
        list?.arrayValue?.first { $0[key] == .string(name) }?["Value"]
    }

    @Test func `may write all of it in other forms`() throws {
        let push = push(.otherForms)
        let items = push["CallbackMetadata"]?["Item"]
        #expect(push["ResultCode"] == "0" && value("Amount", items, "Name") == "1.2E+3")
        #expect(value("TransactionDate", items, "Name")?.stringValue?.count == 14)
        #expect(value("Channel", items, "Name") == "API" && items?[0]?["Name"] == "PhoneNumber")

        let payout = try payout(.otherForms)
        let parameters = payout["ResultParameters"]?["ResultParameter"]
        #expect(payout["ResultType"] == "0" && payout["ResultCode"] == "0")
        #expect(payout["ConversationID"] == "20261127_1")
        #expect(payout["ReferenceData"]?["ReferenceItem"]?.arrayValue?.count == 2)
        #expect(value("TransactionAmount", parameters, "Key") == "1.2E+3")
        #expect(value("TransactionCompletedDateTime", parameters, "Key")?.integerValue != nil)
    }

    @Test func `may hide the phone behind a digest`() throws {
        let phone = value("PhoneNumber", push(.hashedPhone)["CallbackMetadata"]?["Item"], "Name")?.stringValue
        #expect(phone?.count == 64)
        let parameters = try payout(.hashedPhone)["ResultParameters"]?["ResultParameter"]
        let name = try #require(value("ReceiverPartyPublicName", parameters, "Key")?.stringValue)
        #expect(name == (phone ?? "") + " - Amina Wanjiru")
    }

    @Test func `may state the receipt alone, or nothing`() throws {
        let lone = push(.loneReceipt)["CallbackMetadata"]?["Item"]
        #expect(lone == ["Name": "MpesaReceiptNumber", "Value": "SABCDEFGHJ"])
        let parameter = try payout(.loneReceipt)["ResultParameters"]?["ResultParameter"]
        #expect(parameter == ["Key": "TransactionReceipt", "Value": "SABCDEFGHJ"])
        #expect(push(.bareSuccess)["CallbackMetadata"] == nil)
        #expect(try payout(.bareSuccess)["ResultParameters"] == nil)
    }

    @Test func `may say when it was only once more`() {
        let name = "TransactionDate"
        let items = { (callback: JSON) in callback["CallbackMetadata"]?["Item"] }
        #expect(value(name, items(push(.statedLater)), "Name") == nil)
        #expect(value("Amount", items(push(.statedLater)), "Name") == 1_200)
        let second = push(.statedLater, after: [200])
        #expect(value(name, items(second), "Name") == value(name, items(push(.paid)), "Name"))
    }

    @Test(arguments: [(1, "1"), (10, "1E+1"), (120, "1.2E+2"), (100_000, "1E+5"), (101, "101"), (0, "0")])
    func `count tens as exponents do`(amount: Int64, text: String) {
        #expect(CallbackValues.withExponent(amount) == text)
    }
}
