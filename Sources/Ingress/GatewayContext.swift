import Gateway
import Hummingbird
import NIOCore

/// What Hummingbird carries along with a request.
package struct GatewayContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The caller's address as this process sees it.
    package let address: String?

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        address = source.channel.remoteAddress?.ipAddress
    }
}
