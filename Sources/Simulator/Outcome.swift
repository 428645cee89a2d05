/// What happens to a push, a payout or a reversal.
///
/// Chosen by the control API, else by a magic phone, else by a magic amount, else it is paid.
///
/// Phones `2547000000NN` choose the outcome whose number is NN below; amounts 1019, 1032, 1037, 2001, 2028 and 8006
/// end with that result code, amount 1111 with code 1 (insufficient funds).
package enum Outcome: String, Sendable, CaseIterable {
    /// 00: the customer pays; callback after the prompt's delay.
    case paid
    /// 01: the customer declines (1032).
    case cancelled
    /// 02: wrong PIN (2001).
    case wrongPIN = "wrong_pin"
    /// 03: no answer (1037).
    case timeout
    /// 04: insufficient funds (1).
    case insufficientFunds = "insufficient_funds"
    /// 05: paid, but no callback comes; a query tells.
    case noCallback = "no_callback"
    /// 06: paid; the callback comes three times.
    case duplicateCallbacks = "duplicate_callbacks"
    /// 07: paid; the callback comes before the push is answered.
    case earlyCallback = "early_callback"
    /// 08: paid; the callback comes ten times as late.
    case lateCallback = "late_callback"
    /// 09: paid; the callback names another amount.
    case alteredAmount = "altered_amount"
    /// 10: paid; the callback names another CheckoutRequestID.
    case alteredID = "altered_id"
    /// 11: taken and paid, but the connection closes without an answer; the callback comes.
    case replyLost = "reply_lost"
    /// 12: taken and paid, the connection closes, and no callback comes either.
    case silence
    /// 13: read, then closed; not processed.
    case closed
    /// 14: paid, answered after five seconds.
    case slowReply = "slow_reply"
    /// 15: a bare HTTP 500; not processed, though nobody can tell.
    case http500 = "http_500"
    /// 16: 500.003.02 "System is busy".
    case busy
    /// 17: 500.003.02 "Spike Arrest Violation".
    case spikeArrest = "spike_arrest"
    /// 18: 500.001.1001 "Unable to lock subscriber".
    case lock
    /// 19: HTTP 503 with an HTML body; taken and paid.
    case http503 = "http_503"
    /// 20: taken and paid, answered with bytes that are no JSON.
    case garbage
    /// 21: taken and paid, answered without ids.
    case noIDs = "no_ids"
    /// 22: refused with a ResponseCode that is not 0.
    case refused
    /// 23: the token is refused once (404.001.03), then paid.
    case tokenExpired = "token_expired"
    /// 24: paid, but a query says failed (seen on the sandbox); the callback comes late.
    case queryLies = "query_lies"
    /// 25: the prompt stays open until it is settled through the control API.
    case open
    /// 26: expired (1019).
    case expired
    /// 27: the product does not allow it (2028).
    case productMismatch = "product_mismatch"
    /// 28: the PIN is locked (8006).
    case pinLocked = "pin_locked"
    /// 29: HTTP 429 and the API gateway's own fault; not processed.
    case tooManyRequests = "too_many_requests"
    /// 30: HTTP 403 and the firewall's page; not processed.
    case blockPage = "block_page"
    /// 31: HTTP 200 and a portal's page; not processed.
    case portalPage = "portal_page"
    /// 32: HTTP 500 and the API gateway's fault for too many requests; not processed.
    case spikeFault = "spike_fault"
    /// 33: paid; the callback masks the phone.
    case maskedPhone = "masked_phone"
    /// 34: paid; the callback names half a shilling more.
    case fractionalAmount = "fractional_amount"
    /// 35: paid; the amount is a text, and the phone is written as people write it.
    case textValues = "text_values"
    /// 36: paid; the callback is no strict JSON: a byte order mark, a raw tab, Latin-1, a NUL at its end.
    case oddBytes = "odd_bytes"
    /// 37: ends with a code that no table has.
    case undocumentedCode = "undocumented_code"
    /// 38: a payout's reply names an OriginatorConversationID of Daraja's own; paid.
    case otherOriginator = "other_originator"
    /// 39: refused with "Wrong credentials".
    case wrongCredentials = "wrong_credentials"
    /// 40: the operator may not: a payout or a reversal ends with 21.
    case forbidden
    /// 41: a reversal ends with R000001, because somebody has reversed all that was left in M-Pesa's portal.
    case alreadyReversed = "already_reversed"
    /// 42: paid; the callback writes all of it in the other ways that M-Pesa has: codes and times as texts or numbers,
    /// amounts with an exponent, a list where one thing stood, names that no table has, in another order.
    case otherForms = "other_forms"
    /// 43: paid; the callback has a digest in the phone's place.
    case hashedPhone = "hashed_phone"
    /// 44: paid; the callback states its receipt alone, and not as a list.
    case loneReceipt = "lone_receipt"
    /// 45: paid; the callback states nothing of the payment but that it succeeded.
    case bareSuccess = "bare_success"
    /// 46: a push ends with 1037 and is paid all the same, as a second callback says, ten times as late; a payout is paid.
    case lateSuccess = "late_success"
    /// 47: paid; a push's callback does not say when, and a second one, ten times as late, does.
    case statedLater = "stated_later"

    /// The result code that the customer's side ends with.
    var resultCode: Int {
        switch self {
        case .cancelled: 1032
        case .wrongPIN: 2001
        case .timeout, .lateSuccess: 1037
        case .insufficientFunds: 1
        case .expired: 1019
        case .productMismatch: 2028
        case .pinLocked: 8006
        case .undocumentedCode: 4321
        default: 0
        }
    }

    /// The result code of a payout; nil where it waits in M-Pesa's queue until that times out.
    ///
    /// What a customer does at a prompt has another meaning here: nobody is asked.
    var payoutCode: String? {
        switch self {
        case .cancelled: "2040"
        case .wrongPIN: "2001"
        case .timeout: nil
        case .insufficientFunds: "1"
        case .expired: "4"
        case .productMismatch: "2028"
        case .pinLocked: "8006"
        case .forbidden: "21"
        case .undocumentedCode: "TX_4321"
        default: "0"
        }
    }

    /// How often the callback is sent.
    var callbacks: Int {
        switch self {
        case .noCallback, .silence, .open: 0
        case .duplicateCallbacks: 3
        default: 1
        }
    }

    static func chosen(phone: String, amount: Int64) -> Outcome {
        if phone.hasPrefix("2547000000"), let number = Int(phone.suffix(2)), number < allCases.count {
            return allCases[number]
        }
        switch amount {
        case 1032: return .cancelled
        case 2001: return .wrongPIN
        case 1037: return .timeout
        case 1019: return .expired
        case 1111: return .insufficientFunds
        case 2028: return .productMismatch
        case 8006: return .pinLocked
        default: return .paid
        }
    }
}
