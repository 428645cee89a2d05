import Foundation

/// A socket that listens on loopback, on a port of the machine's choice.
enum Loopback {
    /// - Parameter everywhere: On every address of this machine.
    /// - Returns: The socket and its port.
    static func listen(everywhere: Bool = false) throws -> (socket: Int32, port: Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = everywhere ? 0 : UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard bind(listener, generic, length) == 0, Glibc.listen(listener, 512) == 0 else { return 0 }
                getsockname(listener, generic, &length)
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
        guard port > 0 else { throw POSIXError(POSIXError.Code(rawValue: errno) ?? .EADDRNOTAVAIL) }
        return (listener, port)
    }
}
