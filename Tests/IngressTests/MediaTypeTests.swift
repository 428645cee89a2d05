import Testing

@testable import Ingress

struct `A media type` {
    @Test(arguments: [
        ("application/json", true), ("Application/JSON; charset=UTF-8", true),
        ("application/json;charset=\"utf-8\"", true),
        ("application/json; x=y", true), ("application/json; charset=utf-16", false),
        ("application/json;charset=", false), ("text/plain", false), ("application/jsonp", false), ("", false),
    ])
    func `of a body is JSON in UTF-8 or refused`(type: String, isTaken: Bool) {
        #expect(MediaTypes.isJSON(type) == isTaken)
    }

    @Test(arguments: [
        (["application/json"], true), (["*/*"], true), (["application/*;q=0.1"], true),
        (["text/event-stream", "application/json"], true), (["application/json;q=0, text/event-stream"], false),
        (["application/json; q=0.000", "*/*"], false), (["*/*;q=0, application/json"], true),
        (["application/*;q=0, */*"], false), (["text/html"], false), ([], false),
    ])
    func `is taken by what is said of it most exactly`(fields: [String], isTaken: Bool) {
        #expect(MediaTypes.isAccepted(MediaTypes.json, by: fields) == isTaken)
    }

    @Test(arguments: [
        (["text/event-stream"], true), (["*/*"], false), (["text/*"], false),
        (["application/json, text/event-stream;q=0"], false), (["application/json, Text/Event-Stream; q=0.5"], true),
    ])
    func `of events must be named`(fields: [String], isTaken: Bool) {
        #expect(MediaTypes.isAccepted(MediaTypes.events, by: fields, byName: true) == isTaken)
    }
}
