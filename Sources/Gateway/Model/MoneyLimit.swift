import Cryptography
import OrderedJSON

/// How much of an organization's money may move by its calls.
///
/// What a call alone decides (its amount, its receiver, the hour) is refused at once. What adds up over a day of Nairobi is
/// counted in the commit that sends, or that lets a draft leave: a row for each scope and day, and none where nothing is
/// limited.
package struct MoneyLimit: Sendable, Equatable {
    /// Which way the money goes; none named is any.
    package var directions: Set<OperationDirection>
    /// Of whom: `user:<id>` or `key:<id>`; nil for everybody together.
    package var subject: String?
    /// Whether each receiver is counted apart.
    package var isPerReceiver: Bool
    /// How much one call may be.
    package var callMax: Int64?
    /// How much a day.
    package var dayMax: Int64?
    /// How many calls a day.
    package var dayCount: Int64?
    /// The only receivers; nil for any.
    package var receivers: Set<String>?
    /// In which hours of Nairobi, from the first up to the last without it; nil for all.
    package var hours: Range<Int>?

    /// How many limits an organization has at most.
    package static let countMax = 20
    /// How many receivers a limit names at most.
    package static let receiversMax = 200

    /// Limits what is stated.
    package init(
        directions: Set<OperationDirection> = [],
        subject: String? = nil,
        isPerReceiver: Bool = false,
        callMax: Int64? = nil,
        dayMax: Int64? = nil,
        dayCount: Int64? = nil,
        receivers: Set<String>? = nil,
        hours: Range<Int>? = nil
    ) {
        self.directions = directions
        self.subject = subject
        self.isPerReceiver = isPerReceiver
        self.callMax = callMax
        self.dayMax = dayMax
        self.dayCount = dayCount
        self.receivers = receivers
        self.hours = hours
    }

    /// - Parameter holders: Of the key that asks: a key's calls are theirs too.
    func isAbout(_ record: Record, of holders: [UserID]) -> Bool {
        guard directions.isEmpty || directions.contains(record.direction) else { return false }
        return subject.map { named in named == record.madeBy || holders.contains { named == "user:\($0)" } } ?? true
    }

    /// Why a call may not be made, at whatever time; nil when it may.
    fileprivate func reason(against record: Record) -> String? {
        let amount = record.intent.amount?.amount ?? 0
        if let callMax, amount > callMax { return "one call may be \(callMax) shillings at most" }
        if let receivers, !(record.intent.party.map { receivers.contains($0) } ?? false) {
            return "this receiver is not among those that are allowed"
        }
        if let dayMax, amount > dayMax { return "a whole day may be \(dayMax) shillings at most" }
        return nil
    }

    fileprivate func refusal(of record: Record) -> GatewayError? { reason(against: record).map(Self.refused) }

    /// Why a call may not be made at this hour; nil when it may.
    fileprivate func refusal(at now: Timestamp) -> GatewayError? {
        guard let hours, !hours.contains(Self.hour(of: now)) else { return nil }
        return Self.refused("only from \(hours.lowerBound) to \(hours.upperBound) o'clock in Nairobi")
    }

    /// The refusal of what would be past a day's sum or count.
    static let dayIsOver = refused("what it allows for a day is used up")

    static func refused(_ why: String) -> GatewayError {
        GatewayError(.limitExceeded, "A limit of your organization is in the way: \(why). Nothing was sent.")
    }

    private static func hour(of now: Timestamp) -> Int {
        let milliseconds = now.milliseconds + 3 * 3_600_000
        return Int((milliseconds / 3_600_000) % 24)
    }

    /// Where its calls of a day are counted, unless each receiver is apart.
    func place(of organization: OrganizationID, in environment: Environment, at now: Timestamp) -> LimitPlace {
        LimitPlace(
            organization: organization,
            environment: environment,
            scope: parts.joined(separator: "|"),
            day: RollupPlace.day(of: now)
        )
    }

    private var parts: [String] { [directions.map(\.rawValue).sorted().joined(separator: "+"), subject ?? "*"] }

    /// Under which name its calls are counted.
    fileprivate func scope(of record: Record) -> String {
        var parts = parts
        if isPerReceiver {
            // Third, where there is a third. A receiver is a person's number, which this table need not hold.
            let receiver = "\(record.organization) \(record.intent.party ?? "")"
            parts.append(String(SHA256.digest(receiver).hexadecimal.prefix(24)))
        }
        return parts.joined(separator: "|")
    }

    /// Whether it lets nothing pass that another would not.
    func isAtLeast(_ other: MoneyLimit) -> Bool {
        func most(_ own: Int64?, _ its: Int64?) -> Bool { its.map { (own ?? .max) <= $0 } ?? true }
        let covers = directions.isEmpty || !other.directions.isEmpty && other.directions.isSubset(of: directions)
        // A sum over more calls is reached sooner, so long as it is one sum.
        let isSame = directions == other.directions && subject == other.subject && isPerReceiver == other.isPerReceiver
        guard
            isSame
                || covers && (subject == nil || subject == other.subject) && other.dayMax == nil
                    && other.dayCount == nil
        else { return false }
        return most(callMax, other.callMax) && most(dayMax, other.dayMax) && most(dayCount, other.dayCount)
            && other.receivers.map { receivers?.isSubset(of: $0) ?? false } ?? true
            && other.hours.map { its in hours.map { its.clamped(to: $0) == $0 } ?? false } ?? true
    }
}

