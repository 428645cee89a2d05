import Addresses
import Gateway
import HTTPServer
import Ingress
import Logging
import Organizations

/// One setting of `serve`, said once: its help, its line in docs/operating.md and what `doctor` looks at come from it.
struct Setting: Sendable {
    /// The variable, without `GATEWAY_`.
    let name: String
    /// What it is where nobody sets it, in words.
    let usual: String
    /// What it means, in words.
    let meaning: String
    /// What its text is expected to be, for whoever wrote another.
    let expected: String
    /// Takes its text; false when that is not what is expected.
    let take: @Sendable (String, inout Settings) -> Bool

    /// The variable's whole name.
    var variable: String { "GATEWAY_" + name }

    /// A setting of which every text is good.
    static func text(
        _ name: String,
        _ usual: String,
        _ meaning: String,
        _ take: @escaping @Sendable (String, inout Settings) -> Void
    ) -> Setting {
        Setting(name: name, usual: usual, meaning: meaning, expected: "text") { text, settings in
            take(text, &settings)
            return true
        }
    }

    /// A setting that is a whole number.
    static func number(
        _ name: String,
        _ range: ClosedRange<Int>,
        _ usual: String,
        _ meaning: String,
        _ take: @escaping @Sendable (Int, inout Settings) -> Void
    ) -> Setting {
        let expected = "a whole number, \(range.lowerBound) to \(range.upperBound)"
        return Setting(name: name, usual: usual, meaning: meaning, expected: expected) { text, settings in
            guard let number = Int(text), range.contains(number) else { return false }
            take(number, &settings)
            return true
        }
    }

    /// A setting that is addresses and blocks.
    static func blocks(
        _ name: String,
        _ usual: String,
        _ meaning: String,
        _ take: @escaping @Sendable ([AddressBlock], inout Settings) -> Void
    ) -> Setting {
        let expected = "addresses or blocks between commas, such as 127.0.0.1,10.0.0.0/8"
        return list(name, usual, meaning, expected, { AddressBlock($0) }, take)
    }

    /// A setting that is addresses and blocks, each perhaps with a port.
    static func places(
        _ name: String,
        _ usual: String,
        _ meaning: String,
        _ take: @escaping @Sendable ([ReachablePlace], inout Settings) -> Void
    ) -> Setting {
        let expected = "places such as 10.1.0.0/16, 10.1.2.3:8443 or [fd00::/8]:443, between commas"
        return list(name, usual, meaning, expected, { ReachablePlace($0) }, take)
    }

    /// A setting that is some of something, between commas.
    private static func list<Element>(
        _ name: String,
        _ usual: String,
        _ meaning: String,
        _ expected: String,
        _ read: @escaping @Sendable (String) -> Element?,
        _ take: @escaping @Sendable ([Element], inout Settings) -> Void
    ) -> Setting {
        Setting(name: name, usual: usual, meaning: meaning, expected: expected) { text, settings in
            let parts = text.split(separator: ",").map { $0.filter { $0 != " " } }
            let read = parts.compactMap(read)
            guard !read.isEmpty, read.count == parts.count else { return false }
            take(read, &settings)
            return true
        }
    }

    /// A setting that is one of some words.
    static func word<Word: RawRepresentable & CaseIterable & Sendable>(
        _ name: String,
        _ usual: Word,
        _ meaning: String,
        _ take: @escaping @Sendable (Word, inout Settings) -> Void
    ) -> Setting where Word.RawValue == String {
        let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
        let all = "\(meaning): \(words)"
        return Setting(name: name, usual: usual.rawValue, meaning: all, expected: "one of \(words)") {
            text,
            settings in
            guard let word = Word(rawValue: text) else { return false }
            take(word, &settings)
            return true
        }
    }
}

extension Settings {
    /// The defaults, which the list shows.
    private static let usual = Settings()

    /// Every setting, in the order in which people read of them.
    static let list: [Setting] = listeners + data + following + registrations + MailSettings.list + upstream + tests

