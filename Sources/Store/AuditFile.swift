import Cryptography
import Gateway
import OrderedJSON

/// The audit as a file: a line of JSON a line of the audit, each chain in its order; checked by anybody who has the file, heads that
/// were signed and the public key, and nothing else.
///
/// Each line has its chain's writer, its number there, the hash of the one before and its own over both and all of its
/// fields. What was cut off at the end is missed by a signed head, which says how far a chain went. A file begins with a line
/// that says how far it goes (`AuditExport`), so that one that broke off is told from a whole one without heads too.
package enum AuditFile {
    /// One line.
    struct Line {
        let organization: String
        let writer: String
        let sequence: Int64
        let previous: String
        let hash: String
        /// In the order of the table's columns, from `audit_id` on.
        let fields: [SQLValue]
    }

    private static let names = AuditChain.columns.split { ",\n ".contains($0) }.map(String.init)

    static func line(_ line: Line) -> String {
        var document: JSONObject = [
            "organization_id": .string(line.organization), "writer": .string(line.writer),
            "sequence": .integer(line.sequence), "previous": .string(line.previous), "hash": .string(line.hash),
        ]
        for (name, field) in zip(names, line.fields) {
            switch field {
            case .integer(let number): document[name] = .integer(number)
            case .text(let text): document[name] = .string(text)
            default: break
            }
        }
        return JSON.object(document).text
    }

    private static func read(_ text: Substring) -> Line? {
        guard let document = try? JSON(parsing: Array(text.utf8)),
            let organization = document["organization_id"]?.stringValue, let writer = document["writer"]?.stringValue,
            let sequence = document["sequence"]?.integerValue, let previous = document["previous"]?.stringValue,
            let hash = document["hash"]?.stringValue,
            let members = document.objectValue, members.count(where: { !names.contains($0.key) }) == 5
        else { return nil }
        let fields = names.map { name -> SQLValue in
            let value = document[name]
            return value?.integerValue.map { .integer($0) } ?? .optional(value?.stringValue)
        }
        return Line(
            organization: organization,
            writer: writer,
            sequence: sequence,
            previous: previous,
            hash: hash,
            fields: fields
        )
    }

    // MARK: Signed heads

    /// What is signed of heads.
    package static func statement(_ heads: [AuditHead], organization: String, at: String) -> [UInt8] {
        let lines = heads.map { "\($0.writer) \($0.sequence) \($0.hash)\n" }
        return Array("mpesa-gateway audit heads 1\n\(organization)\n\(at)\n\(lines.joined())".utf8)
    }

    /// Heads that somebody vouches for.
    struct Signed {
        let organization: String
        let heads: [AuditHead]
    }

    private static func signed(_ document: JSON, by keys: [VerifyingKey]) throws(GatewayError) -> Signed {
        // As the action answers it, in its envelope or without.
        let document = document["data"] ?? document
        let heads = (document["heads"]?.arrayValue ?? [])
            .compactMap { head -> AuditHead? in
                guard let writer = head["writer"]?.stringValue, let sequence = head["sequence"]?.integerValue,
                    let hash = head["hash"]?.stringValue
                else { return nil }
                return AuditHead(writer: writer, sequence: sequence, hash: hash)
            }
        let organization = document["organization_id"]?.stringValue ?? ""
        let text = statement(heads, organization: organization, at: document["at"]?.stringValue ?? "")
        guard let signature = document["signature"]?.stringValue.flatMap(Hexadecimal.decode),
            keys.contains(where: { $0.isValid(signature, over: text) })
        else { throw GatewayError(.invalidArgument, "The heads are not signed by a key that is trusted here.") }
        return Signed(organization: organization, heads: heads)
    }

    // MARK: Verifying

    /// What was found.
    package struct Verdict: Sendable, Equatable {
        /// How many lines were read.
        package var lines = 0
        /// What is wrong, in sentences; nothing when all is as it was written.
        package var faults: [String] = []
        /// What is not proved though nothing is wrong with it.
        package var remarks: [String] = []

        /// How many faults are told of.
        static let faultsMax = 20

        mutating func tell(_ fault: String) { if faults.count < Verdict.faultsMax { faults.append(fault) } }
    }

    /// How far a file says that it goes.
    private struct Stated {
        let organization: String
        let ends: [(writer: String, sequence: Int64)]

        /// Reads what a file begins with; nil for any other line.
        init?(_ text: Substring) {
            guard text.hasPrefix("{\"\(AuditExport.member)\""), let document = try? JSON(parsing: Array(text.utf8)),
                let said = document[AuditExport.member], let organization = said["organization_id"]?.stringValue
            else { return nil }
            self.organization = organization
            // Of a part it is not known which of its chains' lines it was to have.
            let isPart = said["after"] != nil || said["limit"] != nil
            ends = (isPart ? [] : said["ends"]?.arrayValue ?? [])
                .compactMap { end in
                    guard let writer = end["writer"]?.stringValue, let sequence = end["sequence"]?.integerValue else {
                        return nil
                    }
                    return (writer, sequence)
                }
        }

        func check(_ chains: [String: Chain], _ verdict: inout Verdict) {
            for end in ends {
                // Ids are made before numbers are given, so that those of a file that broke off need not be the first ones.
                let known = chains[organization + " " + end.writer]?.sequences.keys.count { $0 <= end.sequence } ?? 0
                guard known < end.sequence else { continue }
                let missing = end.sequence - Int64(known)
                verdict.tell(
                    "\(missing) of \(end.sequence) lines of \(end.writer) are missing, which the file says it has: it broke off, or was cut"
                )
            }
        }
    }

    private struct Chain {
        var first: Int64
        var sequences: [Int64: (hash: String, previous: String)] = [:]
        var last: Int64
        /// Of the line that was read last.
        var newest: Int64 = 0
    }

    /// Checks a file of the audit against heads that were signed.
    ///
    /// A chain must begin with its first line, or behind one that a head names, unless the file `continues` another.
    /// - Throws: `invalidArgument` for heads that nobody who is trusted signed.
    package static func verify(
        _ file: [UInt8],
        heads documents: [JSON],
        keys: [VerifyingKey],
        continues: Bool = false
    ) throws(GatewayError) -> Verdict {
        var signed: [Signed] = []
        for document in documents { signed.append(try self.signed(document, by: keys)) }
        var verdict = Verdict()
        var chains: [String: Chain] = [:]
        var stated: [Stated] = []
        for text in String(decoding: file, as: UTF8.self).split(separator: "\n") {
            if let beginning = Stated(text) {
                stated.append(beginning)
                continue
            }
            verdict.lines += 1
            guard let line = read(text) else {
                verdict.tell("line \(verdict.lines) of the file is no line of an audit")
                continue
            }
            let hash = AuditChain.hash(
                line.fields,
                organization: line.organization,
                sequence: line.sequence,
                after: Hexadecimal.decode(line.previous) ?? []
            )
            if Hexadecimal.encode(hash) != line.hash { verdict.tell("\(name(line)) was changed") }
            let place = line.organization + " " + line.writer
            var chain = chains[place] ?? Chain(first: line.sequence, last: line.sequence)
            if chain.sequences[line.sequence] != nil {
                verdict.tell("\(name(line)) is there twice")
            } else if line.sequence < chain.newest {
                verdict.tell("line \(verdict.lines) of the file stands in another order than it was written")
            }
            chain.newest = line.sequence
            chain.first = min(chain.first, line.sequence)
            chain.last = max(chain.last, line.sequence)
            chain.sequences[line.sequence] = (line.hash, line.previous)
            chains[place] = chain
        }
        for one in stated { one.check(chains, &verdict) }
        for (place, chain) in chains.sorted(by: { $0.key < $1.key }) {
            let isBegun = check(chain, place, signed, &verdict)
            guard !isBegun else { continue }
            let told =
                "\(place.split(separator: " ").last ?? "") begins with line \(chain.first): nothing proves what was before"
            if continues {
                verdict.remarks.append(told)
            } else {
                verdict.tell(told + " (does it continue another file?)")
            }
        }
        for one in signed { check(one, chains, &verdict) }
        return verdict
    }

    private static func name(_ line: Line) -> String { "\(line.writer)/\(line.sequence)" }

    /// Answers whether the chain is known to begin where it does.
    private static func check(_ chain: Chain, _ place: String, _ signed: [Signed], _ verdict: inout Verdict) -> Bool {
        let writer = place.split(separator: " ").last.map(String.init) ?? place
        var before: (sequence: Int64, hash: String)?
        for (sequence, line) in chain.sequences.sorted(by: { $0.key < $1.key }) {
            if let before, before.sequence + 1 < sequence {
                let gap = before.sequence + 2 == sequence ? "" : " to \(sequence - 1)"
                verdict.tell("\(writer)/\(before.sequence + 1)\(gap) was removed")
            } else if let before, before.hash != line.previous {
                verdict.tell("\(writer)/\(sequence) does not follow the line before it")
            }
            before = (sequence, line.hash)
        }
        let start = chain.sequences[chain.first]?.previous ?? ""
        let isFirst = chain.first == 1 && start.allSatisfy { $0 == "0" }
        let follows = signed.flatMap(\.heads)
            .contains { $0.writer == writer && $0.sequence == chain.first - 1 && $0.hash == start }
        if chain.first == 1 && !isFirst { verdict.tell("\(writer)/1 follows a line that is not there") }
        let newest = signed.flatMap(\.heads).filter { $0.writer == writer }.map(\.sequence).max() ?? 0
        if newest < chain.last {
            verdict.remarks.append("\(writer): no signed head vouches for lines \(newest + 1) to \(chain.last)")
        }
        return isFirst || follows || chain.first == 1
    }

    private static func check(_ signed: Signed, _ chains: [String: Chain], _ verdict: inout Verdict) {
        for head in signed.heads {
            guard let chain = chains[signed.organization + " " + head.writer] else {
                verdict.tell(
                    "every line of \(head.writer) was cut off: a signed head says that there were \(head.sequence)"
                )
                continue
            }
            guard head.sequence <= chain.last else {
                verdict.tell(
                    "\(head.writer) was cut off after line \(chain.last): a signed head says that there were \(head.sequence)"
                )
                continue
            }
            // What is before the file's first line is another file's.
            guard head.sequence >= chain.first else { continue }
            if chain.sequences[head.sequence]?.hash != head.hash {
                verdict.tell("\(head.writer)/\(head.sequence) is not the line that a signed head names")
            }
        }
    }
}
