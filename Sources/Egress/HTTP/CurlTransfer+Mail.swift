import CCurl
import Gateway

/// Who a letter is from and to, as the mail server is told.
///
/// Both are `MailAddress`es as text: nothing in them ends a command.
struct MailEnvelope: Sendable {
    let sender: String
    let recipient: String
    /// Whether the connection becomes TLS before anything else is said; where the server cannot, nothing is.
    let startsTLS: Bool
    let user: String?
    let password: Secret<String>?
}

extension CurlTransfer {
    /// Sets up what a letter needs in the place of what a request of the web does.
    ///
    /// The slist must live as long as the handle is used.
    func prepare(_ envelope: MailEnvelope, on easy: UnsafeMutableRawPointer) -> UnsafeMutablePointer<curl_slist>? {
        _ = gateway_set_text(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        _ = gateway_set_long(
            easy,
            CURLOPT_USE_SSL,
            Int((envelope.startsTLS ? CURLUSESSL_ALL : CURLUSESSL_NONE).rawValue)
        )
        if let user = envelope.user { _ = gateway_set_text(easy, CURLOPT_USERNAME, user) }
        if let password = envelope.password { _ = gateway_set_text(easy, CURLOPT_PASSWORD, password.reveal()) }
        _ = gateway_set_text(easy, CURLOPT_MAIL_FROM, "<" + envelope.sender + ">")
        let recipients = curl_slist_append(nil, "<" + envelope.recipient + ">")
        _ = gateway_set_recipients(easy, recipients)
        _ = gateway_set_long(easy, CURLOPT_UPLOAD, 1)
        _ = gateway_set_reader(easy, CurlTransfer.read, Unmanaged.passUnretained(self).toOpaque())
        return recipients
    }

    private static let read: gateway_write_callback = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        let piece = transfer.request.body[transfer.written...].prefix(size * count)
        UnsafeMutableRawBufferPointer(start: bytes, count: size * count).copyBytes(from: piece)
        transfer.written += piece.count
        return piece.count
    }
}
