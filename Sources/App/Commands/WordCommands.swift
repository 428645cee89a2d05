import ArgumentParser
import Foundation
import Gateway
import OrderedJSON

/// A word of the command line that stands for groups of actions: `key create` is the action `keys.create`.
///
/// What verbs there are, and what each takes, comes from the running gateway's document; nothing is listed here.
protocol CommandWord: Sendable {
    /// The word.
    static var word: String { get }
    /// The groups of actions behind it, in the order in which a verb is looked for.
    static var groups: [String] { get }
    /// For people.
    static var abstract: String { get }
}

/// The command of a word.
struct WordCommand<Word: CommandWord>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Word.word,
            abstract: Word.abstract,
            discussion: """
                Without a verb, those that the credential may use are listed. What is no NAME=VALUE stands for what must be \
                there, in its order: key explain KEY TOOL. NAME=@FILE reads a file. The gateway is found by GATEWAY_URL, and \
                the credential by GATEWAY_API_KEY.
                """
        )
    }

    @Argument(help: "What to do, such as list.") var verb: String?
    @Argument(help: "VALUE or NAME=VALUE.") var arguments: [String] = []
    @OptionGroup var options: CallOptions

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            let operations = Operation.all(in: try await client.openAPI())
            guard let verb else { return show(operations) }
            let said = verb.replacingOccurrences(of: "-", with: "_")
            let isWhole = Word.groups.contains { said.hasPrefix($0 + ".") }
            let names = isWhole ? [said] : Word.groups.map { $0 + "." + said }
            let found = names.compactMap { name in operations.first { $0.name == name } }
            // One's own, where nothing says which of all is meant.
            guard let operation = found.first(where: { $0.isWhole(arguments) }) ?? found.first else {
                throw GatewayError(
                    .notFound,
                    "\(client.url) has no \(Word.word) \(verb) for this credential. Without a verb, those there are are listed."
                )
            }
            try await options.carryOut(operation, try operation.arguments(arguments), by: client)
        }
    }

    private func show(_ operations: [Operation]) {
        AnswerText.print(table: [["VERB", "TITLE", "ARGUMENTS"]] + Words.rows(of: operations, in: Word.groups))
    }
}

/// Every word there is.
enum Words {
    enum Organizations: CommandWord {
        static let word = "organization"
        static let groups = ["organizations", "organization"]
        static let abstract = "Organizations: one's own, and, for super administrators, all."
    }
    enum Users: CommandWord {
        static let word = "user"
        static let groups = ["users"]
        static let abstract = "The organization's people."
    }
    enum Keys: CommandWord {
        static let word = "key"
        static let groups = ["keys"]
        static let abstract = "The organization's API keys."
    }
    enum Plans: CommandWord {
        static let word = "plan"
        static let groups = ["plans"]
        static let abstract = "Plans, for super administrators."
    }
    enum Issuers: CommandWord {
        static let word = "issuer"
        static let groups = ["issuers"]
        static let abstract = "Whose tokens the organization takes besides the gateway's own."
    }
    enum SharedIssuers: CommandWord {
        static let word = "shared-issuer"
        static let groups = ["shared_issuers"]
        static let abstract = "Issuers that organizations may accept, for super administrators."
    }
    enum Accounts: CommandWord {
        static let word = "account"
        static let groups = ["accounts"]
        static let abstract = "The organization's M-Pesa accounts."
    }
    enum Credentials: CommandWord {
        static let word = "credentials"
        static let groups = ["credentials"]
        static let abstract = "The organization's M-Pesa credentials."
    }
    enum Callbacks: CommandWord {
        static let word = "callbacks"
        static let groups = ["callbacks"]
        static let abstract = "Whether M-Pesa's callbacks arrive."
    }
    enum Usage: CommandWord {
        static let word = "usage"
        static let groups = ["usage", "invoices"]
        static let abstract = "What the organization used, and its invoices."
    }
    enum Batches: CommandWord {
        static let word = "batches"
        static let groups = ["batches"]
        static let abstract = "Payments that are made together: create --file payroll.xlsx, show, release, result."
    }
    enum Reports: CommandWord {
        static let word = "report"
        static let groups = ["reports"]
        static let abstract = "The reports that are kept, what they did not know, and whether their sums are true."
    }
    enum Balances: CommandWord {
        static let word = "balance"
        static let groups = ["balances"]
        static let abstract = "What M-Pesa last said that the accounts hold."
    }
    enum Events: CommandWord {
        static let word = "events"
        static let groups = ["events"]
        static let abstract = "What has become true of the organization's transactions, in order."
    }
    enum Webhooks: CommandWord {
        static let word = "webhook"
        static let groups = ["webhooks", "deliveries"]
        static let abstract = "Where the organization's events are sent, what arrived, and what is sent again."
    }
    enum Audit: CommandWord {
        static let word = "audit"
        static let groups = ["audit"]
        static let abstract = "The organization's audit."
    }

