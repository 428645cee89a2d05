import OrderedJSON

extension SchemaRun {
    mutating func checkApplicators(_ instance: JSON, _ node: SchemaNode, _ evaluated: inout Evaluated) -> Bool {
        var isGood = checkReferences(instance, node, &evaluated)
        for schema in node.allOf where !check(instance, against: schema, &evaluated) { isGood = false }
        if !isGood && !isCollecting { return false }
        if !node.anyOf.isEmpty {
            // All branches are tried: each that fits evaluates members of its own.
            let fitting = node.anyOf.filter { attempt(instance, $0, &evaluated) }.count
            if fitting == 0 { isGood = refuse(node, "anyOf", { "fits none of the allowed forms" }) }
        }
        if !node.oneOf.isEmpty {
            let fitting = node.oneOf.filter { attempt(instance, $0, &evaluated) }.count
            if fitting != 1 {
                isGood = refuse(
                    node,
                    "oneOf",
                    { "fits \(fitting == 0 ? "none" : "more than one") of the allowed forms" }
                )
            }
        }
        if let not = node.not {
            var ignored = Evaluated()
            if attempt(instance, not, &ignored) { isGood = refuse(node, "not", { "is of a form that is not allowed" }) }
        }
        if let condition = node.condition {
            let branch = attempt(instance, condition, &evaluated) ? node.consequence : node.alternative
            if let branch, !check(instance, against: branch, &evaluated) { isGood = false }
        }
        if !isGood && !isCollecting { return false }
        return checkUnevaluated(instance, node, &evaluated) && isGood
    }

    private mutating func checkReferences(
        _ instance: JSON,
        _ node: SchemaNode,
        _ evaluated: inout Evaluated
    ) -> Bool {
        var isGood = true
        if let reference = node.reference { isGood = check(instance, against: reference, &evaluated) }
        if let (target, anchor) = node.dynamicReference {
            var found = target
            if let anchor, let outermost = scope.first(where: { $0.dynamicAnchors[anchor] != nil }) {
                found = outermost.dynamicAnchors[anchor] ?? target
            }
            if !check(instance, against: found, &evaluated) { isGood = false }
        }
        return isGood
    }

    private mutating func checkUnevaluated(
        _ instance: JSON,
        _ node: SchemaNode,
        _ evaluated: inout Evaluated
    ) -> Bool {
        var isGood = true
        if let schema = node.unevaluatedProperties, case .object(let members) = instance {
            for (name, value) in members where !evaluated.allMembers && !evaluated.members.contains(name) {
                path.append(name)
                if !check(value, against: schema) { isGood = false }
                path.removeLast()
            }
            evaluated.allMembers = true
        }
        if let schema = node.unevaluatedItems, case .array(let elements) = instance {
            for (index, element) in elements.enumerated()
            where index >= evaluated.elementCount && !evaluated.elements.contains(index) {
                path.append(String(index))
                if !check(element, against: schema) { isGood = false }
                path.removeLast()
            }
            evaluated.elementCount = max(evaluated.elementCount, elements.count)
        }
        return isGood
    }
}
