/// Media types as a request states them: that of its body, and those that it takes for an answer (RFC 9110, 8.3 and 12.5.1).
enum MediaTypes {
    static let json = "application/json"
    static let events = "text/event-stream"

    /// Whether a body of this type is JSON in UTF-8, which is how JSON is sent.
    static func isJSON(_ contentType: String) -> Bool {
        if contentType == json { return true }
        let type = MediaType(contentType)
        return type.name == json && type.parameters.allSatisfy { $0.name != "charset" || $0.value == "utf-8" }
    }

    /// Whether a type is taken by fields of `Accept`: what is said of it most exactly counts, and `q=0` is a no.
    ///
    /// - Parameter byName: Whether it must be named, so that whoever takes anything does not get it.
    static func isAccepted(_ type: String, by fields: [String], byName: Bool = false) -> Bool {
        let group = String(type.prefix { $0 != "/" }) + "/*"
        var best = (rank: 0, isTaken: false)
        for field in fields {
            for range in field.split(separator: ",") {
                let range = MediaType(range)
                let rank = range.name == type ? 3 : byName ? 0 : range.name == group ? 2 : range.name == "*/*" ? 1 : 0
                if rank > best.rank { best = (rank, range.isTaken) }
            }
        }
        return best.isTaken
    }
}

/// One type, or range of types, with its parameters; in lower case, without spaces and quotes.
private struct MediaType {
    let name: String
    let parameters: [(name: String, value: String)]

    init(_ text: some StringProtocol) {
        let plain = String(text).lowercased().filter { $0 != " " && $0 != "\t" && $0 != "\"" }
        let parts = plain.split(separator: ";", omittingEmptySubsequences: false)
        name = parts.first.map(String.init) ?? ""
        parameters = parts.dropFirst()
            .map { part in
                let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(halves[0]), halves.count > 1 ? String(halves[1]) : "")
            }
    }

    /// Whether its weight is more than nothing; one that is no number is passed over.
    var isTaken: Bool { parameters.first { $0.name == "q" }.flatMap { Double($0.value) } != 0 }
}
