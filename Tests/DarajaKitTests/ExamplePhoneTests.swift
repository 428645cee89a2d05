import OrderedJSON
import PluginKit
import Testing

@testable import DarajaKit

struct `What a phone must look like` {
    @Test func `is said by forms that are nobody's phone, so that nothing of them is hidden from a model`() {
        let profile = Profile(["environment": "test", "short_code": "600100", "short_code_type": "paybill"])
        for phone: JSON in ["12345", "0722000111222", ""] {
            let input = PrepareInput(
                arguments: ["phone_number": phone],
                profile: profile,
                nowMilliseconds: 0,
                recordID: "r",
                originatorID: "o"
            )
            let refusal = #expect(throws: Refusal.self) { try PaymentArguments.phone(input) }
            let words = refusal?.message ?? ""
            #expect(words.contains("2547XXXXXXXX") && words.contains("07XXXXXXXX"), "\(words)")
            let runs = words.split { !$0.isNumber }
            #expect(runs.allSatisfy { $0.count < 9 }, "no phone, nor what the caller has said: \(words)")
        }
    }
}
