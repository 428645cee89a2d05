import GatewayTesting
import OrderedJSON
import Synchronization

@testable import Gateway

/// A house that goes by its organization's rules, and those who work there.
struct ApprovalDesk {
    let house: House
    let gateway: Assembly
    let mail = SentLetters()
    let manager: (user: User, token: Secret<String>)
    let other: (user: User, token: Secret<String>)
    let administrator: (user: User, token: Secret<String>)

    init(in house: House, rules: [ApprovalRule] = [], base: String = "") async throws {
        self.house = house
        let mail = mail
        gateway = house.another(Assembly.Settings(publicURL: base)) { ports in
            ports.approval = nil
            ports.mailer = mail
        }
        manager = try await house.addPerson("manager", role: .manager, hasSecondFactor: true)
        other = try await house.addPerson("other", role: .manager, hasSecondFactor: true)
        administrator = try await house.addPerson("admin", role: .orgAdmin, hasSecondFactor: true)
        _ = try await house.store.change(house.organization) { $0.approvals.rules = rules }
        forget()
    }

    /// What others have changed counts from now on.
    func forget() {
        gateway.configuration.forget()
        house.gateway.configuration.forget()
    }

    func pay(
        _ phone: String = "254711000001",
        amount: Int64 = 100,
        as credential: Secret<String>? = nil,
        tool: String = "fake_pay",
        door: Door = .rest,
        key: String? = nil
    ) async -> ToolReply {
        await gateway.pipeline.serve(
            ToolCall(
                id: CallID(house.clock.entropy.identifier()),
                door: door,
                credential: .token(credential ?? house.key.text),
                tool: tool,
                arguments: ["phone": .string(phone), "amount": .integer(amount)],
                idempotencyKey: key ?? house.clock.entropy.identifier().description
            )
        )
    }

    /// Asks for a batch.
    func make(_ id: String, of payments: JSON, as credential: Secret<String>, door: Door = .rest) async -> ToolReply {
        await gateway.pipeline.serve(
            ToolCall(
                id: CallID(house.clock.entropy.identifier()),
                door: door,
                credential: .token(credential),
                tool: "fake_pay_many",
                arguments: ["batch_id": .string(id), "payments": payments]
            )
        )
    }

    func ask(_ name: String, _ arguments: JSON = [:], as credential: Secret<String>) async -> ActionReply {
        await house.ask(name, arguments, as: credential, of: gateway)
    }

    func decide(_ word: String, _ reply: ToolReply, as who: (user: User, token: Secret<String>)) async -> GatewayError
        .Code?
    {
        let id = reply.record.map { JSON.string($0.description) } ?? .null
        return await ask("approvals." + word, ["id": id], as: who.token).code
    }
}

/// Letters, kept instead of sent.
final class SentLetters: Mailer {
    private let kept = Mutex<[Letter]>([])

    func send(_ letter: Letter) async -> LetterState {
        kept.withLock { $0.append(letter) }
        return .sent
    }

    /// Takes what was sent so far.
    func take() -> [Letter] {
        kept.withLock { kept in
            defer { kept = [] }
            return kept
        }
    }
}
