import Gateway
import Testing

struct `A moment` {
    @Test func `beyond all others is the last there is, and counts as such`() {
        let (last, first) = (Timestamp(milliseconds: .max), Timestamp(milliseconds: .min))

        #expect(last + .seconds(86_400) == last && first + .seconds(-86_400) == first)
        #expect(last + .seconds(-1) < last && first + .seconds(1) > first)
        #expect(last - first == .milliseconds(Int64.max) && first - last == .milliseconds(Int64.min))
        #expect(Duration.seconds(Int64.max).wholeMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeMilliseconds == .min)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"), (-86_400_000, "1969-12-31T00:00:00.000Z"),
        (Timestamp.latest, "9999-12-31T23:59:59.999Z"), (Int64.max, "292278994-08-17T07:12:55.807Z"),
    ])
    func `is told in UTC`(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }

    @Test func `before all others is told too`() {
        #expect(!Timestamp(milliseconds: .min).description.isEmpty)
    }
}
