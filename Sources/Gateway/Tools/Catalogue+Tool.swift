import JSONSchema
import OrderedJSON

extension Catalogue {
    /// Reads a tool: docs/abi.md, section 1.1.
    static func tool(
        _ reader: CatalogueReader,
        index: Int,
        operations: [OperationKind],
        abilities: HostAbilities
    ) throws(CatalogueError) -> ToolDescriptor {
        let name = try reader.text("name")
        guard isName(name, extra: "_.-") else { throw reader.fail("name", "[a-z][a-z0-9_.-]{0,63}") }
        let input = try schema("input_schema", of: reader)
        let output = try schema("output_schema", of: reader)
        let requires = try reader.optionalObject("requires")
        try check(requires, abilities: abilities)
        let rate = try reader.optionalObject("rate")
        let wait = try reader.optionalObject("wait")
        let idempotency = try reader.optionalObject("idempotency")
        let kind = try kind(reader, operations: operations)
        let nature = ToolNature(kind, operations: operations)
        let stated = try annotations(reader.object("annotations"))
        let sensitive = try reader.list("sensitive", pointer)
        let items = try items(of: reader, kind, nature, input.document, operations, sensitive: sensitive)
        return ToolDescriptor(
            name: name,
            index: index,
            kind: kind,
            title: try reader.text("title"),
            summary: try reader.text("description"),
            documentationURL: try reader.optionalText("docs_url"),
            examples: try examples(reader, validator: input.validator),
            inputSchema: input.document,
            inputValidator: input.validator,
            headerParameters: try HeaderParameter.all(
                in: input.document,
                at: reader.pointer + "/input_schema",
                sensitive: sensitive
            ),
            outputSchema: output.document,
            outputValidator: output.validator,
            annotations: nature.annotations(from: stated),
            role: try requires?.word("role", Role.self, default: .user) ?? .user,
            scopes: try requires?.texts("scopes") ?? [],
            needsApproval: try needsApproval(requires, nature),
            cost: Int(try rate?.whole("cost", default: 1, from: 1) ?? 1),
            bucket: nature.bucket(stated: try bucket(rate), statedMoney: stated.movesMoney),
            concurrencyMax: try rate.flatMap { rate throws(CatalogueError) in
                rate.has("concurrency_max") ? Int(try rate.whole("concurrency_max", from: 1)) : nil
            },
            route: try route(reader.optionalObject("http"), tool: name),
            waitDefault: try wait?.duration("default_ms", default: .zero) ?? .zero,
            waitMax: try wait?.duration("max_ms", default: .zero) ?? .zero,
            requiresIdempotencyKey: try idempotency?.flag("required", default: false) ?? false,
            idempotencyRetention: .seconds(try idempotency?.whole("retention_s", default: 86_400, from: 1) ?? 86_400),
            sensitive: sensitive,
            auditAction: try auditAction(reader),
            items: items,
            task: try task(of: reader, kind),
            asks: try reader.flag("asks", default: false),
            isDeprecated: try reader.flag("deprecated", default: false),
            replacedBy: try reader.optionalText("replaced_by")
        )
    }

    private static func schema(
        _ name: String,
        of reader: CatalogueReader
    ) throws(CatalogueError) -> (document: JSON, validator: JSONSchema) {
        let document = try reader.object(name)
        guard document.value["type"] == "object", document.value["additionalProperties"] == false else {
            throw reader.fail(name, "a closed object schema: type object and additionalProperties false")
        }
        do { return (document.value, try JSONSchema(compiling: document.value)) } catch {
            throw CatalogueError(rule: "C1", pointer: document.pointer + error.pointer, reason: error.reason)
        }
    }

    private static func check(_ requires: CatalogueReader?, abilities: HostAbilities) throws(CatalogueError) {
        guard let requires else { return }
        for feature in try requires.texts("features") where !abilities.features.contains(feature) {
            throw requires.fail("features", "what this host can do; it cannot do \(feature)", rule: "C4")
        }
        if requires.has("approval"), !abilities.features.contains("approval") {
            throw requires.fail("approval", "what this host can do; it cannot ask for approval", rule: "C4")
        }
    }

    /// Whether others must agree to what it moves; nothing else waits, so nothing else asks for it.
    private static func needsApproval(
        _ requires: CatalogueReader?,
        _ nature: ToolNature
    ) throws(CatalogueError) -> Bool {
        guard let requires, let approval = try requires.optionalObject("approval") else { return false }
        // Where the amount stands is for people: what is asked goes by what the plan says.
        _ = try approval.place("amount")
        guard nature == .movesMoney else {
            let what = "left out: this tool starts nothing that moves money, and nothing else waits for people"
            throw requires.fail("approval", what, rule: "C4")
        }
        return true
    }

