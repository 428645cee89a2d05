import PluginAPI
import PluginKit
import Reports

/// The library's one exported symbol.
@c @implementation
public func gateway_plugin_v1(_ negotiation: UnsafeMutablePointer<gateway_negotiation_t>?) -> Int32 {
    PluginExport.negotiate(negotiation, plugin: reports)
}
