import Cryptography
import Foundation
import Gateway
import HTTPServer
import Ingress
import Logging
import Organizations
import PluginHost

/// Every setting of the host, with its default; `Settings.list` says by which variable each is set.
struct Settings: Sendable {
    /// Who may connect, how often and how slowly.
    var door = DoorSettings()
    /// `GATEWAY_HTTP_HOST`.
    var host = "127.0.0.1"
    /// `GATEWAY_HTTP_PORT`.
    var port = 8080
    /// `GATEWAY_MANAGEMENT_HOST`.
    var managementHost = "127.0.0.1"
    /// `GATEWAY_MANAGEMENT_PORT`.
    var managementPort = 8081
    /// `GATEWAY_DATABASE_URL`; default `sqlite:` in the data folder.
    var databaseURL: String?
    /// `GATEWAY_PLUGINS`.
    var pluginsFile = "plugins.json"
    /// `GATEWAY_PLUGIN_FOLDER`: where `source` in plugins.json is looked for; default beside the executable.
    var pluginFolder: String?
    /// `GATEWAY_MODE`.
    var mode = Mode.hybrid
    /// `GATEWAY_PUBLIC_URL`; default made of host and port.
    var publicURL: String?
    /// `GATEWAY_MASTER_KEY_FILE`: 64 hexadecimal digits.
    ///
    /// Secret.
    var masterKeyFile: String?
    /// `GATEWAY_DARAJA_URL`: replaces Safaricom's addresses, for the simulator.
    var darajaURL: String?
    /// `GATEWAY_DARAJA_CA_FILE`: the authorities (PEM) that may vouch for M-Pesa's addresses, instead of the system's.
    var darajaAuthoritiesFile: String?
    /// `GATEWAY_OPERATOR_TOKEN_FILE`: what `mpesa-gateway plugin …` must show; without it nothing can be installed.
    ///
    /// Secret.
    var operatorTokenFile: String?
    /// `GATEWAY_PLUGIN_KEYS_FILE`: public keys, PEM; where it is set every plugin must be signed by one of them.
    var pluginKeysFile: String?
    /// `GATEWAY_CERTIFICATE_TEST_FILE` and `GATEWAY_CERTIFICATE_LIVE_FILE`: Safaricom's certificates, PEM.
    ///
    /// Operators' passwords are encrypted for them; without one its environment can neither pay out nor ask.
    var certificateFiles: [Gateway.Environment: String] = [:]
    /// `GATEWAY_REGISTRATION` (closed, approval or open), `GATEWAY_REGISTRATION_PLAN`, `GATEWAY_TRIAL_DAYS`: whether
    /// strangers may register organizations, on which plan, and how long they may try it.
    var registration = Reception.Settings()
    /// `GATEWAY_MAIL_…`: how people are written to.
    var mail = MailSettings()
    /// `GATEWAY_LOG_LEVEL`.
    var logLevel = Logger.Level.info
    /// `GATEWAY_DATA_FOLDER`: database, private copies of plugins, lock.
    var dataFolder = "data"
    /// `GATEWAY_AUDIT_HEADS_FILE`: where signed heads of the audit are handed; nil for nowhere.
    var auditHeadsFile: String?
    /// `GATEWAY_AUDIT_HEADS_MINUTES`.
    var auditHeads = AuditHeadKeeper.Settings()
    /// `GATEWAY_REQUESTS_MAX`, `GATEWAY_REQUESTS_PER_ACCOUNT_MAX`, `GATEWAY_REQUEST_WAIT_MS`, `GATEWAY_QUESTIONS_MAX`,
    /// `GATEWAY_QUESTIONS_PER_ACCOUNT_MAX`: what may be on its way to M-Pesa.
    var bounds = Assembly.Settings()
    /// `GATEWAY_CACHED_ORGANIZATIONS`: how many organizations' plans, keys and secrets stay in memory.
    var configuration = ConfigurationWatch.Settings()
    /// `GATEWAY_ALLOW_FAILPOINTS`.
    var allowsFailpoints = false
    /// Whether a plugin without a configured hash is loaded; `dev` alone sets it.
    var allowsUnsignedPlugins = false
    /// `GATEWAY_FAILPOINT`: `name` or `name@n`; the process ends hard when it is reached the n-th time.
    ///
    /// `dev` and `serve` read it only together with `GATEWAY_ALLOW_FAILPOINTS=1`.
    var failpoint: ChosenFailpoint?