extension [MoneyLimit] {
    /// Why a call may not be made at any time: for its own amount or receiver.
    func reason(against record: Record, by holders: [UserID]) -> String? {
        lazy.filter { $0.isAbout(record, of: holders) }.compactMap { $0.reason(against: record) }.first
    }

    /// Whether these let nothing pass that others would not.
    package func areAtLeast(_ others: [MoneyLimit]) -> Bool {
        others.allSatisfy { other in contains { $0.isAtLeast(other) } }
    }

    /// What a call counts against when it leaves.
    ///
    /// - Throws: `limitExceeded` for what may not be made now, whatever else was.
    func claims(of record: Record, by holders: [UserID], at now: Timestamp) throws(GatewayError) -> [LimitClaim] {
        var claims: [LimitClaim] = []
        for limit in self where limit.isAbout(record, of: holders) {
            if let refusal = limit.refusal(of: record) ?? limit.refusal(at: now) { throw refusal }
            guard limit.dayMax != nil || limit.dayCount != nil else { continue }
            let scope = limit.scope(of: record)
            let claim = LimitClaim(
                place: LimitPlace(
                    organization: record.organization,
                    environment: record.environment,
                    scope: scope,
                    day: RollupPlace.day(of: now)
                ),
                amount: record.intent.amount?.amount ?? 0,
                amountMax: limit.dayMax ?? .max,
                countMax: limit.dayCount ?? .max,
                at: now
            )
            // Two limits of one scope count in one row.
            if let index = claims.firstIndex(where: { $0.place.scope == scope }) {
                claims[index] = claims[index].strictest(with: claim)
            } else {
                claims.append(claim)
            }
        }
        return claims
    }
}

/// Where it is counted what moved: a scope's day.
package struct LimitPlace: Sendable, Hashable {
    /// Whose.
    package let organization: OrganizationID
    /// Which M-Pesa.
    package let environment: Environment
    /// Of whom, and which way.
    package let scope: String
    /// Days since 1970, in Nairobi.
    package let day: Int64

    /// Whether one receiver's calls alone are counted here.
    var isOfReceiver: Bool { scope.utf8.count { $0 == UInt8(ascii: "|") } == 2 }

    /// Names a place.
    package init(organization: OrganizationID, environment: Environment, scope: String, day: Int64) {
        self.organization = organization
        self.environment = environment
        self.scope = scope
        self.day = day
    }
}