    private static func kind(
        _ reader: CatalogueReader,
        operations: [OperationKind]
    ) throws(CatalogueError) -> ToolDescriptor.Kind {
        let kind = try reader.text("kind")
        if kind == "function" { return .function }
        guard kind == "operation" else { throw reader.fail("kind", "operation or function") }
        let name = try reader.text("operation")
        guard let index = operations.firstIndex(where: { $0.name == name }) else {
            throw reader.fail("operation", "the name of an operation of this plugin")
        }
        guard let lookUp = try reader.optionalObject("lookup") else { return .operation(index) }
        return .lookUp(
            operation: index,
            ToolDescriptor.LookUp(
                pointer: try lookUp.place("pointer"),
                namespace: try lookUp.text("namespace"),
                refreshAfter: try lookUp.duration("refresh_after_ms", default: .seconds(15))
            )
        )
    }

    private static func annotations(_ reader: CatalogueReader) throws(CatalogueError) -> ToolDescriptor.Annotations {
        ToolDescriptor.Annotations(
            readOnly: try reader.flag("read_only"),
            destructive: try reader.flag("destructive"),
            idempotent: try reader.flag("idempotent"),
            openWorld: try reader.flag("open_world"),
            movesMoney: try reader.flag("money_moving"),
            reversibleBy: try reader.optionalText("reversible_by")
        )
    }

    private static func examples(
        _ reader: CatalogueReader,
        validator: JSONSchema
    ) throws(CatalogueError) -> [(title: String, arguments: JSON)] {
        try reader.list("examples") { example throws(CatalogueError) in
            let arguments = try example.object("arguments")
            if let wrong = validator.violations(in: arguments.value).first {
                throw CatalogueError(rule: "C1", pointer: arguments.pointer + wrong.instancePath, reason: wrong.message)
            }
            return (try example.text("title"), arguments.value)
        }
    }

    private static func bucket(_ rate: CatalogueReader?) throws(CatalogueError) -> String? {
        guard let rate, rate.has("bucket") else { return nil }
        let bucket = try rate.text("bucket")
        guard bucket == "read" || bucket == "money" else { throw rate.fail("bucket", "read or money") }
        return bucket
    }

    private static func auditAction(_ reader: CatalogueReader) throws(CatalogueError) -> String? {
        guard let word = try reader.optionalText("x-audit") else { return nil }
        guard word.wholeMatch(of: /[A-Z][A-Z0-9_]{0,63}/) != nil else {
            throw reader.fail("x-audit", "[A-Z][A-Z0-9_]{0,63}")
        }
        return word
    }

    private static func pointer(_ reader: CatalogueReader) throws(CatalogueError) -> JSONPointer {
        guard let text = reader.value.stringValue, let pointer = try? JSONPointer(parsing: text) else {
            throw reader.fail("", "a JSON pointer")
        }
        return pointer
    }

    private static func route(_ reader: CatalogueReader?, tool: String) throws(CatalogueError) -> Route {
        guard let reader else {
            return Route(method: "POST", segments: [.literal("tools"), .literal(tool)], successStatus: 200)
        }
        let method = try reader.text("method")
        guard ["GET", "POST", "PUT", "DELETE"].contains(method) else { throw reader.fail("method", "an HTTP method") }
        let status = try reader.whole("success_status", default: 200, from: 200)
        guard status < 300 else { throw reader.fail("success_status", "200 to 299") }
        let path = try reader.text("path")
        guard path.hasPrefix("/tools/") else { throw reader.fail("path", "a path under /tools/", rule: "C2") }
        var segments: [Route.Segment] = [.literal("tools")]
        for part in path.dropFirst("/tools/".count).split(separator: "/", omittingEmptySubsequences: false) {
            if part.hasPrefix("{"), part.hasSuffix("}"), part.count > 2 {
                segments.append(.argument(String(part.dropFirst().dropLast())))
            } else if isName(String(part), extra: "_.-") {
                segments.append(.literal(String(part)))
            } else {
                throw reader.fail("path", "segments of [a-z][a-z0-9_.-]* or {argument}", rule: "C2")
            }
        }
        return Route(method: method, segments: segments, successStatus: Int(status))
    }
}

extension Optional {
    /// `flatMap` that lets a typed error through.
    fileprivate func flatMap<Result>(
        _ transform: (Wrapped) throws(CatalogueError) -> Result?
    ) throws(CatalogueError) -> Result? {
        guard let self else { return nil }
        return try transform(self)
    }
}
