import ArgumentParser
import Gateway
import OrderedJSON

/// What every call of a tool or an action takes beside its arguments, and how its answer is shown or saved.
struct CallOptions: ParsableArguments {
    @Option(help: "The key that makes repeats of a payment, or of another change, one.") var idempotencyKey: String?
    @Option(help: "test or live, for a person's token; a key has its own.") var environment: String?
    @Option(help: "Where a file is saved; standard output unless said.") var output: String?
    @Option(help: "A file that is sent, such as payroll.xlsx; arguments then say what becomes of it.") var file: String?
    @Flag(help: "Print JSON.") var json = false

    /// Sends the request of an operation, and shows what it answers.
    func carryOut(
        _ operation: Operation,
        _ arguments: [(name: String, value: JSON)],
        by client: GatewayClient,
        _ more: [(String, String)] = []
    ) async throws(GatewayError) {
        var headers = more
        if let idempotencyKey { headers.append(("Idempotency-Key", idempotencyKey)) }
        if let environment { headers.append(("Gateway-Environment", environment)) }
        var request = try operation.request(arguments, withFile: file != nil)
        request.file = try file.map { path throws(GatewayError) in try SentFile(path, to: operation).content }
        guard operation.answersFile else {
            guard output == nil else {
                throw GatewayError(.invalidArgument, "\(operation.name) answers no file that could be saved.")
            }
            return AnswerText.print(try await client.send(request, headers), asJSON: json)
        }
        let file = try SavedFile(output)
        do throws(GatewayError) { try await client.save(request, headers, as: file) } catch {
            file.giveUp()
            throw error
        }
        try file.finish()
    }
}
