import OrderedJSON

/// A JSON Schema of draft 2020-12, compiled once and used by any number of threads.
///
/// Every required keyword of the draft; references stay within the document and the given remotes, nothing is fetched.
package final class JSONSchema: Sendable {
    private let root: SchemaNode
    private let limits: SchemaLimits
    private let tracks: Bool
    /// How large it is, so that many together can be held to a bound.
    package let size: SchemaSize

    /// Compiles a schema.
    ///
    /// - Parameters:
    ///   - document: The schema.
    ///   - limits: What bounds the work it can cause.
    ///   - remotes: Documents that it may refer to, by URI.
    /// - Throws: `SchemaError` naming the place that is no schema.
    package init(
        compiling document: JSON,
        limits: SchemaLimits = SchemaLimits(),
        remotes: [String: JSON] = [:]
    ) throws(SchemaError) {
        let compiler = SchemaCompiler(limits: limits, remotes: remotes)
        root = try compiler.compile(document)
        tracks = compiler.findsUnevaluated
        size = compiler.size
        self.limits = limits
    }

    /// Whether a value is what the schema says.
    package func accepts(_ instance: JSON) -> Bool {
        var run = SchemaRun(limits: limits, tracks: tracks, isCollecting: false)
        return run.check(instance, against: root)
    }

    /// Every way in which a value is not what the schema says, at most as many as the limit; empty for a good value.
    package func violations(in instance: JSON) -> [SchemaViolation] {
        guard !accepts(instance) else { return [] }
        var run = SchemaRun(limits: limits, tracks: tracks, isCollecting: true)
        _ = run.check(instance, against: root)
        return run.violations
    }
}
