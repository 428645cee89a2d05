import Gateway
import HTTPServer
import NIOHTTP1

/// The master key over the management listener, for whoever has the operator's token.
///
///     GET  /master-key
///     POST /master-key/rotate
struct MasterKeyRoutes: Sendable {
    let keys: any MasterKeyAdministration
    let entropy: Entropy

    /// Answers `/master-key…`.
    func respond(to request: Request) async -> Response {
        let call = CallID(entropy.identifier())
        do throws(GatewayError) {
            guard request.method == .POST else { return .json(try await keys.show().bytes, call: call) }
            let caller = LogIns.Caller(call: call, address: request.address)
            return .json(try await keys.rotate(by: caller).bytes, call: call)
        } catch {
            return ErrorResponse.make(error, call: call)
        }
    }
}
