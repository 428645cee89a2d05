import Gateway
import HTTPServer
import Ingress

/// What the listeners allow those who connect, with its defaults.
struct DoorSettings: Sendable {
    /// `GATEWAY_CONNECTIONS_MAX`, `GATEWAY_CONNECTIONS_PER_ADDRESS_MAX`, `GATEWAY_RESERVED_FILES`.
    var files = OpenFiles.Wishes()
    /// `GATEWAY_TRUSTED_PROXIES`: addresses and blocks whose `X-Forwarded-For` says who calls.
    var proxies = TrustedProxies.none
    /// `GATEWAY_MANAGEMENT_NAMES`: more names that the management listener answers to.
    var managementNames: [String] = []
    /// `GATEWAY_REQUEST_DEADLINE_S`: from a request's first byte to its last.
    var requestDeadline = HTTPLimits().requestDeadline
    /// `GATEWAY_HEADER_DEADLINE_S`: from a request's first byte until its header is whole.
    var headerDeadline = HTTPLimits().headerDeadline

    /// Reads the environment over the defaults.
    ///
    /// - Throws: `invalidArgument` naming the variable and what was expected.
    mutating func read(_ environment: [String: String]) throws(GatewayError) {
        func text(_ name: String) -> String? { environment["GATEWAY_" + name].flatMap { $0.isEmpty ? nil : $0 } }
        func wrong(_ name: String, _ expected: String) -> GatewayError {
            GatewayError(.invalidArgument, "GATEWAY_\(name): expected \(expected).")
        }
        func number(_ name: String, _ range: ClosedRange<Int>) throws(GatewayError) -> Int? {
            guard let value = text(name) else { return nil }
            guard let number = Int(value), range.contains(number) else {
                throw wrong(name, "a whole number, \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        files.connections = try number("CONNECTIONS_MAX", 1...1_000_000) ?? files.connections
        files.connectionsPerAddress =
            try number("CONNECTIONS_PER_ADDRESS_MAX", 1...1_000_000) ?? files.connectionsPerAddress
        files.reserved = try number("RESERVED_FILES", 64...1_000_000) ?? files.reserved
        if let seconds = try number("REQUEST_DEADLINE_S", 1...3600) { requestDeadline = .seconds(seconds) }
        if let seconds = try number("HEADER_DEADLINE_S", 1...3600) { headerDeadline = .seconds(seconds) }
        if let value = text("TRUSTED_PROXIES") {
            guard let proxies = TrustedProxies(value) else {
                throw wrong("TRUSTED_PROXIES", "addresses or blocks between commas, such as 127.0.0.1,10.0.0.0/8")
            }
            self.proxies = proxies
        }
        if let value = text("MANAGEMENT_NAMES") {
            managementNames = value.split(separator: ",").map { $0.filter { $0 != " " } }
        }
    }

    /// What bounds the main listener.
    func limits(_ files: OpenFiles) -> HTTPLimits {
        var limits = HTTPLimits()
        limits.connectionsMax = files.connections
        limits.connectionsPerAddressMax = files.connectionsPerAddress
        limits.requestDeadline = requestDeadline
        limits.headerDeadline = headerDeadline
        return limits
    }

    /// What bounds the management listener.
    ///
    /// A library of 64 MiB may take its time: nobody but the operator is let in to send one.
    func managementLimits(_ files: OpenFiles) -> HTTPLimits {
        var limits = HTTPLimits()
        limits.connectionsMax = files.management
        limits.connectionsPerAddressMax = files.management
        limits.requestDeadline = max(requestDeadline, .seconds(600))
        limits.headerDeadline = headerDeadline
        return limits
    }
}
