import ArgumentParser
import Foundation
import Gateway
import OrderedJSON

/// Any tool or action of a running gateway, by name: the command that its OpenAPI document describes.
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract:
            "Call a tool or an action of a running gateway; without a name, list those that the credential may use.",
        discussion: """
            Arguments are NAME=VALUE, of the types that the schema says; NAME=@FILE reads a file, and lists and objects are \
            JSON. The gateway is found by GATEWAY_URL (default http://127.0.0.1:8080), and the credential, a key or a \
            token of login, by GATEWAY_API_KEY.
            """
    )

    @Argument(help: "The tool or action, such as transactions.list.") var name: String?
    @Argument(help: "Arguments: NAME=VALUE.") var arguments: [String] = []
    @Option(help: "How long to wait for the outcome, in seconds.") var wait: Int?
    @OptionGroup var options: CallOptions

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            let operations = Operation.all(in: try await client.openAPI())
            guard let name else { return show(operations) }
            guard let operation = operations.first(where: { $0.name == name }) else {
                throw GatewayError(
                    .notFound,
                    "\(client.url) has no \(name) for this credential. Without a name, call lists what it may use."
                )
            }
            let given = try arguments.map { text throws(GatewayError) in try operation.argument(text) }
            try await options.carryOut(operation, given, by: client, wait.map { [("Prefer", "wait=\($0)")] } ?? [])
        }
    }

    private func show(_ operations: [Operation]) {
        let rows = operations.sorted { $0.name < $1.name }.map { [$0.name, $0.title, $0.argumentsText] }
        AnswerText.print(table: [["NAME", "TITLE", "ARGUMENTS"]] + rows)
    }
}

/// Gets a token for a person, for `GATEWAY_API_KEY`.
struct LogInCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Log in to a running gateway; prints the token.",
        discussion: """
            The password is read from standard input, never from the command line: \
            export GATEWAY_API_KEY=$(mpesa-gateway login --organization host --username admin)
            """
    )

    @Option(help: "The organization's slug; may be left out by the oldest holder of the name.") var organization:
        String?
    @Option(help: "The user name.") var username: String

    func run() async throws {
        try await GatewayClient.running { client throws(GatewayError) in
            guard let password = readPassword() else {
                throw GatewayError(.invalidArgument, "Type the password, or hand it in on standard input.")
            }
            var body: JSONObject = ["username": .string(username), "password": .string(password)]
            body["organization"] = organization.map { .string($0) }
            let request = Operation.Request(method: "POST", path: "/auth/login", body: .object(body))
            let answer = try await client.send(request, [])
            print(answer["data"]?["token"]?.stringValue ?? "")
        }
    }

    private func readPassword() -> String? {
        guard isatty(STDIN_FILENO) == 1 else { return readLine(strippingNewline: true) }
        guard let text = getpass("Password: ") else { return nil }
        return String(cString: text)
    }
}

/// One operation of the OpenAPI document, as a command calls it.
struct Operation {
    /// What goes over the wire.
    struct Request {
        let method: String
        let path: String
        var body: JSON?
        /// What is sent in the place of a body, and its type.
        var file: (type: String, bytes: [UInt8])?
    }

    let name: String
    let title: String
    /// Whether it answers a file to be saved.
    let answersFile: Bool
    /// The types of files that it takes in the place of a body.
    let fileTypes: [String]
    private let method: String
    private let path: String
    private let inPath: Set<String>
    private let inQuery: Set<String>
    /// What stands in the query where a file is the body.
    private let ofFile: Set<String>
    private let schemas: JSONObject
    private let required: [String]

    /// Every operation of a document.
    static func all(in document: JSON) -> [Operation] {
        (document["paths"]?.objectValue ?? JSONObject())
            .flatMap { path, operations in
                (operations.objectValue ?? JSONObject()).compactMap { Operation(path, $0.key, $0.value) }
            }
    }

    private init?(_ path: String, _ method: String, _ operation: JSON) {
        guard let name = operation["operationId"]?.stringValue else { return nil }
        self.name = name
        self.path = path
        self.method = method.uppercased()
        title = operation["summary"]?.stringValue ?? ""
        answersFile = operation["responses"]?["200"]?["content"]?["*/*"] != nil
        var schemas = JSONObject()
        var required: [String] = []
        var places: [String: Set<String>] = [:]
        var ofFile: Set<String> = []
        for parameter in operation["parameters"]?.arrayValue ?? [] {
            guard let name = parameter["name"]?.stringValue, let place = parameter["in"]?.stringValue,
                place != "header"
            else { continue }
            schemas[name] = parameter["schema"] ?? [:]
            places[place, default: []].insert(name)
            if parameter["required"] == true { required.append(name) }
            if parameter["x-of-file"] == true { ofFile.insert(name) }
        }
        let body = operation["requestBody"]?["content"]?["application/json"]?["schema"]
        for (name, schema) in body?["properties"]?.objectValue ?? JSONObject() { schemas[name] = schema }
        required += (body?["required"]?.arrayValue ?? []).compactMap(\.stringValue).filter { !required.contains($0) }
        inPath = places["path"] ?? []
        inQuery = (places["query"] ?? []).subtracting(ofFile)
        self.ofFile = ofFile
        fileTypes = (operation["requestBody"]?["content"]?.objectValue ?? JSONObject()).map(\.key)
            .filter { $0 != "application/json" }
        self.schemas = schemas
        self.required = required
    }

