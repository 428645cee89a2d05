import Gateway
import Testing

@testable import Egress

struct `A question that moves nothing` {
    private func state(_ status: Int, _ body: String) -> ProductFinding.State {
        DarajaUpstream.finding(.answered(status: status, body: Array(body.utf8))).state
    }

    private func error(_ code: String, _ message: String) -> String {
        #"{"requestId":"1","errorCode":"\#(code)","errorMessage":"\#(message)"}"#
    }

    @Test func `tells an app without the product from one that has it`() {
        #expect(state(404, error("404.001.03", "Invalid Access Token")) == .notEnabled)
        #expect(state(401, #"{"fault":{"detail":{"errorcode":"oauth.v2.InvalidAccessToken"}}}"#) == .notEnabled)
        for (status, body) in [
            (500, error("500.001.1001", "The transaction is being processed")),
            (400, error("400.002.02", "Bad Request - Invalid CheckoutRequestID")),
            (200, #"{"ResponseCode":"0","ResultCode":"1032","ResultDesc":"Cancelled"}"#),
        ] { #expect(state(status, body) == .enabled, "\(body)") }
    }

    @Test func `names the credential that M-Pesa refuses`() {
        let finding = { (code: String, message: String) in
            DarajaUpstream.finding(.answered(status: 500, body: Array(error(code, message).utf8)))
        }

        #expect(finding("500.001.1001", "Wrong credentials").field == "lipa_na_mpesa_passkey")
        #expect(finding("500.001.1001", "Merchant does not exist").field == "business_short_code")
        #expect(finding("400.002.02", "Bad Request - Invalid BusinessShortCode").state == .refused)
    }

    @Test func `says that it learned nothing where M-Pesa says nothing`() {
        for (status, body) in [
            (500, error("500.003.02", "System is busy. Please try again in few minutes.")),
            (500, error("500.003.02", "Error Occurred: Spike Arrest Violation")), (503, "<html>"), (200, "{}"),
            (403, ""),
        ] { #expect(state(status, body) == .unknown, "\(body)") }
        #expect(DarajaUpstream.finding(.unknown("cut")).state == .unknown)
        #expect(DarajaUpstream.finding(.notSent("away")).state == .unknown)
    }

    @Test func `carries the time of East Africa`() {
        #expect(EastAfricaStamp.text(of: Timestamp(milliseconds: 1_455_629_167_000)) == "20160216162607")
    }
}
