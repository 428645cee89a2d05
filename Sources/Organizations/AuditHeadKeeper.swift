import Gateway
import Logging
import OrderedJSON

/// Hands the signed heads of every organization's audit outside, again and again: whoever changes the database later
/// cannot change what was signed before.
package struct AuditHeadKeeper: Sendable {
    /// How often, and how many at a time.
    package struct Settings: Sendable {
        /// How often.
        ///
        /// Default an hour.
        package var period: Duration = .seconds(3600)
        /// Of how many organizations at a time.
        ///
        /// Default 100.
        package var page = 100

        /// The defaults.
        package init() {}
    }

    /// Takes lines, each a document as `audit.heads` answers it; what it has taken stays.
    package typealias Append = @Sendable (_ lines: [UInt8]) async throws(GatewayError) -> Void

    private let directory: any DirectoryRepository
    private let reading: any AuditReading
    private let signer: AuditSigner
    private let entropy: Entropy
    private let logger: Logger
    private let settings: Settings
    private let append: Append

    /// Hands heads to whatever takes them.
    package init(
        _ ports: Assembly.Ports,
        reading: any AuditReading,
        signer: AuditSigner,
        settings: Settings = Settings(),
        append: @escaping Append
    ) {
        directory = ports.store.directory
        (entropy, logger) = (ports.entropy, ports.logger)
        (self.reading, self.signer, self.settings, self.append) = (reading, signer, settings, append)
    }

    /// Hands them over until it is cancelled; why it cannot is said once, until it can again.
    package func run() async {
        var told: String?
        await entropy.sleep.repeating(every: settings.period) {
            do throws(GatewayError) {
                try await hand()
                told = nil
            } catch {
                if told != error.message {
                    logger.error("the audit's heads are not handed outside", metadata: ["reason": "\(error.message)"])
                }
                told = error.message
            }
        }
    }

    /// Hands over every organization's as they are now.
    ///
    /// - Throws: As the store or whoever takes them does; what was handed over before stays.
    package func hand() async throws(GatewayError) {
        var after: String?
        while true {
            let page = try await directory.organizations(after: after, limit: settings.page)
            var lines: [UInt8] = []
            for organization in page {
                let heads = try await reading.heads(organization: organization.id)
                guard !heads.isEmpty else { continue }
                lines += try signer.document(of: heads, organization.id, at: entropy.now()).bytes
                lines.append(UInt8(ascii: "\n"))
            }
            if !lines.isEmpty { try await append(lines) }
            guard page.count == settings.page, let last = page.last else { return }
            after = last.slug
        }
    }
}
