import GatewayTesting
import OrderedJSON
import Store
import Synchronization
import Testing

@testable import Gateway

/// The code of `gateway/base.h` by which a host says that a call's worker has gone.
private let lost = LoadedPlugin.Completion(status: LoadedPlugin.Completion.lost, payload: [])
/// What a host answers in the place of a plugin that is to stop.
private let stopped = LoadedPlugin.Completion(status: AnswerStatus.cancelled.rawValue, payload: [])

struct `A tool's task` {
    @Test func `is committed before its call is answered, and ends with what the tool answers`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let reply = await house.call("digger_dig", ["deep": 3])
            guard case .handle(let handle) = reply.ending else { throw Missing(what: "a handle") }
            #expect(handle.tool == "tasks_show" && handle.pollAfterMilliseconds == 2_000)
            #expect(handle.message.hasPrefix("It is deep.") && handle.message.contains("/tasks/\(handle.handle)"))
            let id = JSON.string(handle.handle)
            let begun = await house.task(id).data
            #expect(begun["status"] == "WORKING" && begun["tool"] == "digger_dig" && begun["output"] == nil)
            #expect(begun["progress"]?.doubleValue == 0)

            await house.gateway.tasks.workOnDue()

            let ended = await house.task(id).data
            #expect(ended["status"] == "COMPLETED" && ended["output"] == ["number": 7] && ended["attempts"] == 1)
            #expect(ended["content"]?[0]?["text"] == "seven" && ended["expires_at_ms"] != nil)
            #expect(ended["progress"]?.doubleValue == 1, "\(ended.text)")
            let seen = try #require(digger.seen.first)
            #expect(seen.door == "task" && seen.timeout == .seconds(60) && seen.attempt == 1)
            #expect(seen.task == .goesOn(try #require(Identifier(handle.handle))))
            // It was worked on once.
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.count == 1)
        }
    }

    @Test func `is found again by the key of its call, and after it has ended, what came of it`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let id = try await house.dig(["deep": 3], key: "a")
            #expect(try await house.dig(["deep": 3], key: "a") == id)
            #expect(try await house.dig(["deep": 3], key: "b") != id)
            #expect(await house.call("digger_dig", ["deep": 4], key: "a").code == .idempotencyKeyReused)

            await house.gateway.tasks.workOnDue()

            let again = await house.call("digger_dig", ["deep": 3], key: "a")
            guard case .success(let output) = again.result else { throw Missing(what: "an output") }
            #expect(try JSON(parsing: output) == ["number": 7] && again.isReplayed && digger.seen.count == 2)
            house.clock.advance(.seconds(86_401))
            #expect(try await house.dig(["deep": 4], key: "a") != id)
        }
    }

    @Test func `is not shown for its key to a caller who sees less by now`() async throws {
        try await House.withDigger { (house, _) async throws in
            let id = try await house.dig(key: "a")
            try await house.hold(to: [.main])
            #expect(await house.call("digger_dig", key: "a").code == .conflict)
            await house.gateway.tasks.workOnDue()
            #expect(await house.call("digger_dig", key: "a").code == .conflict)
            try await house.hold(to: nil)
            #expect(await house.call("digger_dig", key: "a").isReplayed)
            #expect(await house.task(id).data["status"] == "COMPLETED")
        }
    }

    @Test func `is its organization's, and of role user its maker's`() async throws {
        try await House.withDigger { (house, _) async throws in
            let id = try await house.dig()
            let clerk = try await house.addKey(role: .user)
            let narrow = try await house.addKey(rules: KeyRules(tools: ["other"]))

            #expect(await house.task(id).code == nil)
            #expect(await house.task(id, as: clerk).code == .notFound)
            // Who may not use the tool may not know what it answers.
            #expect(await house.task(id, as: narrow).code == .notFound)
            #expect(await house.ask("tasks.cancel", ["id": id], as: clerk.text).code == .notFound)
            #expect(await house.ask("tasks.list").data.arrayValue?.count == 1)
            #expect(await house.ask("tasks.list", as: clerk.text).data == [])
        }
    }

    @Test func `that is cancelled is worked on no more, and has no result`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let id = try await house.dig(key: "a")
            let answers = Mutex<[Bool]>([])
            digger.does { invocation in
                let before = await invocation.isOver?() ?? true
                #expect(await house.ask("tasks.cancel", ["id": id]).data["status"] == "CANCELLED")
                let after = await invocation.isOver?() ?? false
                answers.withLock { $0 = [before, after] }
                return stopped
            }

            await house.gateway.tasks.workOnDue()

            #expect(answers.withLock { $0 } == [false, true])
            let ended = await house.task(id).data
            #expect(ended["status"] == "CANCELLED" && ended["output"] == nil)
            #expect(await house.ask("tasks.cancel", ["id": id]).code == .conflict)
            #expect(await house.call("digger_dig", key: "a").code == .withdrawn)
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.count == 1)
        }
    }

    @Test func `whose result comes after it was cancelled stays cancelled`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let id = try await house.dig()
            digger.does { _ in
                _ = await house.ask("tasks.cancel", ["id": id])
                return Digger.found
            }

            await house.gateway.tasks.workOnDue()

            #expect(await house.task(id).data["status"] == "CANCELLED")
        }
    }

    @Test(arguments: [true, false])
    func `whose host ends is begun again where its tool may be, and else says why not`(again: Bool) async throws {
        try await House.withDigger(again: again) { (house, digger) async throws in
            let id = try await house.dig()
            // A host calls its tool, and is never heard of again.
            let due = try #require(try await house.store.dueTasks(at: house.clock.now, limit: 5, except: .nobody).first)
            let taken = try #require(try await house.store.take(due, until: house.clock.now + .seconds(30)))
            _ = try await house.store.countAttempt(of: taken)
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.isEmpty)

            house.clock.advance(.seconds(31))
            await house.another().tasks.workOnDue()

            let ended = await house.task(id).data
            #expect(ended["status"] == (again ? "COMPLETED" : "FAILED") && ended["attempts"] == (again ? 2 : 1))
            #expect(digger.seen.map(\.attempt) == (again ? [2] : []))
            #expect(again || ended["error"]?["code"] == "unavailable")
            #expect(again || ended["error"]?["message"]?.stringValue?.contains("cannot begin it again") == true)
        }
    }

    @Test func `whose worker ends is begun again a little later, so often and no more`() async throws {
        var bounds = Assembly.Settings()
        bounds.tasks.attemptsMax = 2
        try await House.withDigger(bounds: bounds) { (house, digger) async throws in
            let id = try await house.dig()
            digger.does { _ in lost }

            await house.gateway.tasks.workOnDue()
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.count == 1)
            #expect(await house.task(id).data["status"] == "WORKING")
            house.clock.advance(.seconds(2))
            await house.gateway.tasks.workOnDue()

            let ended = await house.task(id).data
            #expect(ended["status"] == "FAILED" && ended["error"]?["code"] == "unavailable")
            #expect(digger.seen.count == 2)
        }
    }

    @Test func `that its tool refuses has failed with the tool's own words, also for a repeat of the call`()
        async throws
    {
        try await House.withDigger { (house, digger) async throws in
            let id = try await house.dig(key: "a")
            digger.does { _ in
                .init(status: AnswerStatus.notFound.rawValue, payload: JSON.object(["message": "No water."]).bytes)
            }

            await house.gateway.tasks.workOnDue()

            #expect(await house.task(id).data["error"] == ["code": "not_found", "message": "No water."])
            #expect(await house.call("digger_dig", key: "a").code == .notFound)
        }
    }

    @Test(arguments: [Loss.keyIsRevoked, .toolIsSwitchedOff])
    func `ends once whoever called may not use the tool any more`(loss: Loss) async throws {
        try await House.withDigger { (house, digger) async throws in
            let seer = try await house.addKey()
            let id = try await house.dig()
            digger.does { invocation in
                #expect(await invocation.isOver?() == false)
                try? await loss.befalls(house, tool: "digger_dig")
                house.clock.advance(.seconds(2))
                #expect(await invocation.isOver?() == true)
                return stopped
            }

            await house.gateway.tasks.workOnDue()

            _ = try await house.store.change(house.organization) { $0.disabledTools = [] }
            house.gateway.directory.forget()
            #expect(await house.task(id, as: seer).data["error"]?["code"] == "permission_denied")
        }
    }

    @Test(arguments: [false, true])
    func `ends once whoever called sees more than when it was begun`(isUnderWay: Bool) async throws {
        try await House.withDigger { (house, digger) async throws in
            try await house.hold(to: [.main])
            let id = try await house.dig()
            if !isUnderWay { try await house.hold(to: nil) }
            digger.does { invocation in
                #expect(await invocation.isOver?() == false)
                try? await house.hold(to: nil)
                #expect(await invocation.isOver?() == true)
                return stopped
            }

            await house.gateway.tasks.workOnDue()

            let ended = await house.task(id).data
            #expect(ended["status"] == "FAILED" && ended["error"]?["code"] == "permission_denied")
            #expect(ended["error"]?["message"]?.stringValue?.contains("sees more now") == true)
            #expect(digger.seen.count == (isUnderWay ? 1 : 0))
        }
    }

    @Test func `goes on where whoever called sees less than when it was begun`() async throws {
        try await House.withDigger { (house, digger) async throws in
            _ = try await house.dig()
            try await house.hold(to: [.main])
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.first?.principal.accounts == [.main])
        }
    }

    @Test func `waits while its organization is suspended or its plugin away, until its time is over`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let id = try await house.dig()
            try await Loss.organizationIsSuspended.befalls(house, tool: "")
            await house.gateway.tasks.workOnDue()
            #expect(await house.task(id).data["status"] == "WORKING" && digger.seen.isEmpty)
            _ = try await house.store.change(house.organization) { $0.subscription = .active }
            house.gateway.directory.forget()
            house.registry.withdraw("digger")
            house.clock.advance(.seconds(30))
            await house.gateway.tasks.workOnDue()
            #expect(await house.task(id).data["attempts"] == 0)

            house.clock.advance(.seconds(31))
            await house.gateway.tasks.workOnDue()

            let ended = await house.task(id).data
            #expect(ended["status"] == "FAILED" && ended["error"]?["code"] == "deadline_exceeded")
        }
    }

    @Test(arguments: [true, false])
    func `that runs when its organization is suspended is begun again where its tool may be`(again: Bool) async throws {
        try await House.withDigger(again: again) { (house, digger) async throws in
            let id = try await house.dig()
            digger.does { invocation in
                try? await Loss.organizationIsSuspended.befalls(house, tool: "")
                house.clock.advance(.seconds(2))
                #expect(await invocation.isOver?() == true)
                return stopped
            }
            await house.gateway.tasks.workOnDue()
            _ = try await house.store.change(house.organization) { $0.subscription = .active }
            house.gateway.directory.forget()
            house.clock.advance(.seconds(31))
            digger.does { _ in Digger.found }

            await house.gateway.tasks.workOnDue()

            let ended = await house.task(id).data
            #expect(ended["status"]?.stringValue == (again ? "COMPLETED" : "FAILED"))
            #expect(again || ended["error"]?["code"] == "unavailable")
            #expect(digger.seen.count == (again ? 2 : 1))
        }
    }

    @Test func `keeps a plugin's words cut, and without what is not to be seen`() async throws {
        try await House.with { (house) async throws in
            let words = "It\u{0}\u{202E} is\ndeep." + String(repeating: "é", count: 4_000)
            let digger = Digger(words: words)
            try house.registry.publish(try digger.plugin())
            let id = try await house.dig()
            let kept = PluginTask.Progress.words(words, bytesMax: 512)
            #expect(kept.hasPrefix("It is deep.é") && kept.utf8.count == 511)
            #expect(await house.task(id).data["message"]?.stringValue == kept)
            #expect(PluginTask.Progress.words("\u{200B}\u{7F}aé", bytesMax: 2) == "a")
        }
    }

    @Test func `is its maker's alone to see while its plugin is not there`() async throws {
        try await House.withDigger { (house, _) async throws in
            let other = try await house.addKey()
            let id = try await house.dig()
            #expect(await house.task(id, as: other).code == nil)

            house.registry.withdraw("digger")

            #expect(await house.task(id, as: other).code == .notFound)
            #expect(await house.ask("tasks.list", as: other.text).data == [])
            #expect(await house.task(id).data["status"] == "WORKING")
        }
    }

    @Test(arguments: [
        (LoadedPlugin.Completion.lost, 1), (AnswerStatus.deadline.rawValue, 1), (AnswerStatus.notFound.rawValue, 0),
        (AnswerStatus.cancelled.rawValue, 0), (AnswerStatus.ok.rawValue, 0),
    ])
    func `speaks against its plugin as a call does`(status: Int32, failed: Int) async throws {
        try await House.withDigger { (house, digger) async throws in
            _ = try await house.dig()
            digger.does { _ in status == 0 ? Digger.found : .init(status: status, payload: []) }
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.count == 1)
            #expect(house.registry.snapshot.live("digger")?.calls.failedCount == failed)
        }
    }

    @Test func `is one of so many of its organization's`() async throws {
        var bounds = Assembly.Settings()
        bounds.begunTasks.openMax = 1
        try await House.withDigger(bounds: bounds) { (house, _) async throws in
            _ = try await house.dig()
            #expect(await house.call("digger_dig").code == .limitExceeded)
            await house.gateway.tasks.workOnDue()
            _ = try await house.dig()
        }
    }

    @Test func `is worked on beside so many others of its organization's`() async throws {
        var bounds = Assembly.Settings()
        bounds.tasks.organizationPlacesMax = 2
        try await House.withDigger(bounds: bounds) { (house, digger) async throws in
            for _ in 0..<3 { _ = try await house.dig() }
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.count == 2)
            await house.gateway.tasks.workOnDue()
            #expect(digger.seen.count == 3)
        }
    }

    @Test func `is left when the host stops, and another host goes on at once`() async throws {
        try await House.withDigger { (house, digger) async throws in
            let id = try await house.dig()
            let begun = AsyncStream.makeStream(of: LoadedPlugin.Invocation.self)
            digger.does { invocation in
                begun.continuation.yield(invocation)
                // What its host looks for twice a second.
                while await invocation.isOver?() == false { await Task.yield() }
                return stopped
            }
            let running = Task { await house.gateway.tasks.run() }
            var begins = begun.stream.makeAsyncIterator()
            #expect(await begins.next()?.attempt == 1)

            running.cancel()
            await running.value

            #expect(await house.task(id).data["status"] == "WORKING")
            digger.does { _ in Digger.found }
            await house.another().tasks.workOnDue()
            #expect(await house.task(id).data["status"] == "COMPLETED")
            #expect(digger.seen.map(\.attempt) == [1, 1])
        }
    }

    @Test func `is none of a tool that does not say that it may go on`() async throws {
        try await House.with { (house) async throws in
            try house.registry.publish(try Digger().plugin(offers: false))

            #expect(await house.call("digger_dig").code == .pluginFailed)
            #expect(await house.ask("tasks.list").data == [])
        }
    }

    @Test func `may write a longer file than a call may, which is read piece by piece`() async throws {
        var bounds = Assembly.Settings()
        (bounds.services.exportBytesMax, bounds.services.taskExportBytesMax) = (4, 3 << 20)
        try await House.with(bounds: bounds) { (house) async throws in
            let opened = try await house.service("export.open", ["name": "a.csv", "mime_type": "text/csv"])
            let export = opened["export"] ?? ""
            let piece: JSON = ["export": export, "text": .string(String(repeating: "x", count: 1 << 20))]
            await #expect(throws: GatewayError.self) { try await house.service("export.append", piece) }
            for _ in 0..<3 { _ = try await house.service("export.append", piece, inTask: true) }
            await #expect(throws: GatewayError.self) { try await house.service("export.append", piece, inTask: true) }
            #expect(try await house.service("export.close", ["export": export])["bytes"] == 3_145_728)

            guard case .success(.stream(let file)) = await house.ask("exports.read", ["id": export]).result else {
                throw Missing(what: "a file that is read piece by piece")
            }
            let pieces = Mutex<[Int]>([])
            try await file.write { piece in pieces.withLock { $0.append(piece.count) } }
            #expect(pieces.withLock { $0 } == [1 << 20, 1 << 20, 1 << 20])
        }
    }
}