    private static let listeners: [Setting] = [
        .text("HTTP_HOST", usual.host, "the address of the main listener") { $1.host = $0 },
        .number("HTTP_PORT", 0...65_535, "\(usual.port)", "its port") { $1.port = $0 },
        .text("MANAGEMENT_HOST", usual.managementHost, "the address of the management listener") {
            $1.managementHost = $0
        },
        .number(
            "MANAGEMENT_PORT",
            0...65_535,
            "\(usual.managementPort)",
            "its port: `/livez`, `/readyz`, `/metrics`, `/plugins`"
        ) { $1.managementPort = $0 },
        .text("MANAGEMENT_NAMES", "none", "more names, between commas, that the management listener answers to") {
            $1.door.managementNames = $0.split(separator: ",").map { $0.filter { $0 != " " } }
        },
        Setting(
            name: "TRUSTED_PROXIES",
            usual: "none",
            meaning: "addresses and blocks, such as `127.0.0.1,10.0.0.0/8`, whose `X-Forwarded-For` says who calls",
            expected: "addresses or blocks between commas, such as 127.0.0.1,10.0.0.0/8"
        ) { text, settings in
            guard let proxies = TrustedProxies(text) else { return false }
            settings.door.proxies = proxies
            return true
        },
        .number(
            "CONNECTIONS_MAX",
            1...1_000_000,
            "\(OpenFiles.connectionsUsual), or what the files allow",
            "connections of the main listener at once"
        ) { $1.door.files.connections = $0 },
        .number(
            "CONNECTIONS_PER_ADDRESS_MAX",
            1...1_000_000,
            "a quarter of them",
            "connections of one address (IPv6: of one /64) at once"
        ) { $1.door.files.connectionsPerAddress = $0 },
        .number(
            "RESERVED_FILES",
            64...1_000_000,
            "\(OpenFiles.reservedUsual), at most half of all",
            "open files kept for the database, M-Pesa, plugins' workers"
        ) { $1.door.files.reserved = $0 },
        .number(
            "REQUEST_DEADLINE_S",
            1...3600,
            "\(usual.door.requestDeadline.components.seconds)",
            "from a request's first byte until all of it is here"
        ) { $1.door.requestDeadline = .seconds($0) },
        .number(
            "HEADER_DEADLINE_S",
            1...3600,
            "\(usual.door.headerDeadline.components.seconds)",
            "from a request's first byte until its header is here"
        ) { $1.door.headerDeadline = .seconds($0) },
        .word("MODE", usual.mode, "which doors are open") { $1.mode = $0 },
        .word(
            "MCP_SSE",
            usual.door.mcpStreams,
            "whether `/mcp/sse` serves MCP clients that know 2024-11-05's pair of endpoints alone, on one host"
        ) { $1.door.mcpStreams = $0 },
        Setting(
            name: "PUBLIC_URL",
            usual: "made of host and port",
            meaning:
                "where M-Pesa and callers reach the gateway: what callbacks name, unless an organization has its own",
            expected: "an address such as https://pay.example.com, without user, query or fragment"
        ) { text, settings in
            guard let url = BaseURL(text, plain: .anywhere) else { return false }
            settings.publicURL = url.description
            return true
        },
        .blocks(
            "CALLBACK_SOURCES",
            "everywhere",
            "the only addresses and blocks that callbacks are taken from; of others they find nothing there (404)"
        ) { $1.door.callbackSources = $0 },
        .blocks(
            "CALLBACK_CHECK_PRIVATE",
            "none; in `dev` this machine",
            "addresses and blocks that are not public to which `callbacks check` connects all the same"
        ) { $1.door.callbackCheckPrivate = $0 },
        .places(
            "WEBHOOK_PRIVATE",
            "none; in `dev` this machine",
            "addresses and blocks that are not public, perhaps with a port, to which webhooks are sent all the same"
        ) { $1.door.webhookPrivate = $0 },
        .places(
            "ISSUER_PRIVATE",
            "none; in `dev` this machine",
            "addresses and blocks that are not public, perhaps with a port, where issuers of tokens may be all the same"
        ) { $1.door.issuerPrivate = $0 },
        Setting(
            name: "MCP_ORGANIZATION",
            usual: "nobody's",
            meaning:
                "the id of the organization whose issuers' tokens are for `/mcp` without an id behind it (docs/oauth.md)",
            expected: "an organization's id"
        ) { text, settings in
            settings.door.plainOwner = OrganizationID(text)
            return settings.door.plainOwner != nil
        },
    ]

