import OrderedJSON

/// One validation.
///
/// The first walk only says yes or no and builds no text; only a value that was refused is walked again to say why.
struct SchemaRun {
    /// Which members and elements some schema has already looked at, for `unevaluated…`.
    struct Evaluated {
        var members: Set<String> = []
        var elements: Set<Int> = []
        var allMembers = false
        /// Elements below this are evaluated.
        var elementCount = 0

        mutating func merge(_ other: Evaluated) {
            members.formUnion(other.members)
            elements.formUnion(other.elements)
            allMembers = allMembers || other.allMembers
            elementCount = max(elementCount, other.elementCount)
        }
    }

    let limits: SchemaLimits
    let isCollecting: Bool
    /// Whether some schema asks for what is unevaluated; only then is it worth keeping track.
    let tracks: Bool
    var violations: [SchemaViolation] = []
    var path: [String] = []
    var scope: [SchemaResource] = []
    var depth = 0

    init(limits: SchemaLimits, tracks: Bool, isCollecting: Bool) {
        self.limits = limits
        self.tracks = tracks
        self.isCollecting = isCollecting
    }

    mutating func check(_ instance: JSON, against node: SchemaNode) -> Bool {
        var evaluated = Evaluated()
        return check(instance, against: node, &evaluated)
    }

    /// Checks in place: what this schema evaluates, `evaluated` learns.
    ///
    /// It starts with nothing, because a schema's own `unevaluated…` does not see what its cousins looked at.
    mutating func check(_ instance: JSON, against node: SchemaNode, _ evaluated: inout Evaluated) -> Bool {
        guard tracks else { return checkKeywords(instance, node, &evaluated) }
        var own = Evaluated()
        guard checkKeywords(instance, node, &own) else { return false }
        evaluated.merge(own)
        return true
    }

    private mutating func checkKeywords(_ instance: JSON, _ node: SchemaNode, _ evaluated: inout Evaluated) -> Bool {
        if let always = node.always {
            return always || refuse(node, "false", { "nothing is allowed here" })
        }
        guard depth < limits.depthMax else { return refuse(node, "depth", { "the value is nested too deep" }) }
        depth += 1
        defer { depth -= 1 }
        let entersResource = scope.last !== node.resource
        if entersResource { scope.append(node.resource) }
        defer { if entersResource { scope.removeLast() } }
        var isGood = checkAny(instance, node)
        if !isGood && !isCollecting { return false }
        switch instance {
        case .string(let text):
            if let rules = node.text { isGood = checkText(text, rules, node) && isGood }
        case .integer, .number:
            if let rules = node.number { isGood = checkNumber(instance, rules, node) && isGood }
        case .array(let elements):
            if let rules = node.list { isGood = checkList(elements, rules, node, &evaluated) && isGood }
        case .object(let members):
            if let rules = node.object { isGood = checkObject(members, rules, node, &evaluated) && isGood }
        default: break
        }
        if !isGood && !isCollecting { return false }
        if node.hasApplicators { isGood = checkApplicators(instance, node, &evaluated) && isGood }
        return isGood
    }

    /// Checks what stands one step further down; the way there is kept only where somebody will be told of it.
    mutating func within(_ token: () -> String, _ check: (inout SchemaRun) -> Bool) -> Bool {
        guard isCollecting else { return check(&self) }
        path.append(token())
        defer { path.removeLast() }
        return check(&self)
    }

    /// Notes a violation; always false, so that a check can end with it.
    mutating func refuse(_ node: SchemaNode, _ keyword: String, _ expected: () -> String) -> Bool {
        guard isCollecting, violations.count < limits.violationsMax else { return false }
        // Names are a stranger's, too: what is said again of them is cleaned and short.
        let pointer = ShownName.pointer(path.reduce(into: "") { $0 += "/" + JSONPointer.escaped($1) })
        let name = SchemaRun.name(at: path)
        violations.append(
            SchemaViolation(
                instancePath: pointer,
                schemaPath: node.path + "/" + keyword,
                keyword: keyword,
                message: "\(name): \(expected())."
            )
        )
        return false
    }

