import Egress
import Foundation
import Gateway
import OrderedJSON

/// Speaks to a running gateway's main listener, as any caller does.
struct GatewayClient {
    /// Where it is.
    let url: String
    private let credential: String?
    let curl = CurlClient(settings: CurlClient.Settings())

    /// Runs a command's work; an error is told in one line.
    ///
    /// Whoever looks on is told first which gateway is asked, unless it is asked for a script.
    static func running(
        isForScript: Bool = false,
        _ work: (GatewayClient) async throws(GatewayError) -> Void
    ) async throws {
        let environment = ProcessInfo.processInfo.environment
        let url = environment["GATEWAY_URL"] ?? "http://127.0.0.1:8080"
        let client = GatewayClient(
            url: url.hasSuffix("/") ? String(url.dropLast()) : url,
            credential: environment["GATEWAY_API_KEY"]
        )
        defer { client.curl.shutdown() }
        do throws(GatewayError) {
            // A credential leaves this machine by https alone.
            _ = try GatewayAddress.endpoint(url)
            if !isForScript, isatty(STDERR_FILENO) == 1 {
                FileHandle.standardError.write(Data("The gateway at \(client.url):\n".utf8))
            }
            try await work(client)
        } catch { throw explain(error) }
    }

    private init(url: String, credential: String?) {
        self.url = url
        self.credential = credential
    }

    /// What the credential may call.
    func openAPI() async throws(GatewayError) -> JSON {
        try await send(Operation.Request(method: "GET", path: "/openapi.json"), [])
    }

    /// Sends a request and answers the document; a problem document becomes an error, with what it says of each field.
    func send(_ request: Operation.Request, _ more: [(String, String)]) async throws(GatewayError) -> JSON {
        let (status, bytes) = try await carry(self.request(request, more))
        let document = try? JSON(parsing: bytes)
        let isGood = (200..<300).contains(status)
        guard let document, document["success"] != nil || document["openapi"] != nil || !isGood else {
            throw GatewayError(
                .unavailable,
                "What answers at \(url) is not a gateway (status \(status)). Set GATEWAY_URL to the address of one."
            )
        }
        guard isGood else { throw GatewayClient.problem(document, status, url) }
        return document
    }

    /// Sends a request that a file answers, and saves it as it comes, for as long as it comes.
    func save(
        _ request: Operation.Request,
        _ more: [(String, String)],
        as file: SavedFile
    ) async throws(GatewayError) {
        var request = self.request(request, more)
        request.waitsForPieces = true
        request.onPiece = { piece, status in
            guard status == 200 else { return false }
            try file.take(piece)
            return true
        }
        let (status, bytes) = try await carry(request)
        guard status != 200 else { return }
        throw GatewayClient.problem((try? JSON(parsing: bytes)) ?? [:], status, url)
    }

    /// The request as it leaves, with the credential.
    func request(_ request: Operation.Request, _ more: [(String, String)]) -> HTTPRequest {
        var headers = [("Content-Type", request.file?.type ?? "application/json")] + more
        if let credential { headers.append(("Authorization", "Bearer " + credential)) }
        return HTTPRequest(
            method: request.method,
            url: url + request.path,
            headers: headers,
            body: request.file?.bytes ?? request.body?.bytes ?? [],
            timeout: .seconds(120),
            answerBytesMax: 16 << 20
        )
    }

    /// Sends a request, and answers whatever came.
    func carry(_ request: HTTPRequest) async throws(GatewayError) -> (status: Int, body: [UInt8]) {
        switch await curl.send(request) {
        case .answered(let status, let bytes): return (status, bytes)
        case .notSent(let reason):
            throw GatewayError(.unavailable, "No gateway answers at \(url): \(reason). Set GATEWAY_URL.")
        case .unknown(let reason) where request.onPiece != nil:
            throw GatewayError(
                .unavailable,
                "\(url) gave no whole file: \(reason). Ask again; audit tells why it ended."
            )
        case .unknown(let reason):
            throw GatewayError(
                .unavailable,
                """
                \(url) gave no answer: \(reason). Whether it did what was asked is not known: look before you ask again, or \
                ask again with the same idempotency key.
                """
            )
        }
    }

