import OrderedJSON

extension Catalogue {
    /// What a plugin needs the host to let it do, or what it is granted.
    package struct Needs: Sendable, Equatable {
        /// Paths by upstream.
        package var upstreams: [String: [String]]
        /// Secret transforms.
        package var secrets: [String]
        /// Store collections.
        package var collections: [String]
        /// Families of host services, of `knownServices`.
        package var services: [String]
        /// How its own URIs begin, which are no other plugin's: a draft.
        package var uris: [String]

        /// The families of host services that must be granted; collections are granted by name.
        package static let knownServices: Set<String> = ["transactions", "timers", "exports", "x-reports"]

        /// States needs.
        package init(
            upstreams: [String: [String]] = [:],
            secrets: [String] = [],
            collections: [String] = [],
            services: [String] = [],
            uris: [String] = []
        ) {
            self.upstreams = upstreams
            self.secrets = secrets
            self.collections = collections
            self.services = services
            self.uris = uris
        }

        /// Reads what `json` wrote; what is of another form is not granted.
        package init(reading json: JSON?) {
            var upstreams: [String: [String]] = [:]
            for (name, paths) in json?["upstreams"]?.objectValue ?? JSONObject() {
                upstreams[name] = (paths.arrayValue ?? []).compactMap(\.stringValue)
            }
            let texts = { (name: String) in (json?[name]?.arrayValue ?? []).compactMap(\.stringValue) }
            self.init(
                upstreams: upstreams,
                secrets: texts("secrets"),
                collections: texts("collections"),
                services: texts("services"),
                uris: texts(Needs.urisMember)
            )
        }

        /// The member that names prefixes of URIs.
        package static let urisMember = "x-uris"

        /// As `grants` stands in plugins.json, the same for the same needs.
        package var json: JSON {
            let texts = { (list: [String]) in JSON.array(list.sorted().map { .string($0) }) }
            var paths = JSONObject()
            for (name, list) in upstreams.sorted(by: { $0.key < $1.key }) { paths[name] = texts(list) }
            var json: JSONObject = [
                "upstreams": .object(paths), "secrets": texts(secrets), "collections": texts(collections),
                "services": texts(services),
            ]
            // Left out where there are none: what was signed before there could be any stays signed.
            if !uris.isEmpty { json[Needs.urisMember] = texts(uris) }
            return .object(json)
        }

        /// What is needed and not granted, each in words.
        package func excess(over grants: Needs) -> [String] {
            var excess: [String] = []
            for (upstream, paths) in upstreams.sorted(by: { $0.key < $1.key }) {
                for path in paths where !(grants.upstreams[upstream] ?? []).contains(path) {
                    excess.append("\(path) of the upstream \(upstream)")
                }
            }
            excess += secrets.filter { !grants.secrets.contains($0) }.map { "the secret \($0)" }
            excess += collections.filter { !grants.collections.contains($0) }.map { "the collection \($0)" }
            excess += services.filter { !grants.services.contains($0) }.map { "the service \($0)" }
            excess += uris.filter { !grants.uris.contains($0) }.map { "URIs that begin with \($0)" }
            return excess
        }

        /// What is needed and not granted, in words; nil when there is nothing.
        package func exceeding(_ grants: Needs) -> String? {
            let excess = excess(over: grants)
            return excess.isEmpty ? nil : excess.joined(separator: ", ")
        }
    }
}
