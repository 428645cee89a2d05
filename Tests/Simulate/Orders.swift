import Simulation

/// What the command line asks for.
struct Orders {
    /// Why it is not understood.
    struct Misunderstood: Error {}

    static let usage = """
        usage: simulate [--sqlite] --seeds FROM..TO [--plant FAULT] [--tally FILE --commit NAME]
               simulate [--sqlite] --portions --tally FILE --commit NAME [--each SEEDS] [--until SEEDS] [--minutes N]
                        [--at-once N]
        """

    /// The options that have no value.
    private static let flags: Set = ["--sqlite", "--portions"]
    private static let valued: Set = [
        "--seeds", "--plant", "--tally", "--commit", "--each", "--until", "--minutes", "--at-once",
    ]

    let onSQLite: Bool
    /// These seeds; nil where portions are run.
    let seeds: ClosedRange<UInt64>?
    let fault: PlantedFault?
    /// Where a portion is counted, and the commit that it is of.
    let tally: (path: String, commit: String)?
    /// How many seeds a portion has.
    let each: UInt64
    /// How many seeds are enough.
    let until: UInt64
    /// After how many minutes no portion begins any more.
    let minutes: Int?
    /// How many portions run at once; nil for one a processor.
    let atOnce: Int?

    init(_ words: [String]) throws {
        var (said, values): (Set<String>, [String: String]) = ([], [:])
        var words = words[...]
        while let word = words.popFirst() {
            if Self.flags.contains(word) {
                said.insert(word)
            } else {
                guard Self.valued.contains(word), let value = words.popFirst() else { throw Misunderstood() }
                values[word] = value
            }
        }
        onSQLite = said.contains("--sqlite")
        seeds = try values["--seeds"].map(Self.range)
        fault = try values["--plant"]
            .map { name in
                guard let fault = PlantedFault(rawValue: name) else { throw Misunderstood() }
                return fault
            }
        tally = values["--tally"].map { ($0, values["--commit"] ?? "?") }
        each = UInt64(try Self.number(values["--each"]) ?? 10_000)
        until = UInt64(try Self.number(values["--until"]) ?? 1_000_000)
        minutes = try Self.number(values["--minutes"])
        atOnce = try Self.number(values["--at-once"])
        let arePortions = said.contains("--portions")
        guard arePortions == (seeds == nil), !arePortions || tally != nil else { throw Misunderstood() }
    }

    /// `3..7`, or `3` alone.
    private static func range(_ text: String) throws -> ClosedRange<UInt64> {
        let bounds = text.split(separator: ".", omittingEmptySubsequences: true).map { UInt64($0) }
        guard (1...2).contains(bounds.count), let first = bounds.first ?? nil, let last = bounds.last ?? nil,
            1 <= first, first <= last
        else { throw Misunderstood() }
        return first...last
    }

    private static func number(_ text: String?) throws -> Int? {
        guard let text else { return nil }
        guard let number = Int(text), number > 0 else { throw Misunderstood() }
        return number
    }
}
