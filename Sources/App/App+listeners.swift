import HTTPServer
import Ingress

extension App {
    /// The main and the management listener, within what the process may have open.
    func listeners(onReady: @escaping @Sendable () async -> Void) -> (main: HTTPListener, management: HTTPListener) {
        let files = OpenFiles.share(settings.door.files)
        say(files)
        let main = HTTPListener(
            host: settings.host,
            port: settings.port,
            handler: main,
            limits: settings.door.limits(files),
            proxies: settings.door.proxies,
            logger: logger,
            onReady: { _ in await onReady() }
        )
        let management = HTTPListener(
            host: settings.managementHost,
            port: settings.managementPort,
            handler: management,
            limits: settings.door.managementLimits(files),
            logger: logger
        )
        return (main, management)
    }

    /// One line, so that nobody has to guess why a connection was closed.
    private func say(_ files: OpenFiles) {
        logger.log(
            level: files.isShort(of: settings.door.files) ? .warning : .info,
            "connections are limited by the files that the process may open",
            metadata: [
                "open_files": "\(files.limit)", "reserved": "\(files.reserved)",
                "connections_max": "\(files.connections)",
                "connections_per_address_max": "\(files.connectionsPerAddress)",
                "management_connections_max": "\(files.management)",
            ]
        )
    }
}
