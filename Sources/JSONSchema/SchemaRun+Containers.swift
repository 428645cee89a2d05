import OrderedJSON

extension SchemaRun {
    mutating func checkList(
        _ elements: [JSON],
        _ rules: SchemaNode.ListRules,
        _ node: SchemaNode,
        _ evaluated: inout Evaluated
    ) -> Bool {
        var isGood = true
        if let most = rules.countMax, elements.count > most {
            isGood = refuse(node, "maxItems", { "expected at most \(most) elements" })
        }
        if let least = rules.countMin, elements.count < least {
            isGood = refuse(node, "minItems", { "expected at least \(least) element\(least == 1 ? "" : "s")" })
        }
        for (index, element) in elements.enumerated() {
            guard let schema = index < rules.prefix.count ? rules.prefix[index] : rules.rest else { break }
            let isElementGood = within({ String(index) }) { $0.check(element, against: schema) }
            if !isElementGood { isGood = false }
            if !isGood && !isCollecting { return false }
        }
        evaluated.elementCount = max(
            evaluated.elementCount,
            rules.rest != nil ? elements.count : min(rules.prefix.count, elements.count)
        )
        if let contains = rules.contains {
            isGood = checkContains(elements, contains, rules, node, &evaluated) && isGood
        }
        if rules.isUnique, Set(elements).count != elements.count {
            isGood = refuse(node, "uniqueItems", { "expected no element twice" })
        }
        return isGood
    }

    private mutating func checkContains(
        _ elements: [JSON],
        _ contains: SchemaNode,
        _ rules: SchemaNode.ListRules,
        _ node: SchemaNode,
        _ evaluated: inout Evaluated
    ) -> Bool {
        var count = 0
        for (index, element) in elements.enumerated() {
            var ignored = Evaluated()
            guard attempt(element, contains, &ignored) else { continue }
            count += 1
            if tracks { evaluated.elements.insert(index) }
        }
        if count < rules.containsMin {
            return refuse(node, "contains", { "expected at least \(rules.containsMin) fitting elements" })
        }
        if let most = rules.containsMax, count > most {
            return refuse(node, "maxContains", { "expected at most \(most) fitting elements" })
        }
        return true
    }

    mutating func checkObject(
        _ members: JSONObject,
        _ rules: SchemaNode.ObjectRules,
        _ node: SchemaNode,
        _ evaluated: inout Evaluated
    ) -> Bool {
        var isGood = true
        for name in rules.required where members[name] == nil {
            isGood = within({ name }) { $0.refuse(node, "required", { "is required" }) }
            if !isCollecting { return false }
        }
        if let most = rules.countMax, members.count > most {
            isGood = refuse(node, "maxProperties", { "expected at most \(most) members" })
        }
        if let least = rules.countMin, members.count < least {
            isGood = refuse(node, "minProperties", { "expected at least \(least) members" })
        }
        for (name, value) in members {
            let isMemberGood = within({ name }) { $0.checkMember(name, value, rules, node, &evaluated) }
            if !isMemberGood { isGood = false }
            if !isGood && !isCollecting { return false }
        }
        for (name, needs) in rules.dependentRequired where members[name] != nil {
            for need in needs where members[need] == nil {
                isGood = refuse(node, "dependentRequired", { "\(need) is required beside \(name)" })
            }
        }
        for (name, schema) in rules.dependentSchemas where members[name] != nil {
            if !check(.object(members), against: schema, &evaluated) { isGood = false }
        }
        return isGood
    }

    private mutating func checkMember(
        _ name: String,
        _ value: JSON,
        _ rules: SchemaNode.ObjectRules,
        _ node: SchemaNode,
        _ evaluated: inout Evaluated
    ) -> Bool {
        var isGood = true
        var isKnown = false
        if let schema = rules.properties[name] {
            isKnown = true
            isGood = check(value, against: schema)
        }
        for (pattern, schema) in rules.patterns where pattern.matches(name) {
            isKnown = true
            if !check(value, against: schema) { isGood = false }
        }
        if !isKnown, let additional = rules.additional {
            isKnown = true
            if additional.always == false {
                let known = { rules.properties.keys.sorted().joined(separator: ", ") }
                isGood = refuse(node, "additionalProperties", { "is not a known field; known are \(known())" })
            } else if !check(value, against: additional) {
                isGood = false
            }
        }
        if isKnown && tracks { evaluated.members.insert(name) }
        if let names = rules.names, !check(.string(name), against: names) { isGood = false }
        return isGood
    }
}
