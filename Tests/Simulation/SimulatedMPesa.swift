import Gateway
import GatewayTesting
import OrderedJSON
import Synchronization

/// M-Pesa: it takes requests, refuses and loses them, answers late or wrongly, and its ledger is the judge.
final class SimulatedMPesa: Sendable {
    /// What customers and M-Pesa decide about a request.
    enum Decision: String, Sendable { case open, refused, paid, failed, cancelled, expired, reversedBefore }

    /// A bad time, while which payouts fare otherwise.
    enum Mood: String, Sendable {
        /// The organizations' money has run out.
        case poor
        /// It takes few requests.
        case busy
        /// It refuses whoever asks in the organizations' name.
        case locked
    }

    /// Each as often as it comes.
    static let moods: [Mood] = [.poor, .poor, .poor, .poor, .busy, .busy, .busy, .locked]

    /// One request for money as M-Pesa knows it.
    struct Entry: Sendable {
        let id: RecordID
        let kind: String
        let amount: Int64
        let url: String
        let number: Int
        var takenAt: Uptime
        var arrivals = 1
        var debits = 0
        var decision = Decision.open
        /// Why it failed, where it did.
        var code = "1032"

        var fakeID: String { "F\(number)" }
        var receipt: String { "R\(number)" }
        var isPaid: Bool { debits > 0 }
    }

    let world: World
    private let ledger = Mutex<[RecordID: Entry]>([:])
    /// What somebody gave back of payments past the gateway, in M-Pesa's portal.
    private let portal = Mutex<[RecordID: Int64]>([:])
    private let mood = Mutex<Mood?>(nil)

    init(_ world: World) { self.world = world }

    var entries: [Entry] { ledger.withLock { $0.values.sorted { $0.number < $1.number } } }
    func entry(_ id: RecordID) -> Entry? { ledger.withLock { $0[id] } }
    var givenBackElsewhere: [RecordID: Int64] { portal.withLock { $0 } }

    /// A bad time begins, or is over.
    func fall(into new: Mood?) {
        mood.withLock { $0 = new }
        world.note("mpesa: \(new?.rawValue ?? "as always")")
    }

    /// Which bad time it is for payouts; none once everything is calm.
    private func mood(for kind: String) -> Mood? { kind == "pay" && !world.isCalm ? mood.withLock { $0 } : nil }

    // MARK: Requests

    /// What M-Pesa answers to a request that has arrived.
    func answer(_ kind: String, _ body: JSON) -> UpstreamOutcome {
        guard ["collect", "pay", "refund"].contains(kind) else { return answer(aQuestion: kind, body) }
        guard let id = body["id"]?.stringValue.flatMap({ RecordID($0) }) else {
            return Self.said(["verdict": "rejected"])
        }
        if world.trouble(mood(for: kind) == .busy ? 0.7 : 0.04) {
            world.note("mpesa: \(id) is not looked at")
            return Self.said(["verdict": "not_processed", "code": "busy", "retry_after_ms": 2_000])
        }
        if let earlier = entry(id), earlier.decision != .refused {
            // It takes every request for a new one, as B2C does: the judge sees that it came twice.
            ledger.withLock { $0[id]?.arrivals += 1 }
            world.accuse("\(id) was sent again though M-Pesa had taken it")
        }
        let isRefused = world.trouble(0.06)
        let number = ledger.withLock { ledger in
            var entry = Entry(
                id: id,
                kind: kind,
                amount: body["amount"]?.integerValue ?? 0,
                url: body["url"]?.stringValue ?? "",
                number: ledger[id]?.number ?? ledger.count + 1,
                takenAt: world.time.uptime
            )
            entry.decision = isRefused ? .refused : .open
            entry.arrivals = ledger[id]?.arrivals ?? 1
            entry.debits = ledger[id]?.debits ?? 0
            ledger[id] = entry
            return entry.number
        }
        world.note("mpesa: \(kind) \(id) is \(isRefused ? "refused" : "taken as F\(number)")")
        if isRefused { return Self.said(["verdict": "rejected", "code": "400"]) }
        world.begin { await self.decide(id) }
        if world.trouble(0.06) { return .answered(status: 500, body: Array("<html>busy</html>".utf8)) }
        return Self.said(["verdict": "accepted", "external_ids": ["fake_id": .string("F\(number)")]])
    }

    private func answer(aQuestion kind: String, _ body: JSON) -> UpstreamOutcome {
        guard let about = body["about"]?.stringValue.flatMap({ RecordID($0) }) else {
            return Self.said(["verdict": "unknown"])
        }
        world.note("mpesa: asked by \(kind) about \(about)")
        if world.trouble(0.1) { return .answered(status: 500, body: FakePlugin.crash) }
        if kind == "collect_query" { return Self.said(standing(of: about, withReceipt: false)) }
        let url = body["url"]?.stringValue ?? ""
        world.begin {
            await self.world.wait(200...3_000)
            if !self.world.trouble(0.2) {
                await self.deliver(self.standing(of: about, withReceipt: true).bytes, to: url)
            }
        }
        return Self.said(["verdict": "accepted"])
    }

