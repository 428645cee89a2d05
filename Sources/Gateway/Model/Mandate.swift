import OrderedJSON

/// What a program that decides for itself may move alone with one key: how much, to whom, by which tools, in which hours,
/// until when.
///
/// Within it a call leaves that would wait for a person where no rule of the organization matches; what a rule says comes
/// first. It bounds all that the key moves: what is past it is refused, and once it has ended or was revoked nothing moves.
package struct Mandate: Sendable, Equatable {
    /// What is permitted.
    package struct Terms: Sendable, Equatable {
        /// What it is for, for people.
        package var purpose: String
        /// The only tools that move money with it, by name.
        package var tools: Set<String>
        /// How many shillings one call may move out or back.
        package var callMax: Int64
        /// How many a day, in Nairobi.
        package var dayMax: Int64
        /// The only receivers; nil for any.
        package var receivers: Set<String>?
        /// In which hours of Nairobi; nil for all.
        package var hours: Range<Int>?
        /// When it ends.
        package var until: Timestamp

        /// States them.
        package init(
            purpose: String,
            tools: Set<String>,
            callMax: Int64,
            dayMax: Int64,
            receivers: Set<String>? = nil,
            hours: Range<Int>? = nil,
            until: Timestamp
        ) {
            self.purpose = purpose
            self.tools = tools
            self.callMax = callMax
            self.dayMax = dayMax
            self.receivers = receivers
            self.hours = hours
            self.until = until
        }

        /// Whether they permit nothing that others do not.
        func areWithin(_ others: Terms) -> Bool {
            tools.isSubset(of: others.tools) && until <= others.until && limit(of: "").isAtLeast(others.limit(of: ""))
        }

        /// Their sums as a limit of whoever has the mandate.
        fileprivate func limit(of subject: String) -> MoneyLimit {
            MoneyLimit(
                directions: [.outgoing, .reverse],
                subject: subject,
                callMax: callMax,
                dayMax: dayMax,
                receivers: receivers,
                hours: hours
            )
        }
    }

    /// Terms that are to hold later, because they permit more.
    package struct Pending: Sendable, Equatable {
        /// What is to be permitted.
        package let terms: Terms
        /// Who set it, as `user:<id>`.
        package let by: String
        /// From when on, unless another administrator agrees before.
        package let from: Timestamp

        /// States it.
        package init(terms: Terms, by: String, from: Timestamp) {
            self.terms = terms
            self.by = by
            self.from = from
        }
    }

    /// Whose it is.
    package let key: APIKeyID
    /// What was permitted last; nil while the first terms wait.
    package var terms: Terms?
    /// What waits.
    package var pending: Pending?
    /// Who took it back.
    package var revokedBy: String?

    /// How many an organization has at most.
    package static let countMax = 100
    /// How long one lasts at most.
    package static let longest = Duration.seconds(366 * 86_400)

    /// Permits nothing yet.
    package init(key: APIKeyID) { self.key = key }

    /// How calls name who makes them.
    package var subject: String { "key:\(key)" }

    /// It as it is then: what waited has taken its place once its time has come.
    package func standing(at now: Timestamp) -> Mandate {
        guard let pending, pending.from <= now else { return self }
        var mandate = self
        mandate.agree()
        return mandate
    }

    /// Lets what waits hold at once.
    package mutating func agree() {
        guard let pending else { return }
        (terms, self.pending, revokedBy) = (pending.terms, nil, nil)
    }

    /// Whether calls within it leave by themselves then.
    package func permits(at now: Timestamp) -> Bool {
        let mandate = standing(at: now)
        return mandate.revokedBy == nil && mandate.terms.map { now < $0.until } ?? false
    }

    /// Its sums, counted as limits are.
    package func limit(at now: Timestamp) -> MoneyLimit? { standing(at: now).terms?.limit(of: subject) }

    /// Why it keeps a call from being made at all; nil where it does not.
    fileprivate func refusal(tool: String, at now: Timestamp) -> GatewayError? {
        let mandate = standing(at: now)
        guard let terms = mandate.terms else { return nil }
        let why: String
        if mandate.revokedBy != nil {
            why = "was taken back"
        } else if terms.until <= now {
            why = "ended at \(terms.until)"
        } else if !terms.tools.contains(tool) {
            why = "does not name \(tool)"
        } else {
            return nil
        }
        return GatewayError(
            .permissionDenied,
            "The mandate of this key (\(terms.purpose)) \(why). Nothing was sent. An administrator of your organization sets it."
        )
    }
}

