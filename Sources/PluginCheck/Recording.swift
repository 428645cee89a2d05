import Gateway
import OrderedJSON
import PluginAPI

/// What M-Pesa sent once, as its plugin's author recorded it, and what it proves: `x-examples` of an operation kind.
///
/// See docs/abi.md, section 1.6.
struct Recording {
    /// The kind, by its index, and its name.
    let kind: Int
    let kindName: String
    /// For people.
    let title: String
    /// What was sent.
    let body: [UInt8]
    /// The same as JSON; nil where it is none.
    let document: JSON?
    /// Where, by its place in the document, that stands without which it would prove nothing; nil where it is not said.
    let proof: [JSONPointer]?
    /// What `interpret` must say, as far as it is said; nil for what is not the record's.
    private let evidence: JSONObject?
    /// What goes beside the bytes.
    private let input: [UInt8]

    /// Every kind's, read from a plugin's own catalogue.
    static func all(_ plugin: ProbedPlugin, _ catalogue: Catalogue) throws -> [Recording] {
        let described = try JSON(parsing: plugin.describe())
        var recordings: [Recording] = []
        for index in catalogue.operations.indices {
            guard let examples = described["operations"]?.arrayValue?[index]["x-examples"] else { continue }
            guard let list = examples.arrayValue else { throw wrong("operations/\(index)/x-examples", "a list") }
            for (number, example) in list.enumerated() {
                let at = "operations/\(index)/x-examples/\(number)"
                recordings.append(try Recording(example, at: at, kind: index, catalogue))
            }
        }
        return recordings
    }

    private static func wrong(_ at: String, _ expected: String) -> Probe.Failure {
        Probe.Failure("rule C1: \(at): expected \(expected)")
    }

    private init(_ example: JSON, at: String, kind: Int, _ catalogue: Catalogue) throws {
        guard let title = example["title"]?.stringValue else { throw Recording.wrong(at + "/title", "a text") }
        guard let body = example["body"] else { throw Recording.wrong(at + "/body", "what M-Pesa sent") }
        self.kind = kind
        self.title = title
        kindName = catalogue.operations[kind].name
        self.body = body.stringValue.map { Array($0.utf8) } ?? body.bytes
        let document = try? JSON(parsing: self.body)
        self.document = document
        let isNotMine = example["not_mine"]?.boolValue == true
        evidence = example["evidence"]?.objectValue
        guard isNotMine != (evidence?["verdict"]?.stringValue != nil) else {
            throw Recording.wrong(at, "either evidence with a verdict, or not_mine")
        }
        proof = try example["proof"].map { try Recording.pointers($0, at: at + "/proof", document) }
        let source = try Recording.source(example["source"], at: at + "/source", catalogue.operations[kind])
        let record = Samples.record(catalogue.operations[kind], catalogue, state: .accepted)
        let input = PluginDocuments.interpret(source: source.source, status: source.status, record: record)
        self.input = try Recording.overlaid(input, with: example["record"]?.objectValue ?? [:])
    }

    private static func pointers(_ value: JSON, at: String, _ document: JSON?) throws -> [JSONPointer] {
        guard let texts = value.arrayValue else { throw wrong(at, "a list of JSON Pointers") }
        return try texts.map { text in
            guard let text = text.stringValue, let pointer = try? JSONPointer(parsing: text),
                document?.value(at: pointer) != nil
            else { throw wrong(at, "JSON Pointers to what is in the body") }
            return pointer
        }
    }

    private static func source(
        _ value: JSON?,
        at: String,
        _ kind: OperationKind
    ) throws -> (source: Evidence.Source, status: Int?) {
        switch value?["type"]?.stringValue {
        case "reply": return (.reply, Int(clamping: value?["status"]?.integerValue ?? 200))
        case "callback":
            guard let name = value?["name"]?.stringValue, kind.callbacks.contains(where: { $0.name == name }) else {
                throw wrong(at + "/name", "the name of a callback of this kind")
            }
            return (.callback(name), nil)
        default: throw wrong(at, "a type: reply or callback")
        }
    }

    /// The input with members of the record as the recording has them.
    private static func overlaid(_ input: [UInt8], with members: JSONObject) throws -> [UInt8] {
        guard !members.isEmpty, var document = try JSON(parsing: input).objectValue,
            var record = document["record"]?.objectValue
        else { return input }
        for (name, value) in members { record[name] = value }
        document["record"] = .object(record)
        return JSON.object(document).bytes
    }

    // MARK: Calls

    /// The recording as it is.
    var call: PureCall { call(with: body, "") }

    /// The same with other bytes.
    func call(with bytes: [UInt8], _ how: String) -> PureCall {
        PureCall(.interpret(kind, input, bytes), "\(kindName), \"\(title)\"\(how)")
    }

    /// A few of its mutations, to be made many times.
    var somewhatWrong: [PureCall] {
        let all = Mutation.all(of: self)
        let some = stride(from: 0, to: all.count, by: max(1, all.count / 20)).map { all[$0] }
        return [call] + some.map { call(with: $0.bytes, $0.how) }
    }

    /// Whether it says that the money moved.
    var isSuccess: Bool { evidence?["verdict"]?.stringValue == "succeeded" }

    /// Compares what it proves with what its author said.
    func check(_ plugin: ProbedPlugin) throws {
        let call = call
        try call.checkForm(plugin)
        guard let said = try? JSON(parsing: call.run(plugin).output) else { return }
        guard let evidence else {
            guard said["not_mine"]?.boolValue == true else {
                throw Probe.Failure("\(call.title): expected not_mine, found \(Recording.shown(said))")
            }
            return
        }
        for (name, expected) in evidence where said["evidence"]?[name] ?? .null != expected {
            let found = Recording.shown(said["evidence"]?[name] ?? .null)
            throw Probe.Failure("\(call.title): expected \(name) \(Recording.shown(expected)), found \(found)")
        }
    }

    private static func shown(_ value: JSON) -> String { String(decoding: value.bytes.prefix(120), as: UTF8.self) }
}