    /// The arguments in one line: what must be there first, the others in brackets.
    var argumentsText: String {
        let others = schemas.map(\.key).filter { !required.contains($0) }
        return (required + others.map { "[\($0)]" }).joined(separator: " ")
    }

    /// The names of all arguments, what must be there first.
    var argumentNames: [String] { required + schemas.map(\.key).filter { !required.contains($0) } }

    /// Reads VALUE and NAME=VALUE: what has no name stands for what must be there, in its order.
    func arguments(_ texts: [String]) throws(GatewayError) -> [(name: String, value: JSON)] {
        var places = required.filter { name in !texts.contains { $0.hasPrefix(name + "=") } }[...]
        var read: [(name: String, value: JSON)] = []
        for text in texts {
            let name = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init)
            if let name, text.contains("="), schemas.contains(where: { $0.key == name }) {
                read.append(try argument(text))
                continue
            }
            guard let place = places.popFirst() else {
                throw GatewayError(.invalidArgument, "\(text): expected NAME=VALUE, of \(argumentsText).")
            }
            read.append(try argument(place + "=" + text))
        }
        return read
    }

    /// Whether texts hold all that must be there, and nothing that it does not know.
    func isWhole(_ texts: [String]) -> Bool {
        guard let read = try? arguments(texts) else { return false }
        return required.allSatisfy { name in read.contains { $0.name == name } }
    }

    /// Reads NAME=VALUE as the schema says.
    func argument(_ text: String) throws(GatewayError) -> (name: String, value: JSON) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw GatewayError(.invalidArgument, "\(text): expected NAME=VALUE.")
        }
        var value = parts[1]
        if value.hasPrefix("@") {
            value = String(decoding: try NamedFile.read(String(value.dropFirst())), as: UTF8.self)
            // What an editor ends a file with is no part of a secret.
            if value.hasSuffix("\n") { value.removeLast() }
        }
        let type = schemas[parts[0]]?["type"]
        let types = type?.arrayValue?.compactMap(\.stringValue) ?? [type?.stringValue].compactMap { $0 }
        let isText = types.isEmpty || types.contains("string")
        // What is no JSON goes as text, so that the gateway's own error names it.
        return (parts[0], isText ? .string(value) : (try? JSON(parsing: value)) ?? .string(value))
    }

    /// A list of texts that was written with commas between, as it stands in a query, where a body wants one.
    private func list(_ value: JSON, of name: String) -> JSON {
        let schema = schemas[name]
        guard schema?["type"] == "array", let text = value.stringValue,
            schema?["items"]?["type"] == "string" || schema?["items"]?["enum"] != nil
        else { return value }
        return .array(text.split(separator: ",").map { .string(String($0)) })
    }

    /// The request of a call with these arguments.
    ///
    /// - Throws: `invalidArgument` where what stands in its path is missing, which no gateway could name.
    func request(_ arguments: [(name: String, value: JSON)], withFile: Bool = false) throws(GatewayError) -> Request {
        let missing = required.filter { name in inPath.contains(name) && !arguments.contains { $0.name == name } }
        guard missing.isEmpty else {
            throw GatewayError(
                .invalidArgument,
                "\(name) needs \(missing.joined(separator: ", ")). It takes: \(argumentsText)."
            )
        }
        var path = path
        var query: [String] = []
        var body = JSONObject()
        for (name, value) in arguments {
            let text = ManagementClient.escaped(value.stringValue ?? value.text)
            if inPath.contains(name) {
                path = path.replacingOccurrences(of: "{\(name)}", with: text)
            } else if method == "GET" || inQuery.contains(name) || withFile && ofFile.contains(name) {
                query.append(name + "=" + text)
            } else {
                body[name] = list(value, of: name)
            }
        }
        if !query.isEmpty { path += "?" + query.joined(separator: "&") }
        return Request(method: method, path: path, body: method == "GET" || withFile ? nil : .object(body))
    }
}
