import NIOCore

/// Decides at the door which connections are kept, so that there are never more than the process has room for.
///
/// For one too many another gives way, or it is closed itself (`Connections`). Where more come than closing keeps up with, none is accepted for the moment; the kernel's queue holds them. All of it runs on the listener's event loop.
final class ConnectionGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let connections: Connections

    init(_ connections: Connections) { self.connections = connections }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = unwrapInboundIn(data)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let isKept = connections.add(channel, from: channel.remoteAddress?.ipAddress) {
            loop.execute { bound.value.read() }
        }
        if isKept { context.fireChannelRead(data) } else { channel.close(promise: nil) }
    }

    func read(context: ChannelHandlerContext) {
        if connections.mayAccept() { context.read() }
    }
}
