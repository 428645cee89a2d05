import OrderedJSON

extension Catalogue {
    /// Reads an operation kind: docs/abi.md, section 1.2.
    static func operation(_ reader: CatalogueReader) throws(CatalogueError) -> OperationKind {
        let path = try reader.text("path")
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw reader.fail("path", "a path that begins with /")
        }
        let method = try reader.text("method", default: "POST")
        guard method == "POST" || method == "GET" else { throw reader.fail("method", "POST or GET") }
        let resend = try reader.optionalObject("resend")
        return OperationKind(
            name: try reader.text("name"),
            direction: try reader.word("direction", OperationDirection.self),
            upstream: try reader.text("upstream"),
            method: method,
            path: path,
            callbacks: try reader.list("callbacks", callback),
            secrets: try reader.list("secrets", secret),
            deduplication: try deduplication(reader.optionalObject("deduplication")),
            resendLimit: Int(try resend?.whole("limit") ?? 0),
            resendGrace: try resend?.duration("grace_ms", default: .seconds(60)) ?? .seconds(60),
            sendWithin: try reader.duration("send_before_ms", default: .seconds(60)),
            query: try query(reader.optionalObject("query")),
            original: try original(reader.optionalObject("x-original")),
            hint: try hint(reader.optionalObject("x-hint")),
            pauseCodes: try reader.texts("pause_codes"),
            breakCodes: try reader.texts("break_codes"),
            recorded: (reader.value["x-examples"]?.arrayValue ?? []).compactMap { RecordedMessage($0) }
        )
    }

    private static func callback(_ reader: CatalogueReader) throws(CatalogueError) -> CallbackBinding {
        let name = try reader.text("name")
        guard isName(name, extra: "_"), name.utf8.count <= 32 else {
            throw reader.fail("name", "[a-z][a-z0-9_]*, at most 32 characters")
        }
        return CallbackBinding(name: name, pointer: try reader.place("pointer"))
    }

    private static func secret(_ reader: CatalogueReader) throws(CatalogueError) -> SecretBinding {
        var inputs: [String: JSONPointer] = [:]
        if let given = try reader.optionalObject("inputs") {
            for name in given.value.objectValue?.keys ?? [] { inputs[name] = try given.place(name) }
        }
        return SecretBinding(
            transform: try reader.text("transform"),
            pointer: try reader.place("pointer"),
            inputs: inputs
        )
    }

    private static func deduplication(_ reader: CatalogueReader?) throws(CatalogueError) -> Deduplication {
        guard let reader else { return .none }
        switch try reader.text("mode") {
        case "none": return .none
        case "host_id": return .hostID(try reader.place("pointer"))
        case "natural": return .natural
        default: throw reader.fail("mode", "none, host_id or natural")
        }
    }

    private static func original(_ reader: CatalogueReader?) throws(CatalogueError) -> OriginalBinding? {
        guard let reader else { return nil }
        return OriginalBinding(
            pointer: try reader.place("pointer"),
            namespaces: try reader.texts("namespaces"),
            unmoved: try reader.has("unmoved") ? reader.place("unmoved") : nil
        )
    }

    private static func hint(_ reader: CatalogueReader?) throws(CatalogueError) -> HintBinding? {
        guard let reader else { return nil }
        return HintBinding(pointer: try reader.place("pointer"), namespace: try reader.text("namespace"))
    }

    private static func query(_ reader: CatalogueReader?) throws(CatalogueError) -> QueryPlan? {
        guard let reader else { return nil }
        let every = try reader.list("every_ms") { wait throws(CatalogueError) in
            guard let milliseconds = wait.value.integerValue, milliseconds >= 1000 else {
                throw wait.fail("", "at least 1000 milliseconds")
            }
            return Duration.milliseconds(milliseconds)
        }
        guard !every.isEmpty else { throw reader.fail("every_ms", "at least one wait") }
        return QueryPlan(
            operation: try reader.text("operation"),
            firstAfter: .milliseconds(try reader.whole("first_after_ms")),
            every: every,
            trustFailureAfter: .milliseconds(try reader.whole("trust_failure_after_ms")),
            horizon: .milliseconds(try reader.whole("horizon_ms", from: 1))
        )
    }
}