    private static let data: [Setting] = [
        .text(
            "DATA_FOLDER",
            usual.dataFolder,
            "database, lock, private copies of plugins (those that no version needs are taken away at a start)"
        ) { $1.dataFolder = $0 },
        .text(
            "DATABASE_URL",
            "`sqlite:` in the data folder",
            "`sqlite:PATH`, or `postgres://USER@HOST:PORT/NAME` as libpq reads it; may hold a password, **secret** then"
        ) { $1.databaseURL = $0 },
        .text(
            "MASTER_KEY_FILE",
            "master.key in the data folder",
            "64 hexadecimal digits; **secret**: `openssl rand -hex 32`"
        ) { $1.masterKeyFile = $0 },
        .text(
            "OPERATOR_TOKEN_FILE",
            "none",
            "at least 32 characters; **secret**; without it plugins and organizations cannot be changed over HTTP"
        ) { $1.operatorTokenFile = $0 },
        .text(
            "AUDIT_HEADS_FILE",
            "none",
            "where signed heads of every organization's audit are added, a line each; best on another machine's disk"
        ) { $1.auditHeadsFile = $0 },
        .number("AUDIT_HEADS_MINUTES", 1...1440, "60", "how often") { $1.auditHeads.period = .seconds($0 * 60) },
        .text("PLUGINS", usual.pluginsFile, "what loads") { $1.pluginsFile = $0 },
        .text("PLUGIN_FOLDER", "beside the program", "where `source` of the plugins file is looked for") {
            $1.pluginFolder = $0
        },
        .text(
            "PLUGIN_KEYS_FILE",
            "none",
            "Ed25519 public keys (PEM); where it is set, every plugin must be signed by one of them"
        ) { $1.pluginKeysFile = $0 },
        .number(
            "CACHED_ORGANIZATIONS",
            10...1_000_000,
            "\(usual.configuration.organizationsMax)",
            "how many organizations in use are kept in memory at least (plan, keys, secrets): about 3 kB each"
        ) { $1.configuration.organizationsMax = $0 },
        .word(
            "LOG_LEVEL",
            usual.logLevel,
            "JSON lines on standard error (up to 4 MiB wait for a slow reader, then lines are left out and counted), from"
        ) { $1.logLevel = $0 },
        .number(
            "TOKEN_MINUTES",
            5...1_440,
            "\(usual.bounds.logIns.tokenLife.components.seconds / 60)",
            "how long a token of a log-in is good that comes without a refresh token"
        ) { $1.bounds.logIns.tokenLife = .seconds($0 * 60) },
        .number(
            "FEED_DAYS",
            31...3_650,
            "90",
            "how long events are kept, where a plan does not say longer (`event_days`); longer than reports, which they say "
                + "what was not known of"
        ) { $1.bounds.forgetting.events = .seconds($0 * 86_400) },
        .text(
            "FEED_DEAD_READERS",
            "none",
            "readers of the feed, between commas, for which no event is kept any longer"
        ) { text, settings in
            settings.bounds.forgetting.deadReaders = Set(text.split(separator: ",").map { $0.filter { $0 != " " } })
        },
        .number("BALANCE_DAYS", 1...3_650, "400", "how long it is kept what M-Pesa said that accounts hold") {
            $1.bounds.forgetting.balances = .seconds($0 * 86_400)
        },
    ]

    private static let registrations: [Setting] = [
        .word("REGISTRATION", usual.registration.policy, "whether strangers may register organizations") {
            $1.registration.policy = $0
        },
        .text("REGISTRATION_PLAN", usual.registration.plan, "the plan that who registers is on") {
            $1.registration.plan = $0
        },
        .number(
            "TRIAL_DAYS",
            1...3650,
            "\(usual.registration.trial.components.seconds / 86_400)",
            "how many days they may try it"
        ) { $1.registration.trial = .seconds(86_400 * $0) },
        .number(
            "REGISTRATIONS_PER_HOUR_MAX",
            1...100_000,
            "\(usual.registration.perHourMax)",
            "how many may register in an hour, from wherever: what they register is kept"
        ) { $1.registration.perHourMax = $0 },
    ]

