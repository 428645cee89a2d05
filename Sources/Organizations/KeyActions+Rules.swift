import Addresses
import Gateway
import OrderedJSON

/// What narrows a key, as arguments set it.
extension KeyActions {
    /// What narrows a key; null takes a rule away.
    static let rules: [(String, JSON)] = [
        ("tools", Arguments.tools),
        (
            "amount_max",
            [
                "type": ["integer", "null"], "minimum": 1, "maximum": 1_000_000_000,
                "description": "The largest amount of one call, in shillings.",
            ]
        ),
        (
            "is_agent",
            [
                "type": ["boolean", "null"],
                "description": .string(
                    "Whether a program that decides for itself calls with it, such as a model; unmarked, MCP is an agent's door."
                ),
            ]
        ),
        (
            "accounts",
            [
                "type": ["array", "null"], "minItems": 1, "maxItems": .integer(Int64(MPesaAccount.countMax)),
                "uniqueItems": true, "items": AccountName.schema("An account's name."),
                "description": "The M-Pesa accounts that it may use, and whose transactions it sees.",
            ]
        ),
        (
            "sources",
            [
                "type": ["array", "null"], "maxItems": 64, "items": ["type": "string", "maxLength": 64],
                "description": "Addresses and blocks that it may be used from, such as 192.0.2.0/24.",
            ]
        ),
    ]

    /// Refuses accounts that there are not: such a key could do nothing, and nobody would know why.
    func checkAccounts(
        _ rules: KeyRules,
        _ use: Action.Use,
        _ environment: Environment
    ) async throws(GatewayError) {
        guard let names = rules.accounts else { return }
        let known = try await house.directory.accounts(
            organization: use.principal.organization,
            environment: environment
        )
        guard names.isSubset(of: known.map(\.name)) else {
            throw Administration.wrong("accounts", "names of accounts that there are in \(environment.rawValue)")
        }
    }

    /// The rules that a key has, with those among the arguments in their place.
    static func rules(_ use: Action.Use, _ known: KeyRules) throws(GatewayError) -> KeyRules {
        var rules = known
        if let tools = use.arguments["tools"] {
            rules.tools = tools.arrayValue.map { Set($0.compactMap(\.stringValue)) }
        }
        if let most = use.arguments["amount_max"] { rules.amountMax = most.integerValue.flatMap { Shillings($0) } }
        if let mark = use.arguments["is_agent"] { rules.isAgent = mark.boolValue }
        if let accounts = use.arguments["accounts"] {
            rules.accounts = accounts.arrayValue.map {
                Set($0.compactMap { $0.stringValue.flatMap { AccountName($0) } })
            }
        }
        if let sources = use.arguments["sources"] {
            rules.sources = try (sources.arrayValue ?? [])
                .map { text throws(GatewayError) in
                    guard let block = text.stringValue.flatMap(AddressBlock.init) else {
                        throw Administration.wrong("sources", "addresses or blocks such as 192.0.2.0/24")
                    }
                    return block
                }
        }
        return rules
    }
}
