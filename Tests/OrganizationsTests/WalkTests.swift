import Gateway
import GatewayTesting
import OrderedJSON
import Organizations
import Testing

/// Walks what there is: an action that is added is walked too.
struct `Every action` {
    /// What fills an action's path, and its required arguments where a wrong one is as good.
    private func arguments(of action: Action, id: String) -> JSON {
        var arguments: JSONObject = [:]
        for name in action.route.pathArguments { arguments[name] = .string(id) }
        let required = (action.input.document["required"]?.arrayValue ?? []).compactMap(\.stringValue)
        if required.contains("tool") { arguments["tool"] = "no_such_tool" }
        if required.contains("rows") {
            arguments["rows"] = [1]
            arguments["reason"] = "not wanted"
        }
        if required.contains("evidence") {
            arguments["outcome"] = "failed"
            arguments["evidence"] = "no such line in the statement"
        }
        if required.contains("call_max") {
            let terms: JSONObject = [
                "purpose": "none", "tools": ["no_such_tool"], "call_max": 1, "day_max": 1, "until_ms": 1,
            ]
            for (name, value) in terms { arguments[name] = value }
        }
        return .object(arguments)
    }

    /// Whether its rules let somebody ask it, whatever it then says to the arguments.
    private func lets(
        _ action: Action,
        _ role: Role,
        host: Bool,
        isKey: Bool,
        scopes: Set<String>,
        at door: Door
    ) -> Bool {
        guard role >= action.rules.role, action.rules.reach == .organization || host else { return false }
        // A log-in that is shown at the door of MCP is an agent's.
        guard isKey else { return door == .rest || !action.rules.isPersonal || action.rules.isOpenToAgents }
        return !action.rules.isPersonal && action.rules.scopes.allSatisfy(scopes.contains)
    }

    /// Asks an action as everybody of a role might, by both doors in turn; answers how often.
    private func ask(
        _ action: Action,
        _ role: Role,
        of organization: Organization,
        _ number: Int,
        in bureau: Bureau
    ) async throws -> Int {
        let person = try await bureau.person("p\(number)", role, of: organization)
        let scopes = Set(action.rules.scopes)
        let callers: [(Secret<String>, isKey: Bool, scopes: Set<String>)] = [
            (try await bureau.key(role, [], of: organization), true, []),
            (try await bureau.key(role, scopes, of: organization), true, scopes), (person.token, false, []),
        ]
        for (index, (credential, isKey, scopes)) in callers.enumerated() {
            let door: Door = (number + index) % 2 == 0 ? .rest : .mcp
            // Nobody's limit is spent by the walk.
            bureau.clock.advance(.seconds(1))
            let reply = await bureau.ask(
                action.name,
                arguments(of: action, id: "nonsense"),
                as: credential,
                by: door
            )
            let line = try await bureau.audit(organization).first
            let passes = lets(action, role, host: organization.isHost, isKey: isKey, scopes: scopes, at: door)
            // Whoever logs out needs a session of their own, which a key has not.
            #expect(
                (reply.code == .permissionDenied) != passes || (action.name == "auth.logout" && isKey),
                "\(action.name) \(role) key: \(isKey) \(String(describing: reply.error))"
            )
            #expect(line?.action == action.rules.auditAction && line?.door == door.rawValue, "\(action.name)")
            #expect((line?.outcome == .success) == (reply.code == nil), "\(action.name)")
        }
        return callers.count
    }

    @Test func `lets pass whom its rules let pass, and leaves a line, a count and a metric of everybody`() async throws
    {
        try await Bureau.onEachStore { (bureau, _) async throws in
            var (number, asked) = (0, 0)
            for action in bureau.actions.sorted {
                for organization in [bureau.shop, bureau.host] {
                    for role in Role.allCases {
                        number += 1
                        asked += try await ask(action, role, of: organization, number, in: bureau)
                    }
                }
            }
            #expect(number == bureau.actions.sorted.count * 8)
            #expect(bureau.gateway.metrics.all.values.reduce(0, +) == asked)
            #expect(try await bureau.usage() == asked)
        }
    }

    @Test func `takes a foreign id for one that there is not, and asks the store the same of both`() async throws {
        try await Bureau.onEachStore { (bureau, statements) async throws in
            try await bureau.openShop()
            let member = try await bureau.person("member", .orgAdmin, of: bureau.shop)
            let open = try await bureau.makeKey(by: member)
            let seller = try await bureau.key(.manager, [], of: bureau.shop)
            let sale = await bureau.collect(100, as: open.text)
            let foreign = [
                member.user.id.description, APIKeyText(seller.reveal())?.id.description ?? "",
                bureau.shop.id.description, try #require(sale.record).description,
                try await bureau.export(of: bureau.shop).description,
            ]
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.host)
            let agents = try await bureau.person("agents", .orgAdmin, of: bureau.host)
            #expect(await bureau.ask("auth.verify", as: agents.token, by: .mcp).code == nil)
            let walked = bureau.actions.sorted.filter {
                // A stop is named by its own words, and by no id.
                $0.rules.reach == .organization && !$0.route.pathArguments.isEmpty && $0.name != "payments.resume"
            }
            #expect(walked.count >= 8)
            var counted = 0
            #expect(walked.contains { $0.name == "exports.read" })
            let doors = walked.flatMap { [($0, Door.rest), ($0, .mcp)] }
            for (action, door) in doors where door == .rest || !action.rules.isPersonal || action.rules.isOpenToAgents {
                let token = door == .rest ? admin.token : agents.token
                let unknown = bureau.clock.entropy.identifier().description
                var seen: [(error: GatewayError?, cost: [String: Int])] = []
                for id in [unknown] + foreign {
                    // Nobody profits from what an earlier question has left in a cache: all are asked alike.
                    bureau.clock.advance(.seconds(10))
                    _ = await bureau.ask("auth.verify", as: token)
                    _ = statements.take()
                    let reply = await bureau.ask(action.name, arguments(of: action, id: id), as: token, by: door)
                    seen.append((reply.error, statements.take()))
                }
                #expect(seen[0].error?.code == .notFound, "\(action.name)")
                counted += seen[0].cost.isEmpty ? 0 : 1
                for other in seen.dropFirst() {
                    #expect(other.error == seen[0].error, "\(action.name)")
                    #expect(other.cost == seen[0].cost, "\(action.name)")
                }
            }
            // What is refused by a path's own words alone asks nothing; the others do.
            #expect(counted > walked.count)
        }
    }

    @Test func `has a name, a route and a line of documents that no other has, and refuses what it does not know`()
        async throws
    {
        try await Bureau.with { (bureau) async throws in
            let actions = bureau.actions.sorted
            #expect(Set(actions.map(\.name)).count == actions.count)
            #expect(Set(actions.map { $0.route.method + $0.route.template }).count == actions.count)
            let boss = try await bureau.person("boss", .superAdmin, of: bureau.host)
            for action in actions where action.name != "auth.logout" {
                #expect(!action.title.isEmpty && action.summary.hasSuffix("."), "\(action.name)")
                var arguments = arguments(of: action, id: "nonsense").objectValue ?? JSONObject()
                arguments["no_such_argument"] = 1
                // However many actions there are, their number meets no limit.
                bureau.clock.advance(.milliseconds(50))
                let reply = await bureau.ask(action.name, .object(arguments), as: boss.token)
                #expect(reply.code == .invalidArgument, "\(action.name)")
                #expect(!(reply.error?.errors.isEmpty ?? true), "\(action.name)")
            }
        }
    }
}