    /// The member that is wrong, or the element of a list by the list's name: `types[0]`.
    private static func name(at path: [String]) -> String {
        guard let last = path.last else { return "the value" }
        guard path.count > 1, !last.isEmpty, last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return ShownName.of(last)
        }
        return "\(ShownName.of(path[path.count - 2]))[\(last)]"
    }

    /// Tries a branch that may fail without the value being wrong.
    mutating func attempt(_ instance: JSON, _ node: SchemaNode, _ evaluated: inout Evaluated) -> Bool {
        var branch = SchemaRun(limits: limits, tracks: tracks, isCollecting: false)
        branch.scope = scope
        branch.depth = depth
        var own = Evaluated()
        guard branch.check(instance, against: node, &own) else { return false }
        evaluated.merge(own)
        return true
    }

    private mutating func checkAny(_ instance: JSON, _ node: SchemaNode) -> Bool {
        var isGood = true
        if let types = node.types, !types.admits(instance) {
            isGood = refuse(node, "type", { "expected \(types.expectation)" })
        }
        if let expected = node.isConst, expected != instance {
            isGood = refuse(node, "const", { "expected \(expected.text)" })
        }
        if let options = node.isOneOf, !options.contains(instance) {
            let list = { options.map { $0.stringValue ?? $0.text }.joined(separator: ", ") }
            isGood = refuse(node, "enum", { "expected one of \(list())" })
        }
        return isGood
    }

    private mutating func checkText(_ text: String, _ rules: SchemaNode.TextRules, _ node: SchemaNode) -> Bool {
        var isGood = true
        if rules.lengthMax != nil || rules.lengthMin != nil {
            let length = text.unicodeScalars.count
            if let most = rules.lengthMax, length > most {
                isGood = refuse(
                    node,
                    "maxLength",
                    { rules.telling("expected at most \(most) characters, not \(length)") }
                )
            }
            if let least = rules.lengthMin, length < least {
                let characters = least == 1 ? "character" : "characters"
                isGood = refuse(node, "minLength", { rules.telling("expected at least \(least) \(characters)") })
            }
        }
        // A text of the wrong length is not looked through: what is asked of it costs as much as it is long.
        guard isGood else { return false }
        if let pattern = rules.pattern, !pattern.matches(text) {
            isGood = refuse(node, "pattern", { rules.telling("expected text of ", ofForm: pattern.text) })
        }
        if let format = rules.format, !format.accepts(text) {
            isGood = refuse(node, "format", { rules.telling("expected \(format.expectation)") })
        }
        return isGood
    }

    private mutating func checkNumber(_ value: JSON, _ rules: SchemaNode.NumberRules, _ node: SchemaNode) -> Bool {
        var isGood = true
        if let limit = rules.maximum, value.isAbove(limit) {
            isGood = refuse(node, "maximum", { "expected at most \(limit.text)" })
        }
        if let limit = rules.exclusiveMaximum, !limit.isAbove(value) {
            isGood = refuse(node, "exclusiveMaximum", { "expected less than \(limit.text)" })
        }
        if let limit = rules.minimum, limit.isAbove(value) {
            isGood = refuse(node, "minimum", { "expected at least \(limit.text)" })
        }
        if let limit = rules.exclusiveMinimum, !value.isAbove(limit) {
            isGood = refuse(node, "exclusiveMinimum", { "expected more than \(limit.text)" })
        }
        if let divisor = rules.multipleOf, !value.isMultiple(of: divisor) {
            isGood = refuse(node, "multipleOf", { "expected a multiple of \(divisor.text)" })
        }
        return isGood
    }
}

extension SchemaNode.TextRules {
    /// What was expected of a text, and what the schema says of it: a length alone says nothing of what belongs there.
    fileprivate func telling(_ expected: String) -> String { meaning.map { "\(expected). \($0)" } ?? expected }

    /// A pattern is no word for people: it is shown where nothing else says what was expected.
    fileprivate func telling(_ expected: String, ofForm pattern: String) -> String {
        meaning.map { "\(expected)another form. \($0)" } ?? "\(expected)the form \(pattern)"
    }
}

extension SchemaNode.Types {
    /// Whether a value is of one of these types; a number without a fraction is an integer too, as far as 64 bits hold it.
    ///
    /// Past that nobody can read it as one: it would be taken for left out.
    fileprivate func admits(_ value: JSON) -> Bool {
        switch value {
        case .null: contains(.null)
        case .bool: contains(.boolean)
        case .object: contains(.object)
        case .array: contains(.array)
        case .string: contains(.string)
        case .integer: contains(.integer) || contains(.number)
        case .number(let number): contains(.number) || (contains(.integer) && Int64(exactly: number) != nil)
        }
    }
}

extension JSON {
    /// Compares numbers exactly where both are whole.
    fileprivate func isAbove(_ other: JSON) -> Bool {
        if case .integer(let left) = self, case .integer(let right) = other { return left > right }
        return (doubleValue ?? 0) > (other.doubleValue ?? 0)
    }

    fileprivate func isMultiple(of divisor: JSON) -> Bool {
        if let value = integerValue, let divisor = divisor.integerValue { return divisor != 0 && value % divisor == 0 }
        guard let value = doubleValue, let divisor = divisor.doubleValue else { return true }
        let quotient = value / divisor
        if !quotient.isFinite { return value.truncatingRemainder(dividingBy: divisor) == 0 }
        return abs(quotient - quotient.rounded()) < 1e-9
    }
}