/// One call that a commit counts, or refuses.
package struct LimitClaim: Sendable, Equatable {
    /// Where.
    package let place: LimitPlace
    /// Whole shillings.
    package let amount: Int64
    /// How much there may be of a day.
    package let amountMax: Int64
    /// How many calls.
    package let countMax: Int64
    /// When it is claimed, which what it tells says.
    let at: Timestamp

    /// Claims.
    package init(place: LimitPlace, amount: Int64, amountMax: Int64, countMax: Int64, at moment: Timestamp) {
        self.place = place
        self.amount = amount
        self.amountMax = amountMax
        self.countMax = countMax
        at = moment
    }

    /// Whether one more may be made after what has moved there.
    func holds(after moved: (calls: Int64, amount: Int64)) -> Bool {
        moved.calls < countMax && moved.amount <= amountMax - amount
    }

    fileprivate func strictest(with other: LimitClaim) -> LimitClaim {
        LimitClaim(
            place: place,
            amount: amount,
            amountMax: min(amountMax, other.amountMax),
            countMax: min(countMax, other.countMax),
            at: at
        )
    }
}

/// What is added to a day's count, or taken out of it, whatever the limit.
package struct LimitCharge: Sendable, Equatable {
    /// Where.
    package let place: LimitPlace
    /// Shillings; less than 0 where it is given back.
    package let amount: Int64
    /// Calls, likewise.
    package let calls: Int64

    /// States it.
    package init(place: LimitPlace, amount: Int64, calls: Int64) {
        self.place = place
        self.amount = amount
        self.calls = calls
    }
}

/// Where a record was counted.
package struct LimitMark: Sendable, Equatable {
    /// The day.
    package let day: Int64
    /// The scopes.
    package let scopes: [String]
    /// Whether it was given back, because nothing of it has moved.
    package var isGivenBack = false

    /// States it.
    package init(day: Int64, scopes: [String], isGivenBack: Bool = false) {
        self.day = day
        self.scopes = scopes
        self.isGivenBack = isGivenBack
    }

    /// Of what a commit claims; nil where it claims nothing.
    init?(_ claims: [LimitClaim]) {
        guard let day = claims.first?.place.day else { return nil }
        self.init(day: day, scopes: claims.map(\.place.scope))
    }
}

extension MoneyLimit {
    /// Reads what is shown and kept.
    package init(_ json: JSON) {
        self.init(
            directions: Set(
                (json["direction"]?.arrayValue ?? [])
                    .compactMap { $0.stringValue.flatMap(OperationDirection.init(rawValue:)) }
            ),
            subject: json["of"]?.stringValue,
            isPerReceiver: json["per_receiver"] == true,
            callMax: json["call_max"]?.integerValue,
            dayMax: json["day_max"]?.integerValue,
            dayCount: json["day_count"]?.integerValue,
            receivers: json["receivers"]?.arrayValue.map { Set($0.compactMap(\.stringValue)) },
            hours: MoneyLimit.hours(json["from_hour"]?.integerValue, json["until_hour"]?.integerValue)
        )
    }

    /// Either end alone stands for the day's own other one; what cannot be read allows no hour.
    private static func hours(_ from: Int64?, _ until: Int64?) -> Range<Int>? {
        guard from != nil || until != nil else { return nil }
        let (from, until) = (Int(clamping: from ?? 0), Int(clamping: until ?? 24))
        return from..<max(from, until)
    }

    /// As it is shown and kept.
    package var json: JSON {
        var object: JSONObject = [
            "direction": .array(directions.map(\.rawValue).sorted().map { .string($0) }),
            "per_receiver": .bool(isPerReceiver),
        ]
        object["of"] = subject.map { .string($0) }
        object["call_max"] = callMax.map { .integer($0) }
        object["day_max"] = dayMax.map { .integer($0) }
        object["day_count"] = dayCount.map { .integer($0) }
        object["receivers"] = receivers.map { .array($0.sorted().map { .string($0) }) }
        object["from_hour"] = hours.map { .integer(Int64($0.lowerBound)) }
        object["until_hour"] = hours.map { .integer(Int64($0.upperBound)) }
        return .object(object)
    }
}
