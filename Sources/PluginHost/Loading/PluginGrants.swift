import Gateway

/// Rule C3: a plugin gets nothing that plugins.json does not grant, and its kinds use nothing that it did not ask for.
package enum PluginGrants {
    /// Compares what a catalogue needs with what is granted.
    package static func check(_ catalogue: Catalogue, against grants: Catalogue.Needs) throws(PluginRefusal) {
        if let need = catalogue.needs.exceeding(grants) { throw PluginRefusal.notGranted(need) }
        for kind in catalogue.operations {
            guard catalogue.needs.upstreams[kind.upstream]?.contains(kind.path) ?? false else {
                throw PluginRefusal.notGranted("\(kind.path) for \(kind.name), which is not among its own needs")
            }
            for secret in kind.secrets where !catalogue.needs.secrets.contains(secret.transform) {
                throw PluginRefusal.notGranted("\(secret.transform) for \(kind.name), which is not among its own needs")
            }
        }
    }
}
