/// A method and a path: how plain HTTP asks for a tool or for an action of the host's.
package struct Route: Sendable, Hashable {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    package let method: String
    /// The path's segments; an argument's takes any text.
    package let segments: [Segment]
    /// Of a success.
    package let successStatus: Int

    /// One part of the path.
    package enum Segment: Sendable, Hashable {
        /// This text.
        case literal(String)
        /// Any text; it becomes the argument of this name.
        case argument(String)
    }

    /// Makes a route.
    package init(method: String, segments: [Segment], successStatus: Int) {
        self.method = method
        self.segments = segments
        self.successStatus = successStatus
    }

    /// Makes a route of its text, such as `/transactions/{id}`.
    package init(_ method: String, _ template: String, status: Int = 200) {
        let segments = template.split(separator: "/")
            .map { part -> Segment in
                part.hasPrefix("{") && part.hasSuffix("}")
                    ? .argument(String(part.dropFirst().dropLast())) : .literal(String(part))
            }
        self.init(method: method, segments: segments, successStatus: status)
    }

    /// The path as documents show it: `/tools/transaction-status/{checkout_request_id}`.
    package var template: String {
        segments.reduce(into: "") { path, segment in
            switch segment {
            case .literal(let text): path += "/" + text
            case .argument(let name): path += "/{" + name + "}"
            }
        }
    }

    /// The names of the arguments that stand in the path.
    package var pathArguments: [String] {
        segments.compactMap { segment in
            if case .argument(let name) = segment { name } else { nil }
        }
    }

    /// Whether the other arguments stand in the query, because the method has no body.
    package var takesQuery: Bool { method == "GET" }

    /// The arguments that a path's segments hold, when the path is this route's; nil otherwise.
    package func arguments(in path: ArraySlice<Substring>) -> [(name: String, value: String)]? {
        guard path.count == segments.count else { return nil }
        var arguments: [(name: String, value: String)] = []
        for index in segments.indices {
            let text = path[path.startIndex + index]
            switch segments[index] {
            case .literal(let literal): guard Route.isSame(literal, text) else { return nil }
            case .argument(let name):
                guard !text.isEmpty else { return nil }
                arguments.append((name, String(text)))
            }
        }
        return arguments
    }

    /// Whether two texts have the same bytes; compared at once, where a comparison of texts walks them.
    private static func isSame(_ literal: String, _ text: Substring) -> Bool {
        guard literal.utf8.count == text.utf8.count else { return false }
        let isSame = literal.utf8.withContiguousStorageIfAvailable { literal in
            text.utf8.withContiguousStorageIfAvailable { literal.elementsEqual($0) }
        }
        return (isSame ?? nil) ?? literal.utf8.elementsEqual(text.utf8)
    }

    /// Whether some path belongs to both routes, so that which of the two it means would depend on their order.
    package func meets(_ other: Route) -> Bool {
        segments.count == other.segments.count
            && zip(segments, other.segments)
                .allSatisfy { pair in
                    switch pair {
                    case (.literal(let left), .literal(let right)): left == right
                    default: true
                    }
                }
    }
}
