import Gateway
import OrderedJSON
import Testing

@testable import Store

/// Work of tools that goes on after its call was answered, as it is kept, on both engines.
struct `A stored task` {
    private let bounds = PluginTask.Bounds(openMax: 2, keptMax: 3)

    private func task(_ organization: OrganizationID = ours, key: String? = nil, at begun: Timestamp = moment)
        -> PluginTask
    {
        PluginTask(
            id: newID(),
            owner: PluginOwner(organization: organization, environment: .test, plugin: "desk"),
            tool: "desk_dig",
            arguments: Array(#"{"deep":true}"#.utf8),
            begunBy: Principal(
                organization: organization,
                subject: .apiKey(APIKeyID(Identifier(high: 1, low: 2))),
                name: "k",
                role: .user,
                scopes: ["reports:read"],
                environment: .test
            ),
            purview: Purview(maker: "key:1", accounts: [.main]),
            key: key,
            fingerprint: "f",
            begunAt: begun,
            endsBy: begun + .seconds(60),
            dueAt: begun,
            progress: .init(message: "It has begun."),
            updatedAt: begun
        )
    }

    private func ending(_ state: PluginTask.State = .completed, at now: Timestamp = moment) -> PluginTask.Ending {
        PluginTask.Ending(state, ["output": ["number": 7]], at: now, expiresAt: now + .seconds(10))
    }

    @Test func `is found as it was begun, by its id and its key, by its organization alone`() async throws {
        try await withStore { store in
            let task = task(key: "a")
            #expect(try await store.begin(task, bounds: bounds) == task)

            let found = try await store.task(task.id, organization: ours, environment: .test, now: moment)
            #expect(found == task)
            #expect(try await store.task(begunBy: "a", organization: ours, environment: .test, now: moment) == task)
            #expect(try await store.task(task.id, organization: theirs, environment: .test, now: moment) == nil)
            #expect(try await store.task(task.id, organization: ours, environment: .live, now: moment) == nil)
            #expect(try await store.task(begunBy: "a", organization: theirs, environment: .test, now: moment) == nil)
            let listed = try await store.tasks(of: ours, in: .test, before: nil, limit: 5, now: moment)
            #expect(listed.map(\.id) == [task.id])
            #expect(try await store.tasks(of: theirs, in: .test, before: nil, limit: 5, now: moment).isEmpty)
        }
    }

    @Test(arguments: ["principal", "state", "environment"])
    func `keeps no other from its turn where a part of it cannot be read`(column: String) async throws {
        try await withStore { store in
            let damaged = try await store.begin(task(), bounds: bounds)
            let other = try await store.begin(task(at: moment + .milliseconds(1)), bounds: bounds)
            _ = try await store.database.write { session in
                try session.sql.execute(
                    "UPDATE tasks SET \(column) = '{\"half' WHERE organization_id = $1 AND task_id = $2",
                    [.text(ours.description), .text(damaged.id.description)]
                )
            }

            let now = moment + .seconds(1)
            #expect(try await store.dueTasks(at: now, limit: 1, except: BusyTasks()).isEmpty)
            #expect(try await store.dueTasks(at: now, limit: 1, except: BusyTasks()).map(\.id) == [other.id])
            let listed = try await store.tasks(of: ours, in: .test, before: nil, limit: 1, now: now)
            #expect(listed.map(\.id) == [other.id] && store.counts.unreadRows == 1)
        }
    }

    @Test func `is one by its key, until it has expired`() async throws {
        try await withStore { store in
            let first = try await store.begin(task(key: "a"), bounds: bounds)
            #expect(try await store.begin(task(key: "a"), bounds: bounds).id == first.id)
            #expect(try await store.begin(task(theirs, key: "a"), bounds: bounds).id != first.id)
            #expect(try await store.end(first, as: ending(), anyAttempt: true))
            #expect(try await store.begin(task(key: "a"), bounds: bounds).state == .completed)

            let later = task(key: "a", at: moment + .seconds(10))
            #expect(try await store.begin(later, bounds: bounds) == later)
        }
    }

    @Test func `is one of so many that go on, and of so many that are kept`() async throws {
        try await withStore { store in
            for _ in 0..<2 { _ = try await store.begin(task(), bounds: bounds) }
            await #expect(throws: GatewayError.self) { _ = try await store.begin(task(), bounds: bounds) }
            _ = try await store.begin(task(theirs), bounds: bounds)
            for one in try await store.dueTasks(at: moment, limit: 9, except: .nobody) {
                _ = try await store.end(one, as: ending(), anyAttempt: true)
            }
            _ = try await store.begin(task(), bounds: bounds)
            await #expect(throws: GatewayError.self) { _ = try await store.begin(task(), bounds: bounds) }
            // Those that have expired are none of them, forgotten or not.
            _ = try await store.begin(task(at: moment + .seconds(10)), bounds: bounds)
        }
    }

    @Test func `is forgotten in its time however many are`() async throws {
        try await withStore { store in
            let many = PluginTask.Bounds(openMax: 1, keptMax: 200)
            for _ in 0..<101 {
                let one = try await store.begin(task(), bounds: many)
                #expect(try await store.end(one, as: ending(), anyAttempt: true))
            }
            try await store.removeExpiredTasks(at: moment + .seconds(10))
            #expect(try await store.tasks(of: ours, in: .test, before: nil, limit: 9, now: moment).isEmpty)
        }
    }

    @Test func `is taken by one, kept while it is worked on, and due again after that`() async throws {
        try await withStore { store in
            _ = try await store.begin(task(), bounds: bounds)
            let due = try #require(try await store.dueTasks(at: moment, limit: 9, except: .nobody).first)
            let until = moment + .seconds(30)
            let first = try #require(try await store.take(due, until: until))
            #expect(first.attempt == 0 && first.arguments == task().arguments && first.dueAt == until)
            #expect(try await store.take(due, until: until) == nil)
            #expect(try await store.dueTasks(at: moment, limit: 9, except: .nobody).isEmpty)
            let taken = try #require(try await store.countAttempt(of: first))
            #expect(taken.attempt == 1)
            #expect(try await store.countAttempt(of: first) == nil)

            let progress = PluginTask.Progress(fraction: 500_000, message: "Half")
            #expect(try await store.renew(taken, until: until + .seconds(9), progress: progress, at: moment))
            #expect(try await store.isUnderWay(taken))
            #expect(try await store.dueTasks(at: until, limit: 9, except: .nobody).isEmpty)
            let again = try #require(try await store.dueTasks(at: until + .seconds(9), limit: 9, except: .nobody).first)
            #expect(again.progress == progress)
            let takenAgain = try #require(try await store.take(again, until: until + .seconds(60)))
            let second = try #require(try await store.countAttempt(of: takenAgain))
            #expect(second.attempt == 2)

            // The first attempt is nobody's any more.
            #expect(try await !store.isUnderWay(taken))
            #expect(try await !store.renew(taken, until: until, progress: progress, at: moment))
            #expect(try await !store.end(taken, as: ending(), anyAttempt: false))
            try await store.postpone(taken, to: moment, attempts: 0)
            #expect(try await store.dueTasks(at: moment, limit: 9, except: .nobody).isEmpty)
            try await store.postpone(second, to: moment, attempts: 1)
            #expect(try await store.dueTasks(at: moment, limit: 9, except: .nobody).map(\.attempt) == [1])
        }
    }

    @Test func `has no attempt counted by whoever took it before another did`() async throws {
        try await withStore { store in
            let task = try await store.begin(task(), bounds: bounds)
            let first = try #require(try await store.take(task, until: moment + .seconds(30)))
            let second = try #require(try await store.take(first, until: moment + .seconds(60)))
            #expect(try await store.countAttempt(of: first) == nil)
            #expect(try await store.countAttempt(of: second)?.attempt == 1)
            _ = try await store.end(second, as: ending(), anyAttempt: true)
            #expect(try await store.countAttempt(of: second) == nil)
        }
    }

    @Test func `is not read where its organization or its plugin has no place`() async throws {
        try await withStore { store in
            let (own, other) = (task(), task(theirs))
            for one in [own, other] { _ = try await store.begin(one, bounds: bounds) }
            func due(_ change: (inout BusyTasks) -> Void) async throws -> Set<Identifier> {
                var busy = BusyTasks()
                change(&busy)
                return Set(try await store.dueTasks(at: moment, limit: 9, except: busy).map(\.id))
            }
            #expect(try await due { _ in } == [own.id, other.id])
            #expect(try await due { $0.organizations = [ours] } == [other.id])
            #expect(try await due { $0.plugins = ["other"] } == [own.id, other.id])
            #expect(try await due { $0.plugins = ["desk"] } == [])
        }
    }

    @Test func `ends once, and is forgotten in time`() async throws {
        try await withStore { store in
            let task = try await store.begin(task(), bounds: bounds)
            #expect(try await store.end(task, as: ending(), anyAttempt: false))
            #expect(try await !store.end(task, as: ending(.cancelled), anyAttempt: true))
            let told = try await store.feed(lane: FeedReader.lane, after: 0, limit: 9).map(\.event)
            #expect(told == [FeedEvent.about(task, as: ending())])
            #expect(told.first?.kind == .taskSucceeded && told.first?.subject == task.id.description)

            func shown(at now: Timestamp) async throws -> PluginTask? {
                try await store.task(task.id, organization: ours, environment: .test, now: now)
            }
            let ended = try #require(try await shown(at: moment))
            #expect(ended.state == .completed && ended.result == ["output": ["number": 7]] && ended.dueAt == nil)
            #expect(ended.endedAt == moment && ended.expiresAt == moment + .seconds(10))
            #expect(try await shown(at: moment + .seconds(10)) == nil)
            try await store.removeExpiredTasks(at: moment + .seconds(9))
            #expect(try await shown(at: moment) != nil)
            try await store.removeExpiredTasks(at: moment + .seconds(10))
            #expect(try await shown(at: moment) == nil)
        }
    }

    @Test func `follows a clock that is set back`() async throws {
        try await withStore { store in
            _ = try await store.begin(task(at: moment + .seconds(3600)), bounds: bounds)
            try await store.bringForward(by: .seconds(3600), after: moment)
            let due = try await store.dueTasks(at: moment, limit: 9, except: .nobody)
            #expect(due.map(\.endsBy) == [moment + .seconds(60)])
        }
    }
}
