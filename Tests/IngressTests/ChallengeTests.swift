import Gateway
import HTTPServer
import OrderedJSON
import Testing

@testable import Ingress

struct `A challenge` {
    private static let refused = GatewayError(.unauthenticated, "No.")

    @Test func `says of a credential that was shown what is wrong with it, of a missing one nothing`() {
        let shown = ErrorResponse.challenge(Self.refused, shown: .token(Secret("x")))

        #expect(shown == "Bearer realm=\"mpesa-gateway\", error=\"invalid_token\"")
        #expect(ErrorResponse.challenge(Self.refused, shown: Credential.none) == "Bearer realm=\"mpesa-gateway\"")
        #expect(ErrorResponse.challenge(Self.refused, shown: nil) == "Bearer realm=\"mpesa-gateway\"")
        #expect(ErrorResponse.challenge(GatewayError(.rateLimited, "Wait."), shown: nil) == nil)
    }
}

struct `What a connection itself refuses` {
    @Test func `is told as a problem document, with a cause that clients know`() throws {
        for (refusal, code) in [
            (HTTPRefusal(.requestTimeout, "Late."), "deadline_exceeded"),
            (HTTPRefusal(.requestHeaderFieldsTooLarge, "Large."), "malformed_request"),
        ] {
            let response = ErrorResponse.make(refusal)

            let problem = try JSON(parsing: response.body)
            #expect(response.status == refusal.status && problem["code"] == .string(code))
            #expect(problem["status"] == .integer(Int64(refusal.status.code)))
            #expect(problem["detail"] == .string(refusal.message))
        }
    }
}
