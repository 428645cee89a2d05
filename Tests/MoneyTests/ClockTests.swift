import Gateway
import GatewayTesting
import OrderedJSON
import Testing

struct `A wall clock that is set back an hour` {
    @Test func `does not make a limit last longer`() async throws {
        try await House.with { (house) async throws in
            try await house.limit(units: 2, per: .seconds(60))
            for number in 1...2 { #expect(await house.collect(phone: "25471100000\(number)").code == nil) }
            #expect(await house.collect(phone: "254711000003").code == .rateLimited)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(31))

            #expect(await house.collect(phone: "254711000003").code == nil)
        }
    }

    @Test func `does not make what is remembered last longer`() async throws {
        try await House.with { (house) async throws in
            #expect(await house.collect(phone: "254711000001").code == nil)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(3))
            try await house.store.save(
                Plan(name: "all", tools: [], organizationLimits: [:], principalLimits: [:])
            )

            #expect(await house.collect(phone: "254711000002").code == .notFound)
        }
    }

    @Test func `does not put off what is to be asked`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(19))
            await house.gateway.sweeper.sweep()
            #expect(house.upstream.count("collect_query") == 0)
            house.clock.advance(.seconds(2))
            await house.gateway.sweeper.sweep()

            #expect(house.upstream.count("collect_query") == 1)
            #expect(try await house.record(record).queries == 1)
        }
    }

    @Test func `sends nothing later than it may be sent`() async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let waiting = await house.collect()
            house.upstream.accept()

            house.clock.setWallClock(by: .seconds(-3600))
            // A minute of grace and a minute in which it may be sent.
            house.clock.advance(.seconds(121))
            await house.gateway.sweeper.sweep()

            #expect(try await house.record(waiting).state == .rejected)
            #expect(house.upstream.count("collect") == 1)
        }
    }

    @Test func `sends what waits while it may be sent`() async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let waiting = await house.collect()
            house.upstream.accept()

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(62))
            await house.gateway.sweeper.sweep()

            #expect(try await house.record(waiting).state == .accepted)
        }
    }

    @Test func `holds no customer for an hour`() async throws {
        try await House.with { (house) async throws in
            let first = await house.collect()
            try await house.callback(
                try #require(first.record),
                says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
            )

            house.clock.setWallClock(by: .seconds(-3600))
            house.clock.advance(.seconds(125))
            let second = await house.collect()

            #expect(second.code == nil && !second.isReplayed)
            #expect(house.upstream.count("collect") == 2)
        }
    }

    @Test func `while the gateway was down puts off nothing`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            await house.gateway.sweeper.sweep()

            let later = ManualEntropy(seed: 2)
            later.setWallClock(by: .seconds(-3600))
            try await later.steady.resume(from: house.store)
            let next = house.another { $0.entropy = later.entropy }
            later.advance(.seconds(21))
            await next.sweeper.sweep()

            #expect(try await house.record(record).queries == 1)
        }
    }
}

struct `A wall clock that is set a day ahead` {
    @Test func `calls nobody to what M-Pesa is still asked about`() async throws {
        try await House.with { (house) async throws in
            let records = [await house.collect().record, await house.collect(phone: "254711000002").record]
            house.upstream.answer(with: ["verdict": "pending", "code": "4999"])
            for _ in 0..<4 {
                house.clock.advance(.seconds(61))
                await house.gateway.sweeper.sweep()
            }

            house.clock.setWallClock(by: .seconds(86_400))
            for _ in 0..<3 {
                house.clock.advance(.seconds(3601))
                await house.gateway.sweeper.sweep()
            }

            for record in records {
                let found = try await house.record(try #require(record))
                #expect(found.state == .reconciling || found.state == .accepted)
                #expect(found.answers >= 3)
            }
        }
    }

    @Test func `still sends what waits for its time`() async throws {
        let plugin = try FakePlugin.make(collect: ["resend": ["limit": 1]])
        try await House.with(plugin: plugin) { (house) async throws in
            house.upstream.answer(with: ["verdict": "not_processed"])
            let waiting = await house.collect()
            house.upstream.accept()

            house.clock.setWallClock(by: .seconds(86_400))
            await house.gateway.sweeper.sweep()
            #expect(house.upstream.count("collect") == 1)
            house.clock.advance(.seconds(61))
            await house.gateway.sweeper.sweep()

            #expect(try await house.record(waiting).state == .accepted)
        }
    }

    @Test func `lets no payout out a second time`() async throws {
        try await House.with { (house) async throws in
            let first = await house.pay()
            try await house.callback(
                try #require(first.record),
                says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
            )

            house.clock.setWallClock(by: .seconds(86_400))
            house.clock.advance(.seconds(62))
            await house.gateway.claimSweeper.walk()
            let again = await house.pay()

            #expect(again.isReplayed && again.record == first.record)
            #expect(house.upstream.count("pay") == 1)
        }
    }
}

struct `A wall clock that is set back by more than anybody's mistake of a day` {
    /// The clock was forty hours ahead when all of this began.
    private static let back: Duration = .seconds(-40 * 3600)

