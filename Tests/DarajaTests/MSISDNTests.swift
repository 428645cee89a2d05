import Daraja
import OrderedJSON
import Testing

struct `Reading a phone` {
    @Test(arguments: [
        "254712345678", "0712345678", "712345678", "+254712345678", "00254712345678", "+254 (0) 712 345-678",
        "0712\u{A0}345\u{202F}678", "\u{202A}+254712345678\u{202C}", "07\u{200B}12345678", "0712\u{2011}345\u{2011}678",
    ])
    func `takes every way to write it`(text: String) {
        #expect(MSISDN(text)?.digits == "254712345678")
    }

    @Test(arguments: [
        "0722XXXX89", "2547****287", "0722***000", "07XX XXX 123", "345678", "", "254", "0812345678", "2542123456789",
        "٠٧١٢٣٤٥٦٧٨", "+1 555 0100", "0712\n345678", "00712345678",
        "b5a2c96250612366ea272ffac6d9744aaf4b45aacd96aa7cfcb931ee",
        String(repeating: "0", count: 65),
    ])
    func `takes nothing that is masked, hashed, local or another country's for one`(text: String) {
        #expect(MSISDN(text) == nil)
    }

    @Test func `reads members of a message, texts and numbers`() {
        for value: JSON in [254_708_374_149, "0708374149", "254708374149.0", "2.54708374149E11", 708_374_149] {
            #expect(MSISDN(value)?.digits == "254708374149", "\(value)")
        }
        for value: JSON in ["2547****149", .null, "", true, 1] { #expect(MSISDN(value) == nil, "\(value)") }
    }

    @Test(arguments: [
        ("254708374149 - John Doe", "254708374149"), ("0708374149-John Doe", "254708374149"),
        ("254 708 374 149 - John", "254708374149"), ("254708374149", "254708374149"),
    ])
    func `reads the number that a public name begins with`(name: String, digits: String) {
        #expect(MSISDN(publicName: name)?.digits == digits)
    }

    @Test(arguments: ["2547****149 - John", "0722XXXX89 - J", "712345678* - J", "KCB BANK", "", "600100 - Shop"])
    func `reads no number from another name`(name: String) {
        #expect(MSISDN(publicName: name) == nil)
    }
}
