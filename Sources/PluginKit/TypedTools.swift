import OrderedJSON
import PluginAPI

/// The Swift types behind a tool's schemas.
///
/// A test compares them: `PluginKitTesting`.
public struct ToolTypes: Sendable {
    /// What the arguments are read as.
    public let arguments: any (Decodable & SendableMetatype).Type
    /// What is written as output; readable too, so that a test can make one.
    public let output: any (Codable & SendableMetatype).Type
}

extension FunctionTool {
    /// Makes a tool over Swift types: arguments are read, and output is written, by `Codable`.
    ///
    ///     struct Name: Decodable { var name: String }
    ///     struct Greeting: Codable { var greeting: String }
    ///
    ///     FunctionTool(greet) { (arguments: Name, _) in Greeting(greeting: "Karibu, \(arguments.name)!") }
    ///
    /// Arguments that the type cannot hold are answered `INVALID_ARGUMENT`, naming field and expectation. Either type
    /// may be `JSON`. It costs some microseconds more than the direct way: docs/benchmarks.md.
    public init<Arguments: Decodable & SendableMetatype, Output: Codable & SendableMetatype>(
        _ descriptor: JSONObject,
        call: @escaping @Sendable (Arguments, FunctionContext) async throws(FunctionFailure) -> Output
    ) {
        self.init(descriptor, types: ToolTypes(arguments: Arguments.self, output: Output.self)) {
            (json, context) async throws(FunctionFailure) -> JSON in
            let arguments: Arguments
            do throws(CodingFailure) { arguments = try json.decoded() } catch {
                throw FunctionFailure(
                    status: GATEWAY_INVALID_ARGUMENT,
                    field: error.pointer.description,
                    error.description
                )
            }
            let output = try await call(arguments, context)
            do throws(CodingFailure) { return try JSON(encoding: output) } catch {
                throw FunctionFailure(status: GATEWAY_INTERNAL, "The output cannot be written: \(error)")
            }
        }
    }
}

extension OperationTool {
    /// Makes a tool over Swift types: arguments are read, and what is shown is written, by `Codable`.
    ///
    ///     OperationTool(request, prepare: { (arguments: Payment, input) in … }, render: { Shown($0) })
    ///
    /// Arguments that the type cannot hold are refused as `invalid_argument`, with the field. Either type may be `JSON`.
    public init<Arguments: Decodable & SendableMetatype, Output: Codable & SendableMetatype>(
        _ descriptor: JSONObject,
        prepare: @escaping @Sendable (Arguments, PrepareInput) throws(Refusal) -> OperationPlan,
        render: @escaping @Sendable (Record) -> Output
    ) {
        self.init(
            descriptor,
            types: ToolTypes(arguments: Arguments.self, output: Output.self),
            prepare: { input throws(Refusal) in
                let arguments: Arguments
                do throws(CodingFailure) { arguments = try input.arguments.json.decoded() } catch {
                    throw Refusal("invalid_argument", field: error.pointer.description, error.description)
                }
                return try prepare(arguments, input)
            },
            render: { record in
                // Text is no output that a schema allows: the call fails by rule P2, and says why.
                do throws(CodingFailure) { return try JSON(encoding: render(record)) } catch {
                    return .string(error.description)
                }
            }
        )
    }
}
