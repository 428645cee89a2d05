import NIOHTTP1

/// What a connection itself wants to know of a request's header, found in one pass.
struct RequestFields {
    /// Whether the client offers to go on in another protocol, which is never taken up.
    enum Upgrade {
        case none
        /// The decoder stops after this request, and a new one goes on.
        case offered
        /// It cannot be told whether the decoder stops: the connection ends with this request.
        case unclear
    }

    private(set) var contentLength: Int?
    private(set) var expectsContinue = false
    private(set) var upgrade = Upgrade.none
    /// What is wrong with the header as a whole.
    private(set) var problem: HTTPRefusal?

    private var hosts = 0
    private var host = ""
    private var keys = 0
    private var key = ""
    private var authorizations = 0
    private var authorization = ""
    private var coding: String?
    private var hasBlanks = false

    /// A request's head, and what is known of it.
    ///
    /// Blanks behind a field's value are no part of it (RFC 9110, 5.5); the decoder takes away those in front alone, and
    /// whether it stops goes by the value as it came.
    static func read(_ head: HTTPRequestHead) -> (HTTPRequestHead, RequestFields) {
        let fields = RequestFields(head)
        guard fields.hasBlanks else { return (head, fields) }
        var head = head
        head.headers = HTTPHeaders(head.headers.map { ($0.name, String($0.value.trimmingSpaces)) })
        return (head, fields)
    }

    private init(_ head: HTTPRequestHead) {
        var offers = ""
        var hasUpgrade = false
        for (name, received) in head.headers {
            var value = received
            if let last = received.utf8.last, last == 0x20 || last == 0x09 {
                (hasBlanks, value) = (true, String(received.trimmingSpaces))
            }
            // Lengths first, which settles nearly all fields.
            switch name.utf8.count {
            case 4 where HeaderName.host.isName(of: name): (hosts, host) = (hosts + 1, value)
            case 6 where HeaderName.expect.isName(of: name):
                expectsContinue = value.lowercased() == "100-continue"
            case 7 where HeaderName.upgrade.isName(of: name): (hasUpgrade, offers) = (true, received)
            case 9 where HeaderName.apiKey.isName(of: name): (keys, key) = (keys + 1, value)
            case 13 where HeaderName.authorization.isName(of: name):
                (authorizations, authorization) = (authorizations + 1, value)
            case 17 where HeaderName.transferEncoding.isName(of: name):
                coding = coding.map { $0 + "," + value } ?? value
            case 14 where HeaderName.contentLength.isName(of: name): contentLength = contentLength ?? Int(value)
            default: break
            }
        }
        if head.method == .CONNECT { upgrade = .offered }
        if hasUpgrade { upgrade = RequestFields.upgrade(offers, head) }
        // A client of before 1.1 knows no answer before the answer.
        if head.version.minor == 0 { expectsContinue = false }
        problem = findProblem(head.version)
    }

    private func findProblem(_ version: HTTPVersion) -> HTTPRefusal? {
        if hosts > 1 { return HTTPRefusal(.badRequest, "The header has more than one Host field.") }
        if hosts == 0, version.minor > 0 {
            return HTTPRefusal(.badRequest, "The header has no Host field, which HTTP/1.1 needs.")
        }
        if hosts == 1, !RequestFields.isHost(host) {
            return HTTPRefusal(.badRequest, "The Host field is not a host's name or address.")
        }
        // Another coding than this one is nobody's here, and in 1.0 there is none: somebody on the way may have read the body
        // by another length.
        if let coding, version.minor == 0 || coding.trimmingSpaces.lowercased() != "chunked" {
            return HTTPRefusal(.badRequest, "The body is coded by something else than chunked alone, in HTTP/1.1.")
        }
        let isOneCredential = keys + authorizations <= 1 || keys == 1 && authorizations == 1 && isBearer(of: key)
        guard isOneCredential else {
            return HTTPRefusal(
                .badRequest,
                "The header shows more than one credential: send X-API-Key or Authorization, once."
            )
        }
        return nil
    }

    private func isBearer(of key: String) -> Bool {
        guard authorization.utf8.count == key.utf8.count + 7, authorization.lowercased().hasPrefix("bearer ") else {
            return false
        }
        return authorization.utf8.dropFirst(7).elementsEqual(key.utf8)
    }

    private static func isHost(_ value: String) -> Bool {
        !value.isEmpty
            && value.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~:[]%".utf8.contains(byte)
                }
            }
    }

    /// Reads `Connection` exactly as the decoder does.
    ///
    /// Where that is not certain, nothing that follows is believed.
    private static func upgrade(_ offers: String, _ head: HTTPRequestHead) -> Upgrade {
        var isOffered = head.method == .CONNECT
        for line in head.headers.values(of: .connection) {
            for option in line.lowercased().utf8.split(separator: UInt8(ascii: ",")) {
                var name = option.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
                while name.last == UInt8(ascii: " ") { name.removeLast() }
                if name.elementsEqual("upgrade".utf8) {
                    isOffered = true
                } else if Substring(name).contains("upgrade") {
                    return .unclear
                }
            }
        }
        guard isOffered else { return .none }
        return offers.isEmpty ? .unclear : .offered
    }
}

extension String {
    /// Without the blanks that a field's value may stand between.
    fileprivate var trimmingSpaces: Substring {
        let blanks: Set<Character> = [" ", "\t"]
        var text = self[...].drop { blanks.contains($0) }
        while let last = text.last, blanks.contains(last) { text.removeLast() }
        return text
    }
}
