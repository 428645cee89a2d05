import Cryptography
import OrderedJSON

/// What a token of an issuer says of itself (RFC 7519, RFC 9068): read whole, and nothing of it believed yet.
///
/// Read before any cryptography, and refused where it is not in the one usual form: three parts, a header that asks for
/// nothing out of the ordinary, an algorithm of the list.
struct IssuedToken: Sendable {
    let algorithm: SigningAlgorithm
    /// Which of the issuer's keys signed it.
    let keyID: String?
    let issuer: String
    let audiences: [String]
    let subject: String
    let expiresAt: Timestamp
    let notBefore: Timestamp?
    let issuedAt: Timestamp?
    /// What whoever issued it let it do; none where it does not say.
    let scopes: Set<String>
    /// All that it says.
    private let claims: JSON
    /// What is signed.
    let signed: [UInt8]
    let signature: [UInt8]

    /// How long one may be, in bytes.
    static let bytesMax = 8192
    /// How far its clock may be from this one.
    static let skew = Duration.seconds(60)
    /// How long one may be good for: what lasts longer is no access token.
    static let lifeMax = Duration.seconds(86_400)
    private static let headerBytesMax = 1024
    private static let keyIDBytesMax = 256
    private static let scopesMax = 100
    private static let audiencesMax = 10
    /// What a header may say that is of no account here, or is read.
    private static let types: Set<String> = ["jwt", "at+jwt", "application/at+jwt"]
    /// What would be read otherwise than here.
    private static let refusedFields = ["crit", "b64", "zip", "enc", "cty"]

    /// Reads one; nil for whatever is none.
    init?(_ text: String) {
        guard text.utf8.count <= IssuedToken.bytesMax else { return nil }
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].utf8.count <= IssuedToken.headerBytesMax,
            let header = IssuedToken.object(parts[0]), let claims = IssuedToken.object(parts[1]),
            let signature = Base64.decodeURL(parts[2]), !signature.isEmpty,
            let name = header["alg"]?.stringValue, let algorithm = SigningAlgorithm(named: name),
            IssuedToken.refusedFields.allSatisfy({ header[$0] == nil })
        else { return nil }
        if let type = header["typ"] {
            guard let type = type.stringValue, IssuedToken.types.contains(type.lowercased()) else { return nil }
        }
        if let id = header["kid"] {
            guard let id = id.stringValue, (1...IssuedToken.keyIDBytesMax).contains(id.utf8.count) else { return nil }
            keyID = id
        } else {
            keyID = nil
        }
        guard let issuer = claims["iss"]?.stringValue, issuer.utf8.count <= TokenIssuer.urlBytesMax,
            let subject = claims["sub"]?.stringValue, IssuedToken.isSubject(subject),
            let audiences = IssuedToken.texts(claims["aud"]), audiences.count <= IssuedToken.audiencesMax,
            let expiresAt = IssuedToken.moment(claims["exp"]),
            let scopes = IssuedToken.scopes(claims), scopes.count <= IssuedToken.scopesMax
        else { return nil }
        for claim in ["nbf", "iat"] where claims[claim] != nil {
            guard IssuedToken.moment(claims[claim]) != nil else { return nil }
        }
        notBefore = IssuedToken.moment(claims["nbf"])
        issuedAt = IssuedToken.moment(claims["iat"])
        self.algorithm = algorithm
        self.issuer = issuer
        self.audiences = audiences
        self.subject = subject
        self.expiresAt = expiresAt
        self.scopes = scopes
        self.signature = signature
        self.claims = claims
        signed = Array((parts[0] + "." + parts[1]).utf8)
    }

    /// Who an issuer says by it that somebody is; nil where that is none of the organization's people.
    func subject(by issuer: TokenIssuer, in organization: OrganizationID) -> String? {
        guard let shared = issuer.shared else { return subject }
        if let claim = shared.tenantClaim {
            guard let tenant = text(claim), shared.tenants[tenant] == organization else { return nil }
        }
        return text(shared.subjectClaim)
    }

    /// What it says in a claim, where that could be a subject.
    private func text(_ claim: String) -> String? {
        claims[claim]?.stringValue.flatMap { IssuedToken.isSubject($0) ? $0 : nil }
    }

    /// Whether it is good at a moment, as far as its times go.
    func isInTime(at now: Timestamp) -> Bool {
        guard now < expiresAt + IssuedToken.skew, expiresAt < now + IssuedToken.lifeMax + IssuedToken.skew else {
            return false
        }
        let latest = now + IssuedToken.skew
        return [notBefore, issuedAt].allSatisfy { $0.map { $0 <= latest } ?? true }
    }

    // MARK: Reading

    /// A name twice is refused: two readers of it could disagree.
    private static func object(_ part: Substring) -> JSON? {
        guard let bytes = Base64.decodeURL(part),
            let json = try? JSON(parsing: bytes, limits: JSONLimits(bytesMax: bytesMax, depthMax: 16)),
            json.objectValue != nil
        else { return nil }
        return json
    }

    /// Whole seconds since 1970, within what a clock may show.
    private static func moment(_ value: JSON?) -> Timestamp? {
        guard let seconds = value?.doubleValue, (0...4_102_444_800).contains(seconds) else { return nil }
        return Timestamp(milliseconds: Int64(seconds) * 1000)
    }

    private static func texts(_ value: JSON?) -> [String]? {
        if let text = value?.stringValue { return [text] }
        guard let all = value?.arrayValue else { return nil }
        let texts = all.compactMap(\.stringValue)
        return texts.count == all.count ? texts : nil
    }

    /// `scope`, words between spaces, or as some issuers have it, `scp`.
    private static func scopes(_ claims: JSON) -> Set<String>? {
        guard let value = claims["scope"] ?? claims["scp"] else { return [] }
        guard let texts = texts(value) else { return nil }
        return Set(texts.flatMap { $0.split(separator: " ").map(String.init) })
    }

    private static func isSubject(_ text: String) -> Bool { TokenIssuer.isSubject(text) }
}
