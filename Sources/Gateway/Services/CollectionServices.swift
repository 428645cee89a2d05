import OrderedJSON

/// `store.…`: values by key in collections, each with a version that every writing may depend on.
extension PluginServices {
    private func collection(_ request: ServiceRequest) throws(GatewayError) -> PluginCollection {
        let name = try request.text("collection", upTo: 64)
        guard request.grants.collections.contains(name) else {
            throw GatewayError(
                .permissionDenied,
                "The plugin was not granted the collection \(name).",
                detail: "rule G1"
            )
        }
        return PluginCollection(owner: request.owner, name: name)
    }

    func get(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        let collection = try collection(request)
        let key = try request.text("key")
        guard let item = try await data.item(key, in: collection) else {
            throw GatewayError(.notFound, "There is no value \(key).")
        }
        return item.json
    }

    /// With `version`, only over that version; 0 means that there must be none.
    func put(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        let collection = try collection(request)
        let key = try request.text("key")
        guard let value = request.body["value"], value.bytes.count <= settings.valueBytesMax else {
            throw request.wrong("value", "a JSON value of at most \(settings.valueBytesMax) bytes")
        }
        let version = try request.whole("version", 0...Int64.max, default: -1)
        let written = try await data.put(
            key,
            value,
            over: version < 0 ? nil : version,
            in: collection,
            at: entropy.now(),
            itemsMax: settings.valuesMax
        )
        return ["version": .integer(written)]
    }

    func delete(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        let collection = try collection(request)
        let version = try request.whole("version", 0...Int64.max, default: -1)
        try await data.delete(try request.text("key"), over: version < 0 ? nil : version, in: collection)
        return [:]
    }

    func list(_ request: ServiceRequest) async throws(GatewayError) -> JSON {
        let collection = try collection(request)
        let limit = Int(try request.whole("limit", 1...100, default: 100))
        let items = try await data.items(
            in: collection,
            prefix: try request.optionalText("prefix") ?? "",
            after: try request.optionalText("after"),
            limit: limit
        )
        var answer: JSONObject = ["items": .array(items.map(\.json))]
        if items.count == limit { answer["next"] = items.last.map { .string($0.key) } }
        return .object(answer)
    }
}

extension PluginItem {
    fileprivate var json: JSON { ["key": .string(key), "value": value, "version": .integer(version)] }
}
