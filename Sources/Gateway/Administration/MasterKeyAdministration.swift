import OrderedJSON

/// What an operator sees and changes of the master key while the gateway serves.
package protocol MasterKeyAdministration: Sendable {
    /// Which key wraps, and how many data keys an older one is still needed for.
    func show() async throws(GatewayError) -> JSON

    /// Makes a new master key and wraps every data key by it; goes on with a change that was cut off.
    ///
    /// - Throws: `conflict` while another change runs; `unavailable` where the new key cannot be kept.
    func rotate(by caller: LogIns.Caller) async throws(GatewayError) -> JSON
}
