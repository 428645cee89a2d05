import Gateway
import GatewayTesting
import OrderedJSON

/// What happens to one reversal, instead of what chance would have: one host dies, and nothing else goes wrong.
package struct Script: Sendable {
    /// How M-Pesa tells what became of it.
    package enum Way: Sendable, CaseIterable {
        /// By its answer and by callbacks.
        case told
        /// Its answer is lost; the callbacks come.
        case answerLost
        /// By its answer alone, until the end.
        case neverTold
    }

    package let way: Way
    /// At which await of the reversal the host dies, from 1 on; 0 for none.
    package let diesAt: Int

    /// States it.
    package init(way: Way, diesAt: Int) {
        self.way = way
        self.diesAt = diesAt
    }
}

extension Simulation {
    /// What came of one reversal.
    package struct Reversal: Sendable {
        package let violations: [String]
        /// Where hosts waited, in order.
        package let awaits: [String]
        /// How much went back by M-Pesa's ledger.
        package let returned: Int64
        /// What the payment that it is of says of that.
        package let shown: Int64
    }

    /// A payment, and a part of it given back, while the host dies at one await.
    ///
    /// Whoever wants it asks again with their key until they are answered.
    package static func runReversal(_ script: Script, plugin: LoadedPlugin, onSQLite: Bool = false) throws -> Reversal {
        let file = onSQLite ? try SQLDisk() : nil
        defer { file?.end() }
        let world = World(seed: 7, disk: file ?? MemoryDisk(), script: script)
        let simulation = try Simulation(world, plugin)
        world.begin { await simulation.liveThroughReversal() }
        world.drain()
        if world.host != nil { world.accuse("the simulation did not come to its end") }
        let refunds = simulation.mpesa.entries.filter { $0.kind == "refund" }
        let payment = world.disk.records.map(\.record).first { $0.direction == .incoming }
        return Reversal(
            violations: world.violations,
            awaits: world.awaits,
            returned: refunds.reduce(0) { $0 + $1.amount * Int64($1.debits) },
            shown: payment?.reversedAmount ?? 0
        )
    }

    /// How much of the payment is given back.
    package static let part: Int64 = 40

    private func liveThroughReversal() async {
        guard await settle() else { return world.accuse("the organizations could not be made") }
        world.onDeath = { [self] in await start() }
        await start()
        let key = keys[0]
        let paid = await ask("fake_collect", ["phone": "254711000001", "amount": 100], key, "payment")
        await world.wait(20_000...20_000)
        guard let payment = paid?.record, world.disk.record(payment)?.state == .succeeded else {
            return world.accuse("there is no payment to give back")
        }
        world.count(true)
        let asked: JSON = ["original": .string("\(payment)"), "amount": .integer(Self.part)]
        for _ in 0..<20 {
            if case .success? = await ask("fake_refund", asked, key, "refund")?.result { break }
            await world.wait(3_000...3_000)
        }
        await world.wait(world.script?.way == .neverTold ? 60_000...60_000 : 15_000...15_000)
        world.count(false)
        await end()
        judge()
        world.onDeath = nil
        world.host?.cancel()
        world.enter(nil)
    }
}