    /// All of them, for completion.
    static let all: [any CommandWord.Type] = [
        Organizations.self, Users.self, Keys.self, Plans.self, Issuers.self, SharedIssuers.self, Accounts.self,
        Credentials.self, Callbacks.self,
        Usage.self, Batches.self, Reports.self, Balances.self, Events.self, Webhooks.self,
        Audit.self,
    ]

    /// A line for each verb; one that an earlier group has too stands under its whole name.
    static func rows(of operations: [Operation], in groups: [String]) -> [[String]] {
        let names = Set(operations.map(\.name))
        return operations.sorted { $0.name < $1.name }
            .compactMap { operation -> [String]? in
                guard let verb = Words.verb(of: operation.name, in: groups) else { return nil }
                let said = verb.replacingOccurrences(of: "-", with: "_")
                let first = groups.map { $0 + "." + said }.first { names.contains($0) }
                let shown = first == operation.name ? verb : operation.name.replacingOccurrences(of: "_", with: "-")
                return [shown, operation.title, operation.argumentsText]
            }
    }

    /// What an action is called behind a word of these groups; nil where it is none of theirs.
    static func verb(of action: String, in groups: [String]) -> String? {
        let parts = action.split(separator: ".").map(String.init)
        guard parts.count == 2, groups.contains(parts[0]) else { return nil }
        return parts[1].replacingOccurrences(of: "_", with: "-")
    }
}

/// `audit`: what a running gateway answers, and files that are checked without one.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: Words.Audit.word,
        abstract: Words.Audit.abstract,
        subcommands: [AuditVerify.self, WordCommand<Words.Audit>.self],
        defaultSubcommand: WordCommand<Words.Audit>.self
    )
}

/// `completion`: what a shell offers, made from the registry of a running gateway.
struct CompletionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a completion script for bash, zsh or fish, of what a running gateway has.",
        discussion: "bash: source <(mpesa-gateway completion bash)"
    )

    @Argument(help: "bash, zsh or fish.") var shell: String

    func run() async throws {
        try await GatewayClient.running(isForScript: true) { client throws(GatewayError) in
            let operations = Operation.all(in: try await client.openAPI())
            guard let script = CompletionScript(operations).text(for: shell) else {
                throw GatewayError(.invalidArgument, "shell: expected bash, zsh or fish.")
            }
            print(script)
        }
    }
}

/// Completion scripts: words, their verbs, and the arguments of each.
struct CompletionScript {
    /// What may stand behind `mpesa-gateway WORD`, or `mpesa-gateway WORD VERB`.
    private var offers: [(after: [String], words: [String])] = []

    /// Whether a word may stand in a script that a shell runs: it comes from whatever answers at GATEWAY_URL.
    private static func isPlain(_ word: String) -> Bool {
        !word.isEmpty
            && word.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "._-=".utf8.contains(byte)
                }
            }
    }

    init(_ operations: [Operation]) {
        let own = MPesaGateway.configuration.subcommands.compactMap { $0._commandName }
        offers.append(([], own.sorted()))
        offers.append((["call"], operations.map(\.name).sorted()))
        for word in Words.all {
            let verbs = operations.compactMap { operation in
                Words.verb(of: operation.name, in: word.groups).map { ($0, operation) }
            }
            let more = [Words.Audit.word: ["verify"], Words.Events.word: ["tail", "resend"]][word.word] ?? []
            offers.append(([word.word], (verbs.map(\.0) + more).sorted()))
            for (verb, operation) in verbs.sorted(by: { $0.0 < $1.0 }) where !operation.argumentNames.isEmpty {
                offers.append(([word.word, verb], operation.argumentNames.map { $0 + "=" }))
            }
        }
        offers = offers.filter { $0.after.allSatisfy(Self.isPlain) }
            .map { ($0.after, $0.words.filter(Self.isPlain)) }
    }

    func text(for shell: String) -> String? {
        switch shell {
        case "bash": bash
        case "zsh": "autoload -U +X bashcompinit && bashcompinit\n" + bash
        case "fish": fish
        default: nil
        }
    }

    private var bash: String {
        let cases = offers.map { offer in
            "    '\(offer.after.joined(separator: " "))') COMPREPLY=($(compgen -W '\(offer.words.joined(separator: " "))' -- \"$cur\")) ;;"
        }
        return """
            _mpesa_gateway() {
              local cur="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[*]:1:COMP_CWORD-1}"
              case "$(echo $before | cut -d' ' -f1-2)" in
            \(cases.joined(separator: "\n"))
              esac
              [[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
            }
            complete -F _mpesa_gateway mpesa-gateway
            """
    }

    private var fish: String {
        offers.map { offer in
            let condition =
                offer.after.isEmpty
                ? "__fish_use_subcommand"
                : offer.after.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
            return "complete -c mpesa-gateway -f -n '\(condition)' -a '\(offer.words.joined(separator: " "))'"
        }
        .joined(separator: "\n")
    }
}
