import OrderedJSON

/// What a plugin answered, read strictly: anything that is not of the shape in docs/abi.md breaks rule P2.
package enum PluginAnswers {
    /// The answer is not of the agreed shape; says which member and what was expected.
    package struct Malformed: Error, Sendable, Equatable {
        /// For the log and the plugin's status.
        package let reason: String
    }

    /// A plan for a request.
    package struct Plan: Sendable, Equatable {
        /// What is asked.
        package let intent: Intent
        /// What must not be open beside it.
        package let guards: [Guard]
        /// What must be unique.
        package var unique: [UniqueKey]
        /// What to send.
        package let request: RequestTemplate
    }

    /// What `prepare` answered.
    package enum Prepared: Sendable {
        /// It will not do this.
        case refusal(GatewayError)
        /// It will.
        case plan(Plan)
    }

    /// Reads what `prepare` answered.
    package static func prepared(_ bytes: [UInt8]) throws(Malformed) -> Prepared {
        let answer = try parse(bytes)
        if let refusal = answer["refusal"] { return .refusal(try self.refusal(refusal)) }
        guard let plan = answer["plan"] else { throw Malformed(reason: "expected a member plan or refusal") }
        guard let intent = plan["intent"], intent.objectValue != nil else {
            throw Malformed(reason: "/plan/intent: expected an object")
        }
        return .plan(
            Plan(
                intent: try self.intent(intent),
                guards: try list(intent["guards"], at: "/plan/intent/guards", read: guardRule),
                unique: try list(intent["unique"], at: "/plan/intent/unique", read: uniqueKey),
                request: try request(plan["request"])
            )
        )
    }

    /// Reads what `interpret` answered; nil for "not mine".
    package static func evidence(_ bytes: [UInt8]) throws(Malformed) -> Evidence? {
        let answer = try parse(bytes)
        if answer["not_mine"]?.boolValue == true { return nil }
        guard let found = answer["evidence"], found.objectValue != nil else {
            throw Malformed(reason: "expected a member evidence or not_mine")
        }
        let verdictText = try text(found, "verdict", at: "/evidence") ?? ""
        guard let verdict = Evidence.Verdict(rawValue: verdictText) else {
            throw Malformed(reason: "/evidence/verdict: no such verdict")
        }
        var ids: [String: String] = [:]
        for (name, value) in found["external_ids"]?.objectValue ?? JSONObject() {
            guard let id = value.stringValue else {
                throw Malformed(reason: "/evidence/external_ids/\(name): expected text")
            }
            ids[name] = id
        }
        var evidence = Evidence(
            verdict,
            externalIDs: ids,
            receipt: try text(found, "receipt", at: "/evidence"),
            code: try text(found, "code", at: "/evidence"),
            meaning: try text(found, "meaning", at: "/evidence"),
            whoseMove: try text(found, "whose_move", at: "/evidence"),
            chargeAgain: try text(found, "charge_again", at: "/evidence"),
            amount: try amount(found["amount"], at: "/evidence/amount"),
            amountText: try text(found, "amount_text", at: "/evidence"),
            party: try text(found, "party", at: "/evidence"),
            retryAfter: found["retry_after_ms"]?.integerValue.map { .milliseconds(max(0, $0)) },
            data: found["data"].flatMap { $0.isNull ? nil : $0 }
        )
        evidence.completedAt = try whole(found, "x-completed_ms").map { Timestamp(milliseconds: $0) }
        evidence.feeCents = try whole(found, "x-fee_cents")
        evidence.balances = try list(found["x-balances"], at: "/evidence/x-balances", read: balance)
        guard evidence.balances.count <= balancesMax else {
            throw Malformed(reason: "/evidence/x-balances: expected at most \(balancesMax)")
        }
        return evidence
    }

    /// How many accounts one answer tells of at most.
    private static let balancesMax = 64

    /// The largest balance that is read: what is done with several of them must fit a number.
    private static let centsMax: Int64 = 1_000_000_000_000_000

    private static func balance(_ value: JSON, at: Place) throws(Malformed) -> Balance {
        func cents(_ name: String) throws(Malformed) -> Int64 {
            guard let cents = value[name]?.integerValue, (-centsMax...centsMax).contains(cents) else {
                throw Malformed(reason: "\(at)/\(name): expected a whole number of cents, at most \(centsMax)")
            }
            return cents
        }
        guard let name = value["name"]?.stringValue, let currency = value["currency"]?.stringValue,
            (1...128).contains(name.utf8.count), (1...16).contains(currency.utf8.count)
        else { throw Malformed(reason: "\(at): expected a name and a currency") }
        return Balance(
            name: name,
            currency: currency,
            currentCents: try cents("current_cents"),
            availableCents: try cents("available_cents"),
            reservedCents: try cents("reserved_cents"),
            unclearedCents: try cents("uncleared_cents")
        )
    }

    private static func whole(_ evidence: JSON, _ name: String) throws(Malformed) -> Int64? {
        guard let value = evidence[name], !value.isNull else { return nil }
        guard let whole = value.integerValue, whole >= 0 else {
            throw Malformed(reason: "/evidence/\(name): expected a whole number of at least 0")
        }
        return whole
    }

    /// Reads what `query` answered; nil when there is nothing to ask.
    package static func query(_ bytes: [UInt8]) throws(Malformed) -> RequestTemplate? {
        let answer = try parse(bytes)
        if answer["none"]?.boolValue == true { return nil }
        return try request(answer["plan"]?["request"])
    }

    /// Where an element of a list stands; put into words only when it is wrong.
    private struct Place: CustomStringConvertible {
        let list: String
        let index: Int
        var description: String { "\(list)/\(index)" }
    }

    private static func parse(_ bytes: [UInt8]) throws(Malformed) -> JSON {
        do {
            return try JSON(parsing: bytes)
        } catch {
            throw Malformed(reason: "not JSON: \(error.reason)")
        }
    }

    private static func refusal(_ refusal: JSON) throws(Malformed) -> GatewayError {
        let codes: [GatewayError.Code] = [.invalidArgument, .limitExceeded, .notConfigured, .notSupported]
        guard let code = codes.first(where: { $0.rawValue == refusal["code"]?.stringValue }) else {
            throw Malformed(reason: "/refusal/code: expected one of \(codes.map(\.rawValue).joined(separator: ", "))")
        }
        guard let message = refusal["message"]?.stringValue else {
            throw Malformed(reason: "/refusal/message: expected a sentence")
        }
        let errors = refusal["field"]?.stringValue.map { [GatewayError.FieldError(pointer: $0, message: message)] }
        return GatewayError(code, message, errors: errors ?? [])
    }

    private static func intent(_ intent: JSON) throws(Malformed) -> Intent {
        let at = "/plan/intent"
        let original = try text(intent, "original", at: at)
        if let original, RecordID(original) == nil {
            throw Malformed(reason: "\(at)/original: expected a transaction id")
        }
        return Intent(
            amount: try amount(intent["amount"], at: at + "/amount"),
            party: try text(intent, "party", at: at),
            reference: try text(intent, "reference", at: at),
            description: try text(intent, "description", at: at),
            original: original.flatMap { RecordID($0) }
        )
    }

    private static func guardRule(_ rule: JSON, at: Place) throws(Malformed) -> Guard {
        guard let key = rule["key"]?.stringValue, !key.isEmpty else {
            throw Malformed(reason: "\(at)/key: expected text")
        }
        guard let openMax = rule["open_max"]?.integerValue, (1...1000).contains(openMax) else {
            throw Malformed(reason: "\(at)/open_max: expected 1 to 1000")
        }
        guard let window = rule["window_ms"]?.integerValue, window >= 0 else {
            throw Malformed(reason: "\(at)/window_ms: expected a number of milliseconds")
        }
        return Guard(
            key: key,
            openMax: Int(openMax),
            window: .milliseconds(window),
            code: rule["code"]?.stringValue ?? "conflict",
            message: rule["message"]?.stringValue ?? "Another open transaction stands in the way."
        )
    }

    private static func uniqueKey(_ unique: JSON, at: Place) throws(Malformed) -> UniqueKey {
        guard let key = unique["key"]?.stringValue, !key.isEmpty else {
            throw Malformed(reason: "\(at)/key: expected text")
        }
        let states = try list(unique["released_by"], at: "\(at)/released_by") { (value, at) throws(Malformed) in
            guard let state = value.stringValue.flatMap(RecordState.init(rawValue:)), state.isEnded else {
                throw Malformed(reason: "\(at): expected the name of an end state")
            }
            return state
        }
        return UniqueKey(key: key, releasedBy: states)
    }

    private static func request(_ request: JSON?) throws(Malformed) -> RequestTemplate {
        guard let request, let body = request["body"] else {
            throw Malformed(reason: "/plan/request: expected an object with a body")
        }
        var headers: [String: String] = [:]
        for (name, value) in request["headers"]?.objectValue ?? JSONObject() {
            guard let text = value.stringValue, isHeaderSafe(name), isHeaderSafe(text) else {
                throw Malformed(reason: "/plan/request/headers/\(name): expected visible text")
            }
            headers[name] = text
        }
        return RequestTemplate(headers: headers, body: body)
    }

    private static func isHeaderSafe(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private static func amount(_ value: JSON?, at: @autoclosure () -> String) throws(Malformed) -> Shillings? {
        guard let value, !value.isNull else { return nil }
        guard let whole = value.integerValue, let amount = Shillings(whole) else {
            throw Malformed(reason: "\(at()): expected whole shillings")
        }
        return amount
    }

    private static func text(_ object: JSON, _ name: String, at: String) throws(Malformed) -> String? {
        guard let value = object[name], !value.isNull else { return nil }
        guard let text = value.stringValue else { throw Malformed(reason: "\(at)/\(name): expected text") }
        return text
    }

    private static func list<Element>(
        _ value: JSON?,
        at: String,
        read: (JSON, Place) throws(Malformed) -> Element
    ) throws(Malformed) -> [Element] {
        guard let value, !value.isNull else { return [] }
        guard let elements = value.arrayValue else { throw Malformed(reason: "\(at): expected a list") }
        var result: [Element] = []
        result.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            result.append(try read(element, Place(list: at, index: index)))
        }
        return result
    }
}