    /// What a problem document says.
    static func problem(_ document: JSON, _ status: Int, _ url: String) -> GatewayError {
        let code = document["code"]?.stringValue.flatMap(GatewayError.Code.init(rawValue:))
        var text = document["detail"]?.stringValue ?? "status \(status)"
        for error in document["errors"]?.arrayValue ?? [] {
            guard let message = error["message"]?.stringValue, !text.hasSuffix(message) else { continue }
            let field = GatewayError.FieldError(pointer: error["pointer"]?.stringValue ?? "", message: message)
            text += "\n  " + field.line
        }
        if code == .unauthenticated { text += " Set GATEWAY_API_KEY to a key, or to the token that login prints." }
        if let id = document["transaction_id"]?.stringValue { text += "\n  transaction_id: \(id)" }
        return GatewayError(code ?? .internalFault, "\(url) answered: \(PlainText.lines.shown(text))")
    }
}

/// Answers as people read them: a table for a list, a line a member for an object.
///
/// Some of the texts are strangers', plugins' or M-Pesa's: none tells a terminal what to do, or looks like another line.
enum AnswerText {
    /// Prints an envelope's data, and its message.
    static func print(_ answer: JSON, asJSON: Bool) {
        if asJSON { return Swift.print(answer.text) }
        for line in lines(of: answer) { Swift.print(line) }
    }

    /// Prints lines in columns; the last is as long as it is.
    static func print(table: [[String]]) {
        for line in lines(of: table) { Swift.print(line) }
    }

    /// What is printed of an envelope.
    static func lines(of answer: JSON) -> [String] {
        let data = answer["data"] ?? answer
        var lines: [String] = []
        if let rows = data.arrayValue {
            lines += self.lines(of: rows)
        } else if let members = data.objectValue {
            lines += self.lines(of: members, under: "")
        } else if !data.isNull {
            lines.append(PlainText.lines.shown(cell(data)))
        }
        if let message = answer["message"]?.stringValue { lines.append(PlainText.lines.shown(message)) }
        if let next = answer["next_before"]?.stringValue { lines.append("More: before=\(PlainText.name.shown(next))") }
        return lines
    }

    /// A line a member, what is within another under both names, and a list of several as a table.
    private static func lines(of members: JSONObject, under prefix: String) -> [String] {
        members.flatMap { name, value -> [String] in
            let name = prefix + PlainText.name.shown(name)
            if let inner = value.objectValue, !inner.isEmpty { return lines(of: inner, under: name + ".") }
            if let rows = value.arrayValue, !rows.isEmpty, rows.allSatisfy({ $0.objectValue != nil }) {
                return ["\(name):"] + lines(of: rows).map { "  " + $0 }
            }
            return ["\(name): \(PlainText.lines.shown(cell(value)))"]
        }
    }

    /// What is shown in a table of a payment that a row is about: a batch's, of which each row has one.
    private static let ofTransaction = ["party", "amount", "status", "receipt", "meaning"]

    /// A row with the columns of the payment that it is about.
    private static func widened(_ row: JSON) -> JSON {
        guard var members = row.objectValue, let transaction = members["transaction"]?.objectValue else { return row }
        for name in ofTransaction where members[name] == nil { members[name] = transaction[name] }
        return .object(members)
    }

    private static func lines(of rows: [JSON]) -> [String] {
        guard !rows.isEmpty else { return ["Nothing."] }
        let rows = rows.map(widened)
        var columns: [String] = []
        for row in rows {
            for (name, value) in row.objectValue ?? JSONObject() where !columns.contains(name) {
                // What is no single value makes no column.
                if value.objectValue == nil, value.arrayValue == nil { columns.append(name) }
            }
        }
        let cells = rows.map { row in columns.map { row[$0].map(cell) ?? "" } }
        return lines(of: [columns.map { $0.uppercased() }] + cells)
    }

    private static func lines(of table: [[String]]) -> [String] {
        let table = table.map { $0.map { PlainText.name.shown($0) } }
        guard let first = table.first else { return [] }
        let widths = first.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { line in
            let cells = zip(line, widths)
                .map { text, width in text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0) }
            var text = cells.joined(separator: "  ")
            while text.hasSuffix(" ") { text.removeLast() }
            return text
        }
    }

    /// A value in words: a list of single ones as people write one.
    private static func cell(_ value: JSON) -> String {
        guard let list = value.arrayValue, list.allSatisfy({ $0.objectValue == nil && $0.arrayValue == nil }) else {
            return value.stringValue ?? value.text
        }
        return list.map { $0.stringValue ?? $0.text }.joined(separator: ", ")
    }
}
