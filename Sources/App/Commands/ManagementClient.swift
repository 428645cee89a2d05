import Egress
import Foundation
import Gateway
import OrderedJSON

/// Speaks to a running gateway's management listener.
struct ManagementClient {
    private let url: String
    private let tokenFile: String?
    private let curl = CurlClient(settings: CurlClient.Settings())

    /// Runs a command's work; an error is told in one line.
    static func running(_ work: (ManagementClient) async throws(GatewayError) -> Void) async throws {
        let environment = ProcessInfo.processInfo.environment
        let client = ManagementClient(
            url: environment["GATEWAY_MANAGEMENT_URL"] ?? "http://127.0.0.1:8081",
            tokenFile: environment["GATEWAY_OPERATOR_TOKEN_FILE"]
        )
        defer { client.curl.shutdown() }
        do throws(GatewayError) { try await work(client) } catch { throw explain(error) }
    }

    private init(url: String, tokenFile: String?) {
        self.url = url
        self.tokenFile = tokenFile
    }

    /// Sends a request and answers the document; a problem document becomes an error.
    func send(
        _ method: String,
        _ path: String,
        _ query: [(String, String)] = [],
        body: [UInt8] = [],
        needsToken: Bool = true
    ) async throws(GatewayError) -> JSON {
        var headers = [("Content-Type", "application/octet-stream")]
        if needsToken { headers.append(("Authorization", "Bearer \(try token())")) }
        let request = HTTPRequest(
            method: method,
            url: url + path + ManagementClient.text(of: query),
            headers: headers,
            body: body,
            timeout: .seconds(120),
            answerBytesMax: 16 << 20
        )
        switch await curl.send(request) {
        case .notSent(let reason), .unknown(let reason):
            throw GatewayError(.unavailable, "No gateway answers at \(url): \(reason). Set GATEWAY_MANAGEMENT_URL.")
        case .answered(let status, let bytes):
            guard let document = try? JSON(parsing: bytes) else {
                throw GatewayError(
                    .unavailable,
                    """
                    What answers at \(url) is not a gateway's management listener (status \(status)). Set \
                    GATEWAY_MANAGEMENT_URL to that, usually port 8081 of the gateway's own machine.
                    """
                )
            }
            guard (200..<300).contains(status) else {
                let code = document["code"]?.stringValue.flatMap(GatewayError.Code.init(rawValue:))
                let text = document["detail"]?.stringValue ?? "status \(status)"
                throw GatewayError(code ?? .internalFault, "\(url) answered: \(PlainText.lines.shown(text))")
            }
            return document
        }
    }

    private func token() throws(GatewayError) -> String {
        guard let tokenFile else {
            throw GatewayError(
                .notConfigured,
                "Set GATEWAY_OPERATOR_TOKEN_FILE to the file of the operator's token (operator_token_file in dev.json)."
            )
        }
        return String(decoding: try OperatorToken.read(tokenFile).reveal(), as: UTF8.self)
    }

    private static func text(of query: [(String, String)]) -> String {
        let pairs = query.map { name, value in name + "=" + escaped(value) }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    /// A text as it stands in a path or a query.
    static func escaped(_ text: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
}
