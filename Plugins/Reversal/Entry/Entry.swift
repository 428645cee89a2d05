import PluginAPI
import PluginKit
import Reversal

/// The library's one exported symbol.
@c @implementation
public func gateway_plugin_v1(_ negotiation: UnsafeMutablePointer<gateway_negotiation_t>?) -> Int32 {
    PluginExport.negotiate(negotiation, plugin: reversals)
}
