import Testing

@testable import Ingress

struct `Events of a call` {
    @Test(.timeLimit(.minutes(15)), arguments: [true, false])
    func `end with whoever hears them, unless the call is kept`(isKept: Bool) async throws {
        let (endings, ended) = AsyncStream.makeStream(of: Bool.self)
        let (gate, opened) = AsyncStream.makeStream(of: Void.self)
        let stream = EventStream<Int, String>(givenUp: "given up", isKept: isKept) { tell in
            tell(1)
            // Ends when it is opened, or with this task.
            for await _ in gate {}
            ended.yield(Task.isCancelled)
            return "done"
        }
        let hearing = Task {
            guard case .pieces(let pieces) = await stream.first() else { return 0 }
            var count = 0
            for await _ in pieces { count += 1 }
            return count
        }
        hearing.cancel()
        _ = await hearing.value
        if isKept { opened.finish() }

        var wasCancelled: Bool?
        for await ending in endings {
            wasCancelled = ending
            break
        }
        #expect(wasCancelled != isKept)
    }
}
