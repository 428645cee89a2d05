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
        return .object(arguments)
    }

    /// Whether its rules let somebody ask it, whatever it then says to the arguments.
    private func lets(_ action: Action, _ role: Role, host: Bool, isKey: Bool, scopes: Set<String>) -> Bool {
        guard role >= action.rules.role, action.rules.reach == .organization || host else { return false }
        guard isKey else { return true }
        return !action.rules.isPersonal && action.rules.scopes.allSatisfy(scopes.contains)
    }

    @Test func `lets pass whom its rules let pass, and leaves a line of everybody`() async throws {
        try await Bureau.with { (bureau) async throws in
            var number = 0
            for action in bureau.actions.sorted {
                for organization in [bureau.shop, bureau.host] {
                    for role in Role.allCases {
                        number += 1
                        let person = try await bureau.person("p\(number)", role, of: organization)
                        let bare = try await bureau.key(role, [], of: organization)
                        let scoped = try await bureau.key(role, Set(action.rules.scopes), of: organization)
                        for (credential, isKey, scopes): (Secret<String>, Bool, Set<String>) in [
                            (bare, true, []), (scoped, true, Set(action.rules.scopes)), (person.token, false, []),
                        ] {
                            let reply = await bureau.ask(
                                action.name,
                                arguments(of: action, id: "nonsense"),
                                as: credential
                            )
                            let line = try await bureau.audit(organization).first
                            let passes = lets(
                                action,
                                role,
                                host: organization.isHost,
                                isKey: isKey,
                                scopes: scopes
                            )
                            let isRefused = reply.code == .permissionDenied
                            // Whoever logs out needs a session of their own, which a key has not.
                            #expect(
                                isRefused != passes || (action.name == "auth.logout" && isKey),
                                "\(action.name) \(role) key: \(isKey) \(String(describing: reply.error))"
                            )
                            #expect(line?.action == action.rules.auditAction, "\(action.name)")
                            #expect((line?.outcome == .success) == (reply.code == nil), "\(action.name)")
                        }
                    }
                }
            }
            #expect(number == bureau.actions.sorted.count * 8)
        }
    }

    @Test func `takes a foreign id for one that there is not`() async throws {
        try await Bureau.with { (bureau) async throws in
            let admin = try await bureau.person("admin", .orgAdmin, of: bureau.shop)
            let stranger = try await bureau.person("stranger", .orgAdmin, of: bureau.host)
            let theirKey = APIKeyText(try await bureau.key(.manager, [], of: bureau.host).reveal())?.id.description
            let foreign = [
                stranger.user.id.description, theirKey ?? "", bureau.host.id.description,
            ]
            let walked = bureau.actions.sorted.filter {
                $0.rules.reach == .organization && !$0.route.pathArguments.isEmpty
            }
            #expect(walked.count >= 7)
            for action in walked {
                let unknown = await bureau.ask(
                    action.name,
                    arguments(of: action, id: bureau.clock.entropy.identifier().description),
                    as: admin.token
                )
                #expect(unknown.code == .notFound, "\(action.name)")
                for id in foreign {
                    let reply = await bureau.ask(action.name, arguments(of: action, id: id), as: admin.token)
                    #expect(reply.error == unknown.error, "\(action.name)")
                }
            }
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
