import OrderedJSON

/// Whom a rule asks by name, and who stands in for them.
///
/// A substitute decides for somebody who is away, or cannot decide about this call, and from a moment on for whoever has not
/// answered by then. Role and second factor are asked of them as of everybody, and nobody decides about their own call.
package struct Approvers: Sendable, Equatable {
    /// Who is asked.
    package let named: Set<UserID>
    /// Who stands in.
    package let substitutes: Set<UserID>
    /// How long whoever is asked has time, before substitutes may decide in any case.
    package let answerWithin: Duration

    /// How many people a rule names at most, of each kind.
    package static let countMax = 20
    /// How long somebody may say to be away.
    package static let awayMax = Duration.seconds(90 * 86_400)

    /// What cannot be read must not let money out.
    package static let nobody = Approvers(named: [], answerWithin: .zero)

    /// When whoever stands in may decide in any case; nil where nobody does.
    var standInAfter: Duration? { substitutes.isEmpty ? nil : answerWithin }

    /// Names them.
    package init(named: Set<UserID>, substitutes: Set<UserID> = [], answerWithin: Duration) {
        self.named = named
        self.substitutes = substitutes.subtracting(named)
        self.answerWithin = answerWithin
    }

    /// Whether somebody is asked, or may come to be.
    func includes(_ user: UserID) -> Bool { named.contains(user) || substitutes.contains(user) }

    /// The same of whom approvals name.
    func includes(_ subject: String) -> Bool {
        if case .user(let id)? = Principal.Subject(subject) { includes(id) } else { false }
    }

    /// Whether somebody may decide now.
    ///
    /// - Parameters:
    ///   - others: Who has agreed already.
    ///   - unable: Who is away, or may not decide about this one.
    func admits(
        _ user: UserID,
        besides others: Set<UserID>,
        unable: Set<UserID>,
        asked: Timestamp,
        at now: Timestamp
    ) -> Bool {
        guard substitutes.contains(user), now < asked + answerWithin else { return includes(user) }
        // Each stands in for one.
        return others.intersection(substitutes).count < named.intersection(unable).count
    }

    /// Whether these let nobody decide whom others would not, and none of them sooner.
    func areWithin(_ others: Approvers) -> Bool {
        let standing = substitutes.subtracting(others.named)
        return named.isSubset(of: others.named) && standing.isSubset(of: others.substitutes)
            && (standing.isEmpty || answerWithin >= others.answerWithin)
    }

    /// Those whom both let decide; nil stands for everybody.
    static func common(_ one: Approvers?, _ other: Approvers?) -> Approvers? {
        guard let one, let other else { return one ?? other }
        let all = { (some: Approvers) in some.named.union(some.substitutes) }
        return Approvers(
            named: one.named.intersection(other.named),
            substitutes: all(one).intersection(all(other)),
            answerWithin: max(one.answerWithin, other.answerWithin)
        )
    }
}

extension Approvers {
    /// What they are asked about.
    struct Call: Sendable {
        let organization: OrganizationID
        /// Who asked for it.
        let madeBy: String
        /// Who has agreed already.
        var agreed: [String] = []
        /// Since when it waits.
        let since: Timestamp
        /// Who is away now.
        var away: Set<UserID>
    }
}

extension Approvers.Call {
    /// About a held record.
    init(_ record: Record, away: Set<UserID>) {
        self.init(
            organization: record.organization,
            madeBy: record.madeBy,
            agreed: record.hold?.approvers ?? [],
            since: record.createdAt,
            away: away
        )
    }
}

extension Approvers? {
    /// Whether these let nobody decide whom others would not; nil stands for everybody.
    func isAtLeast(_ other: Approvers?) -> Bool {
        guard let other else { return true }
        return self?.areWithin(other) ?? false
    }
}

extension Approvers {
    /// Reads what a rule shows and keeps; nil where it names nobody.
    ///
    /// - Parameter within: How long a call waits, half of which is the time to answer unless said.
    package init?(_ json: JSON, within: Duration) {
        guard let named = json["approvers"]?.arrayValue else { return nil }
        let ids = { (list: [JSON]) in Set(list.compactMap { $0.stringValue.flatMap { UserID($0) } }) }
        self.init(
            named: ids(named),
            substitutes: ids(json["substitutes"]?.arrayValue ?? []),
            answerWithin: json["answer_within_s"]?.integerValue.map { .seconds($0) } ?? within / 2
        )
    }

    /// Shows who is asked about something that waits.
    func show(in document: inout JSONObject, since asked: Timestamp) {
        let json = json
        document["approvers"] = json["approvers"]
        document["substitutes"] = json["substitutes"]
        document["substitutes_from_ms"] = standInAfter.map { .integer((asked + $0).milliseconds) }
    }

    /// As a rule shows and keeps it.
    package var json: JSONObject {
        let words = { (ids: Set<UserID>) in JSON.array(ids.map { "\($0)" }.sorted().map { .string($0) }) }
        var object: JSONObject = ["approvers": words(named)]
        guard !substitutes.isEmpty else { return object }
        object["substitutes"] = words(substitutes)
        object["answer_within_s"] = .integer(answerWithin.components.seconds)
        return object
    }
}

extension ApprovalPolicy {
    /// Who is away then.
    package func away(at now: Timestamp) -> Set<UserID> { Set(away.filter { now < $0.value }.keys) }

    /// Notes that somebody is away until a moment, or there again.
    package mutating func set(_ user: UserID, awayUntil until: Timestamp?, at now: Timestamp) {
        away = away.filter { now < $0.value }
        away[user] = until
    }
}
