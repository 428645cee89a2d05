@testable import Gateway

/// A small generator with a seed, so that a failure can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}

extension Record {
    /// Makes it one that is held.
    mutating func hold(until end: Timestamp) {
        state = .draft
        hold = Hold(arguments: ["amount": 100], reason: "x", until: end)
        nextActionAt = end
    }

    static func sample(
        organization: Identifier = Identifier(high: 1, low: 1),
        id: Identifier = Identifier(high: 2, low: 2),
        createdAt: Timestamp,
        direction: OperationDirection = .incoming,
        original: RecordID? = nil,
        environment: Environment = .test,
        recordClass: RecordClass = .transaction
    ) -> Record {
        Record(
            id: RecordID(id),
            organization: OrganizationID(organization),
            environment: environment,
            recordClass: recordClass,
            plugin: "stk-push",
            operation: "stk_push",
            tool: "mpesa_stk_push",
            direction: direction,
            madeBy: "key:1",
            intent: Intent(
                amount: Shillings(100),
                party: "254712345678",
                reference: "A",
                description: "B",
                original: original
            ),
            about: nil,
            createdAt: createdAt,
            query: recordClass == .exchange
                ? nil
                : QueryPlan(
                    operation: "stk_query",
                    firstAfter: .seconds(20),
                    every: [.seconds(15)],
                    trustFailureAfter: .seconds(90),
                    horizon: .seconds(86_400)
                ),
            sendBefore: createdAt + .seconds(60),
            request: RequestTemplate(body: ["Amount": "100"])
        )
    }
}