    private static let upstream: [Setting] = [
        .text("DARAJA_URL", "Safaricom's", "replaces both environments' addresses") { $1.darajaURL = $0 },
        .text(
            "DARAJA_CA_FILE",
            "the system's",
            "the authorities (certificates, PEM) that alone may vouch for those addresses"
        ) { $1.darajaAuthoritiesFile = $0 },
        .text(
            "CERTIFICATE_TEST_FILE",
            "none",
            "Safaricom's certificate for `test` (PEM, from the Daraja portal); without it `test` cannot pay out or ask for balances"
        ) { $1.certificateFiles[.test] = $0 },
        .text("CERTIFICATE_LIVE_FILE", "none", "the same for `live`") { $1.certificateFiles[.live] = $0 },
        .number(
            "REQUESTS_MAX",
            1...5_000,
            "\(usual.bounds.requests.placesMax)",
            "how many requests may be on their way to M-Pesa at once"
        ) { $1.bounds.requests.placesMax = $0 },
        .number(
            "REQUESTS_PER_ACCOUNT_MAX",
            1...5_000,
            "\(usual.bounds.requests.accountPlacesMax)",
            "the same for one account"
        ) { $1.bounds.requests.accountPlacesMax = $0 },
        .number(
            "REQUEST_WAIT_MS",
            0...60_000,
            "\(usual.bounds.requests.waitMax.wholeMilliseconds)",
            "how long a request waits for its turn; then it is refused unsent: 503, `upstream_unavailable`"
        ) { $1.bounds.requests.waitMax = .milliseconds($0) },
        .number(
            "QUESTIONS_MAX",
            1...5_000,
            "\(usual.bounds.questions.placesMax)",
            "how many questions about open payments may be on their way at once; at 300 ms each, 40 are 130 a second"
        ) { $1.bounds.questions.placesMax = $0 },
        .number(
            "QUESTIONS_PER_ACCOUNT_MAX",
            1...5_000,
            "\(usual.bounds.questions.accountPlacesMax)",
            "the same for one account"
        ) { $1.bounds.questions.accountPlacesMax = $0 },
        .number(
            "BATCH_PACE_MS",
            0...60_000,
            "\(usual.bounds.batchRunner.pace?.wholeMilliseconds ?? 0)",
            "how long between two payments of a batch that leave one account; 0 for no pace: M-Pesa throttles what is too fast"
        ) { $1.bounds.batchRunner.pace = $0 == 0 ? nil : .milliseconds($0) },
        .number(
            "BATCH_UNDECIDED_MAX",
            1...5_000,
            "\(usual.bounds.batchRunner.inFlightMax)",
            "how many payments of batches of one account may be undecided at once"
        ) { $1.bounds.batchRunner.inFlightMax = $0 },
        .number(
            "BATCH_PLACE_SECONDS",
            1...86_400,
            "\(usual.bounds.batchRunner.placeKeptFor.wholeMilliseconds / 1_000)",
            "how long an undecided payment of a batch counts among those; then another may leave, and it stays undecided"
        ) { $1.bounds.batchRunner.placeKeptFor = .seconds($0) },
    ]

    /// What only tests set.
    private static let tests: [Setting] = [
        .text("ALLOW_FAILPOINTS", "off", "for tests: 1 lets the next one count") { $1.allowsFailpoints = $0 == "1" },
        Setting(
            name: "FAILPOINT",
            usual: "none",
            meaning: "for tests: end hard at a named point",
            expected: "name or name@n, where name is \(ChosenFailpoint.names)"
        ) { text, settings in
            guard settings.allowsFailpoints else { return true }
            settings.failpoint = ChosenFailpoint(text)
            return settings.failpoint != nil
        },
    ]
}
