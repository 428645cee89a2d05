import HTTPServer
import Testing

struct `Percent signs` {
    @Test(
        arguments: [
            ("a%20b", "a b"), ("%41%4a%4A", "AJJ"), ("%C3%BC", "ü"), ("%", "%"), ("%2", "%2"), ("%zz", "%zz"),
            // What Swift reads as a number is no two digits: a sign is none.
            ("%-0", "%-0"), ("%+f", "%+f"), ("100%", "100%"),
        ]
    )
    func `stand for a byte where two digits follow, and for themselves elsewhere`(written: String, read: String) {
        #expect(written.removingURLPercentEncoding() == read)
    }

    @Test func `that lead to no text lead to nothing`() {
        #expect("%FF".removingURLPercentEncoding() == nil)
    }
}