    /// What bounds Gateway's parts.
    var gateway: Assembly.Settings {
        var all = bounds
        all.publicURL = effectivePublicURL
        return all
    }
    /// The address that callbacks name.
    var effectivePublicURL: String { publicURL ?? "http://\(Settings.inURL(host)):\(port)" }
    /// The address of the management listener.
    var managementURL: String { "http://\(Settings.inURL(managementHost)):\(managementPort)" }
    /// A host as addresses name it: one of version 6 in brackets.
    static func inURL(_ host: String) -> String { host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host }
    /// Where the data is.
    var effectiveDatabaseURL: String { databaseURL ?? "sqlite:" + dataFolder + "/gateway.db" }

    /// The operator's token; nil where none is configured.
    ///
    /// - Throws: `notConfigured` when the file cannot be read, or holds less than 32 characters.
    func operatorToken() throws(GatewayError) -> Secret<[UInt8]>? {
        guard let file = operatorTokenFile else { return nil }
        return try OperatorToken.read(file)
    }

    /// Whose plugins are run.
    ///
    /// - Throws: `notConfigured` when the file of keys cannot be read, or holds anything but Ed25519 public keys.
    func pluginTrust() throws(GatewayError) -> TrustPolicy {
        guard let file = pluginKeysFile else { return TrustPolicy(allowsUnsigned: allowsUnsignedPlugins) }
        let pem = try NamedFile.read(file, as: "GATEWAY_PLUGIN_KEYS_FILE: the file")
        guard let keys = VerifyingKey.all(pem: pem) else {
            throw GatewayError(
                .notConfigured,
                "The plugin keys file \(file) must hold Ed25519 public keys as PEM, as plugin keygen writes them."
            )
        }
        return TrustPolicy(allowsUnsigned: allowsUnsignedPlugins, keys: keys)
    }

    /// Safaricom's public keys.
    ///
    /// - Throws: `notConfigured` when a file cannot be read, or holds neither a certificate nor a public key.
    func certificates() throws(GatewayError) -> [Gateway.Environment: RSAPublicKey] {
        var keys: [Gateway.Environment: RSAPublicKey] = [:]
        for (environment, file) in certificateFiles {
            let pem = try NamedFile.read(
                file,
                as: "GATEWAY_CERTIFICATE_\(environment.rawValue.uppercased())_FILE: the file"
            )
            guard let key = RSAPublicKey(pem: pem) else {
                throw GatewayError(
                    .notConfigured,
                    "The certificate file \(file) must hold Safaricom's certificate as PEM; the Daraja portal offers it."
                )
            }
            keys[environment] = key
        }
        return keys
    }

    /// The file of authorities for M-Pesa's addresses; nil where the system's are trusted.
    ///
    /// - Throws: `notConfigured` when it cannot be read or holds no certificate: nothing could be sent then, and each
    ///   payment would find that out anew.
    func darajaAuthorities() throws(GatewayError) -> String? {
        guard let file = darajaAuthoritiesFile else { return nil }
        let pem = try NamedFile.read(file, as: "GATEWAY_DARAJA_CA_FILE: the file")
        guard Certificates.count(pem: pem) > 0 else {
            throw GatewayError(
                .notConfigured,
                "GATEWAY_DARAJA_CA_FILE: \(file) must hold certificates of authorities as PEM. Without it the system's are trusted."
            )
        }
        return file
    }
}
