import Daraja
import OrderedJSON
import Testing

struct `A receipt` {
    @Test(arguments: [
        "NLJ7RT61SV", " NLJ41HAY6Q\u{A0}", "RKTQDM7W6S", "RKTQDMPWKS", "SGR1A0", "OEI2AK4Q16", "nlj7rt61sv",
    ])
    func `is what M-Pesa sends, without what stands around it`(text: String) {
        #expect(Receipt(text)?.text == text.filter { !$0.isWhitespace })
    }

    @Test(arguments: [
        "", " ", "-", "N/A", "0", "null", "None", "NONE", "undefined", "0000000000", "12345", "1234567890",
        "NLJ0000000",
        "NLJ7 RT61SV", "NLJ7RT61\u{0}V", "NLJ7RTÉ1SV", String(repeating: "N1", count: 17),
    ])
    func `is nothing else that stands in its place`(text: String) {
        #expect(Receipt(text) == nil)
    }
}

struct `Items of a message` {
    func callback(_ items: JSON...) throws -> STKPush.Callback {
        try #require(
            STKPush.Callback(["Body": ["stkCallback": ["ResultCode": 0, "CallbackMetadata": ["Item": .array(items)]]]])
        )
    }

    @Test func `are one when their values are equal`() throws {
        let told = try callback(
            ["Name": "Amount", "Value": 100],
            ["Name": "Amount", "Value": "100.00"],
            ["Name": "PhoneNumber", "Value": "0712345678"],
            ["Name": "PhoneNumber", "Value": 254_712_345_678]
        )

        #expect(told.Amount == 100 && told.phone?.digits == "254712345678" && told.contradiction == nil)
    }

    @Test func `are not there without a value`() throws {
        let told = try callback(
            ["Name": "Amount"],
            ["Name": "Amount", "Value": 100],
            ["Name": "Amount", "Value": .null],
            ["Name": "Amount", "Value": ""]
        )

        #expect(told.Amount == 100 && told.contradiction == nil)
    }

    @Test func `contradict each other when their values differ`() throws {
        let told = try callback(["Name": "Amount", "Value": 999], ["Name": "Amount", "Value": 100])

        #expect(told.contradiction?.name == "Amount" && told.contradiction?.values == ["999", "100"])
    }
}