    @Test func `holds no customer for as long`() async throws {
        try await House.with { (house) async throws in
            let first = try #require(await house.collect().record)
            try await house.callback(first, says: ["verdict": "succeeded", "receipt": "R1", "amount": 100])
            await house.gateway.sweeper.sweep()

            house.clock.setWallClock(by: Self.back)
            await house.gateway.sweeper.sweep()
            house.clock.advance(.seconds(60))
            #expect(await house.collect().isReplayed)
            house.clock.advance(.seconds(65))
            let second = await house.collect()

            #expect(second.code == nil && !second.isReplayed)
            #expect(house.upstream.count("collect") == 2)
        }
    }

    @Test func `still asks about what was sent before, and believes it in time`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            await house.gateway.sweeper.sweep()

            house.clock.setWallClock(by: Self.back)
            house.upstream.answer(with: ["verdict": "failed", "code": "1032"])
            for _ in 0..<12 {
                house.clock.advance(.seconds(30))
                await house.gateway.sweeper.sweep()
            }

            #expect(try await house.record(record).state == .failed)
        }
    }

    @Test(arguments: [300, 5 * 3600])
    func `is followed by the next process too, once`(seconds: Int) async throws {
        try await House.with { (house) async throws in
            house.upstream.answer { _ in .unknown("cut") }
            _ = await house.collect()
            house.clock.advance(.seconds(21))
            await house.gateway.sweeper.sweep()
            house.clock.setWallClock(by: Self.back)
            await house.gateway.sweeper.sweep()
            let fresh = try #require(await house.collect(phone: "254711000002").record)

            let later = ManualEntropy(seed: 2, after: Self.back + .seconds(21 + seconds))
            try await later.steady.resume(from: house.store)

            #expect(abs((later.now - later.entropy.wall()).wholeMilliseconds) < 1_000)
            let found = try await house.record(fresh)
            #expect(found.releasedAt.map { $0 > found.createdAt + .seconds(500) } ?? false)
        }
    }

    @Test func `leaves no callback unread that came before`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let body: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100]
            try await house.gateway.inbox.receive(house.place(of: record), body: body.bytes, address: nil)
            await house.gateway.sweeper.sweep()

            house.clock.setWallClock(by: Self.back)
            await house.gateway.sweeper.sweep()
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .succeeded)
        }
    }

    @Test func `leaves no answer in the journal unread`() async throws {
        try await House.with { (house) async throws in
            let record = try #require(await house.collect().record)
            let body: JSON = ["verdict": "succeeded", "receipt": "R1", "amount": 100]
            let answer = ReceivedCallback(
                id: CallbackID(house.clock.entropy.identifier()),
                organization: house.organization,
                environment: house.key.environment,
                record: record,
                name: ReceivedCallback.answerName(toSending: 1),
                receivedAt: house.clock.now,
                body: body.bytes,
                address: nil,
                attempts: 1,
                status: 200
            )
            #expect(await house.journal.keep(answer))
            await house.gateway.sweeper.sweep()

            house.clock.setWallClock(by: Self.back)
            await house.gateway.sweeper.sweep()
            await house.gateway.inbox.takeUpUnsettled()
            house.clock.advance(.seconds(10))
            await house.gateway.inbox.takeUpUnsettled()

            #expect(try await house.record(record).state == .succeeded)
        }
    }
}

struct `A wall clock that is set forty hours ahead` {
    @Test func `makes no key forget its payout`() async throws {
        try await House.with { (house) async throws in
            let first = await house.pay(key: "k")
            try await house.callback(
                try #require(first.record),
                says: ["verdict": "succeeded", "receipt": "R1", "amount": 100, "code": "0"]
            )

            house.clock.setWallClock(by: .seconds(40 * 3600))
            house.clock.advance(.seconds(62))
            await house.gateway.sweeper.sweep()
            await house.gateway.claimSweeper.walk()
            let again = await house.pay(key: "k")

            #expect(again.isReplayed && again.record == first.record)
            #expect(house.upstream.count("pay") == 1)
        }
    }
}

struct `The moment that is kept, from which the next process goes on` {
    @Test func `is kept at the next round where it could not be`() async throws {
        try await House.with { (house) async throws in
            let holder = try DatabaseHolder(house.database)
            try holder.execute(
                """
                CREATE TRIGGER unkept BEFORE INSERT ON configuration WHEN NEW.name = 'moment'
                BEGIN SELECT RAISE(ABORT, 'away'); END
                """
            )
            await house.gateway.sweeper.sweep()
            #expect(try await house.store.newestMoment() == nil)
            try holder.execute("DROP TRIGGER unkept")
            house.clock.advance(.seconds(5))
            await house.gateway.sweeper.sweep()

            #expect(try await house.store.newestMoment() == house.clock.now)
        }
    }

    @Test func `is kept once a minute where it could be`() async throws {
        try await House.with { (house) async throws in
            await house.gateway.sweeper.sweep()
            let first = house.clock.now
            house.clock.advance(.seconds(59))
            await house.gateway.sweeper.sweep()
            #expect(try await house.store.newestMoment() == first)
            house.clock.advance(.seconds(1))
            await house.gateway.sweeper.sweep()

            #expect(try await house.store.newestMoment() == house.clock.now)
        }
    }
}

extension House {
    /// Lets the organization call so often, and no more.
    fileprivate func limit(units: Int, per period: Duration) async throws {
        try await store.save(
            Plan(
                name: "all",
                tools: ["**"],
                organizationLimits: ["money": RateLimit(units: units, per: period)],
                principalLimits: [:]
            )
        )
    }
}
