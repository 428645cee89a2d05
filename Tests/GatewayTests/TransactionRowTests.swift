import Testing

@testable import Gateway

struct `A day of Nairobi` {
    @Test(arguments: ["1970-01-01", "2024-02-29", "2026-11-27", "2099-12-31"])
    func `is read as it is written`(_ text: String) throws {
        #expect(NairobiDay.text(try #require(NairobiDay.number(text))) == text)
    }

    @Test(arguments: ["2026-02-30", "2026-13-01", "2026-1-1", "26-01-01", "2026-01-01T00", "2026-00-10", "", "a"])
    func `that no calendar has is none`(_ text: String) {
        #expect(NairobiDay.number(text) == nil)
    }

    /// East Africa is three hours ahead all year.
    @Test func `begins three hours before that of UTC`() {
        let midnight = RollupPlace.start(of: 20_784)

        #expect(midnight.description == "2026-11-26T21:00:00.000Z")
        #expect(RollupPlace.day(of: midnight) == 20_784 && RollupPlace.hour(of: midnight) == 0)
        #expect(RollupPlace.day(of: midnight + .milliseconds(-1)) == 20_783)
        #expect(RollupPlace.hour(of: midnight + .milliseconds(-1)) == 23)
    }
}

struct `A sum of a rollup` {
    @Test func `is never more than a number holds, whatever was read from an answer`() {
        let fee: Int64? = .max
        let one = RollupSum(amount: .max, feeCents: fee)
        #expect(one.amount == 1_000_000_000_000 && one.feeCents == 100_000_000_000)

        var sum = RollupSum(transactions: 1, amount: .max - 1, feeCents: .max, feesStated: 1)
        sum.add(one)
        sum.add(one)

        #expect(sum.amount == .max && sum.feeCents == .max && sum.transactions == 3)
        sum.add(-sum)
        #expect(sum.amount == 0 && sum.transactions == 0)
    }
}