extension ApprovalPolicy {
    /// The mandate of whoever makes a call; nil where there is none.
    package func mandate(of subject: String) -> Mandate? { mandates.first { $0.subject == subject } }

    /// Whether a call may leave that waits for a person only because no rule matches.
    func permits(_ record: Record, at now: Timestamp) -> Bool { mandate(of: record.madeBy)?.permits(at: now) ?? false }

    /// All that bounds what moves: the limits in force, and those of mandates.
    package func bounds(at now: Timestamp) -> [MoneyLimit] {
        limits(at: now) + mandates.compactMap { $0.limit(at: now) }
    }

    /// The refusal of a call that is stopped, or that its key's mandate does not permit; nil for any other.
    package func refusal(tool: String, madeBy subject: String, _ caller: CallerKind?, at now: Timestamp)
        -> GatewayError?
    {
        stop(tool: tool, madeBy: subject, caller)?.refusal ?? mandate(of: subject)?.refusal(tool: tool, at: now)
    }

    /// Sets what a key may move alone: at once where that is no more than it may now, else after a while.
    package mutating func set(_ terms: Mandate.Terms, for key: APIKeyID, by who: String, at now: Timestamp) {
        let index = mandates.firstIndex { $0.key == key }
        var mandate = (index.map { mandates[$0] } ?? Mandate(key: key)).standing(at: now)
        if mandate.revokedBy == nil, let held = mandate.terms, terms.areWithin(held) {
            (mandate.terms, mandate.pending) = (terms, nil)
        } else {
            mandate.pending = Mandate.Pending(terms: terms, by: who, from: now + Self.settling)
        }
        if let index { mandates[index] = mandate } else { mandates.append(mandate) }
    }

    /// Takes a mandate back: its key moves nothing more, until another one holds.
    package mutating func revoke(_ key: APIKeyID, by who: String, at now: Timestamp) {
        guard let index = mandates.firstIndex(where: { $0.key == key }) else { return }
        var mandate = mandates[index].standing(at: now)
        guard mandate.terms != nil else {
            _ = mandates.remove(at: index)
            return
        }
        (mandate.pending, mandate.revokedBy) = (nil, who)
        mandates[index] = mandate
    }
}

extension Mandate.Terms {
    /// Reads what is shown and kept.
    package init(_ json: JSON) {
        let limit = MoneyLimit(json)
        self.init(
            purpose: json["purpose"]?.stringValue ?? "",
            tools: Set((json["tools"]?.arrayValue ?? []).compactMap(\.stringValue)),
            // What cannot be read must not let money out.
            callMax: limit.callMax ?? 0,
            dayMax: limit.dayMax ?? 0,
            receivers: limit.receivers,
            hours: limit.hours,
            until: Timestamp(milliseconds: json["until_ms"]?.integerValue ?? 0)
        )
    }

    /// As they are shown and kept.
    package var json: JSONObject {
        var object: JSONObject = [
            "purpose": .string(purpose), "tools": .array(tools.sorted().map { .string($0) }),
            "call_max": .integer(callMax), "day_max": .integer(dayMax), "until_ms": .integer(until.milliseconds),
        ]
        object["receivers"] = receivers.map { .array($0.sorted().map { .string($0) }) }
        object["from_hour"] = hours.map { .integer(Int64($0.lowerBound)) }
        object["until_hour"] = hours.map { .integer(Int64($0.upperBound)) }
        return object
    }
}

extension Mandate {
    /// Reads what is kept; nil where it names no key.
    init?(_ json: JSON) {
        guard let key = json["key"]?.stringValue.flatMap({ APIKeyID($0) }) else { return nil }
        self.init(key: key)
        terms = json["terms"].map { Terms($0) }
        pending = json["pending"]
            .map { pending in
                Pending(
                    terms: Terms(pending["terms"] ?? [:]),
                    by: pending["by"]?.stringValue ?? "",
                    from: Timestamp(milliseconds: pending["from_ms"]?.integerValue ?? .max)
                )
            }
        revokedBy = json["revoked_by"]?.stringValue
    }

    /// As it is kept.
    var json: JSON {
        var object: JSONObject = ["key": .string("\(key)")]
        object["terms"] = terms.map { .object($0.json) }
        object["pending"] = pending.map {
            ["terms": .object($0.terms.json), "by": .string($0.by), "from_ms": .integer($0.from.milliseconds)]
        }
        object["revoked_by"] = revokedBy.map { .string($0) }
        return .object(object)
    }
}
