import Foundation
import Gateway
import JWTKit

/// Access tokens as JWT, HS256, by jwt-kit.
///
/// One algorithm, one key, one issuer and audience: nothing in a token's own header is trusted to choose.
package struct JWTAccessTokens: AccessTokens {
    private struct Payload: JWTPayload {
        let iss: IssuerClaim
        let aud: AudienceClaim
        let sub: SubjectClaim
        let iat: IssuedAtClaim
        let exp: ExpirationClaim
        let organization_id: String
        let epoch: Int
        let sid: String
        let generation: Int

        // Expiry is checked against the injected clock, by `verify(_:at:)`.
        func verify(using algorithm: some JWTAlgorithm) async throws {}
    }

    private static let issuer = "mpesa-gateway"
    private let keys: JWTKeyCollection

    /// Makes tokens under a key of at least 32 random bytes.
    package init(key: Secret<[UInt8]>) async {
        keys = JWTKeyCollection()
        await keys.add(hmac: HMACKey(from: Data(key.reveal())), digestAlgorithm: .sha256)
    }

    package func sign(_ claims: AccessClaims) async throws(GatewayError) -> Secret<String> {
        let payload = Payload(
            iss: IssuerClaim(value: Self.issuer),
            aud: AudienceClaim(value: [Self.issuer]),
            sub: SubjectClaim(value: claims.user.description),
            iat: IssuedAtClaim(value: Self.date(claims.issuedAt)),
            exp: ExpirationClaim(value: Self.date(claims.expiresAt)),
            organization_id: claims.organization.description,
            epoch: claims.sessionEpoch,
            sid: claims.session.description,
            generation: claims.generation
        )
        do { return Secret(try await keys.sign(payload)) } catch {
            throw GatewayError.fault("a token could not be signed: \(error)")
        }
    }

    package func verify(_ token: String, at now: Timestamp) async throws(GatewayError) -> AccessClaims {
        let refusal = GatewayError(.unauthenticated, "The access token is not good. Log in again.")
        let payload: Payload
        do { payload = try await keys.verify(token, as: Payload.self) } catch { throw refusal }
        guard payload.iss.value == Self.issuer, payload.aud.value == [Self.issuer],
            now < Self.timestamp(payload.exp.value),
            let user = UserID(payload.sub.value), let organization = OrganizationID(payload.organization_id),
            let session = Identifier(payload.sid)
        else { throw refusal }
        return AccessClaims(
            user: user,
            organization: organization,
            sessionEpoch: payload.epoch,
            session: session,
            generation: payload.generation,
            issuedAt: Self.timestamp(payload.iat.value),
            expiresAt: Self.timestamp(payload.exp.value)
        )
    }

    private static func date(_ moment: Timestamp) -> Date {
        Date(timeIntervalSince1970: Double(moment.milliseconds / 1000))
    }

    private static func timestamp(_ date: Date) -> Timestamp {
        Timestamp(milliseconds: Int64(date.timeIntervalSince1970 * 1000))
    }
}