    /// What is true, but that a push is said to have failed while the customer still thinks.
    private func standing(of id: RecordID, withReceipt: Bool) -> JSON {
        guard let entry = entry(id), entry.decision != .refused else { return ["verdict": "unknown", "code": "none"] }
        if entry.decision == .open {
            let isWrong = entry.kind == "collect" && world.trouble(0.1)
            return isWrong ? ["verdict": "failed", "code": "1"] : ["verdict": "pending", "code": "4999"]
        }
        return statement(of: entry, withReceipt: withReceipt)
    }

    private func statement(of entry: Entry, withReceipt: Bool = true) -> JSON {
        if entry.decision == .reversedBefore { return ["verdict": "duplicate", "code": "R000001"] }
        guard entry.decision == .paid else {
            return ["verdict": .string(entry.decision.rawValue), "code": .string(entry.code)]
        }
        var said: JSONObject = ["verdict": "succeeded", "code": "0"]
        if withReceipt {
            said["receipt"] = .string(entry.receipt)
            said["amount"] = .integer(entry.amount)
        }
        said["external_ids"] = ["fake_id": .string(entry.fakeID)]
        return .object(said)
    }

    static func said(_ document: JSON) -> UpstreamOutcome { .answered(status: 200, body: document.bytes) }

    // MARK: Decisions

    private func decide(_ id: RecordID) async {
        await world.wait(world.script == nil ? 2_000...130_000 : 2_000...2_000)
        let outcomes: [Decision] = [.paid, .paid, .paid, .failed, .cancelled, .expired]
        let decided = isReversedElsewhere(id) ? .reversedBefore : outcomes[world.pick(0...5)]
        let failure = failure(of: entry(id)?.kind ?? "")
        let decision = world.script != nil ? .paid : failure.isCertain ? .failed : decided
        let entry = ledger.withLock { ledger -> Entry? in
            guard ledger[id]?.decision == .open || decision == .paid else { return nil }
            ledger[id]?.decision = decision
            if decision == .failed { ledger[id]?.code = failure.code }
            if decision == .paid { ledger[id]?.debits += 1 }
            return ledger[id]
        }
        guard let entry else { return }
        world.note("mpesa: \(id) is \(decision.rawValue), \(entry.debits) times paid")
        let isSilent = entry.kind == "refund" && world.script?.way == .neverTold
        for _ in 0..<(world.script == nil ? world.pick(0...3) : isSilent ? 0 : 2) {
            world.begin {
                await self.world.wait(self.world.script == nil ? 50...200_000 : 50...3_000)
                await self.deliver(self.perhapsAltered(self.statement(of: entry), entry), to: entry.url)
            }
        }
    }

    /// Why a request fails that does, and whether each does at this time.
    private func failure(of kind: String) -> (code: String, isCertain: Bool) {
        switch mood(for: kind) {
        case .poor?: (BatchWatch.poor, true)
        case .locked?: (BatchWatch.locked, true)
        case .busy?, nil: (kind == "pay" && world.chance(0.5) ? BatchWatch.poor : "1032", false)
        }
    }

    /// Whether somebody gives back in the portal what is left of the payment that a refund is of, or has done so before.
    private func isReversedElsewhere(_ id: RecordID) -> Bool {
        guard entry(id)?.kind == "refund", let original = world.disk.record(id)?.intent.original else { return false }
        if givenBackElsewhere[original] != nil { return true }
        guard world.trouble(0.15), let paid = entry(original)?.amount else { return false }
        let back = entries.filter { $0.kind == "refund" && world.disk.record($0.id)?.intent.original == original }
            .reduce(0) { $0 + $1.amount * Int64($1.debits) }
        guard back < paid else { return false }
        portal.withLock { $0[original] = paid - back }
        world.note("mpesa: \(paid - back) of \(original) go back in the portal")
        return true
    }

    private func perhapsAltered(_ statement: JSON, _ entry: Entry) -> [UInt8] {
        guard world.trouble(0.25) else { return statement.bytes }
        switch world.pick(0...4) {
        case 0: return FakePlugin.crash
        case 1: return Array("{".utf8)
        case 2: return JSON.object(["not_mine": true]).bytes
        case 3:
            return
                JSON.object([
                    "verdict": "succeeded", "code": "0", "receipt": .string("X\(entry.number)"),
                    "amount": .integer(entry.amount + 1),
                ])
                .bytes
        default: return JSON.object(["verdict": "pending"]).bytes
        }
    }

    /// Tells of every decision once more, truly.
    ///
    /// - Returns: Of what was told by now: what is decided later is told when this is asked for once more.
    func tellAll(but told: Set<RecordID> = []) async -> Set<RecordID> {
        var told = told
        for entry in entries where entry.decision != .open && entry.decision != .refused {
            guard told.insert(entry.id).inserted else { continue }
            await deliver(statement(of: entry).bytes, to: entry.url)
        }
        return told
    }

    private func deliver(_ body: [UInt8], to url: String) async {
        guard !world.isSilent else { return }
        guard let host = world.host else { return world.note("mpesa: nobody is there for a callback") }
        let path = url.split(separator: "/").suffix(2)
        guard path.count == 2,
            let target = host.gateway.addresses.target(
                organization: path[path.startIndex],
                token: path[path.startIndex + 1]
            )
        else { return }
        do throws(GatewayError) {
            try await host.gateway.inbox.receive(target, body: body, address: nil)
            world.note("mpesa: told of \(target.record): \(String(decoding: body, as: UTF8.self))")
        } catch { world.note("mpesa: a callback of \(target.record) was not taken") }
    }
}
