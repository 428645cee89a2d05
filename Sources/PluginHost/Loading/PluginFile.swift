import Cryptography
import Foundation
import Gateway
import OrderedJSON
import PluginLoader

/// A plugin's library, verified: the bytes that were hashed and looked into are the bytes that will be opened.
package struct PluginFile {
    let bytes: [UInt8]
    let digest: String
    package let manifest: Manifest
    /// Why the bytes are believed.
    let trust: PluginTrust
    /// What it was configured with, the signature that was found included.
    let configuration: PluginConfiguration

    /// The manifest, as text.
    package struct Manifest: Equatable {
        package let id: String
        package let version: String
        let runtime: String
        let levelMin: UInt32
        let levelMax: UInt32
        var sdk = ""
    }

    /// The longest library.
    ///
    /// 64 MiB.
    static let bytesMax = 64 << 20

    /// Libraries that a plugin may ask for: the C library's parts and Swift's runtime, which the host has loaded.
    private static let allowed: Set<String> = [
        "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libstdc++.so.6",
        "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libBlocksRuntime.so", "libdispatch.so", "libFoundation.so",
    ]

    /// Reads, hashes and looks into a library, and believes what `policy` lets it.
    ///
    /// Without a signature in the configuration, one in a file beside the library, `.sig`, counts. No code of it runs.
    init(path: String, configuration: PluginConfiguration, policy: TrustPolicy) throws(PluginRefusal) {
        guard let data = FileManager.default.contents(atPath: path) else {
            let reason = access(path, R_OK) == 0 ? "it is no file" : String(cString: strerror(errno))
            throw PluginRefusal.unreadable(path, reason)
        }
        guard data.count <= PluginFile.bytesMax else { throw PluginRefusal.tooLarge(path) }
        var configuration = configuration
        if configuration.signature == nil, let text = FileManager.default.contents(atPath: path + ".sig") {
            guard let document = try? JSON(parsing: Array(text)) else {
                throw PluginRefusal.badSignature("\(path).sig is not JSON")
            }
            configuration.keep(signature: document)
        }
        try self.init(bytes: Array(data), configuration: configuration, policy: policy)
    }

    /// Hashes and looks into a library's bytes, and believes what `policy` lets it.
    ///
    /// No code of it runs.
    init(bytes: [UInt8], configuration: PluginConfiguration, policy: TrustPolicy) throws(PluginRefusal) {
        self.bytes = bytes
        self.configuration = configuration
        digest = SHA256.digest(bytes).hexadecimal
        manifest = try PluginFile.inspect(bytes)
        trust = try policy.trust(digest: digest, manifest: manifest, configuration)
        guard manifest.id == configuration.id else { throw PluginRefusal.otherPlugin(manifest.id) }
        try manifest.checkServed()
    }

    /// The Swift that this host was built with, as a manifest states it.
    static let ownRuntime = "swift-shared:6.3"

    /// The manifest of a library's bytes, once they have been found to be a plugin's.
    package static func inspect(_ bytes: [UInt8]) throws(PluginRefusal) -> Manifest {
        // The report points into the bytes, so it is read while they are held.
        let found: Result<Manifest, PluginRefusal> = bytes.withUnsafeBufferPointer { buffer in
            var report = gateway_elf_report()
            let problem = gateway_elf_inspect(buffer.baseAddress, buffer.count, &report)
            if let reason = reason(problem, report) { return .failure(.notAPlugin(reason)) }
            for library in needed(in: report) where !isAllowed(library) { return .failure(.libraryNotAllowed(library)) }
            return .success(Manifest(report.manifest))
        }
        return try found.get()
    }

    /// The functions that a library asks for and rule T6 forbids.
    package static func forbiddenImports(of bytes: [UInt8]) -> [String] {
        bytes.withUnsafeBufferPointer { buffer in
            var report = gateway_elf_report()
            _ = gateway_elf_inspect(buffer.baseAddress, buffer.count, &report)
            return withUnsafeBytes(of: report.forbidden) { raw in
                raw.bindMemory(to: UnsafePointer<CChar>?.self).prefix(Int(report.forbidden_count))
                    .compactMap { name in name.map { String(cString: $0) } }
            }
        }
    }

    private static func needed(in report: gateway_elf_report) -> [String] {
        withUnsafeBytes(of: report.needed) { raw in
            raw.bindMemory(to: UnsafePointer<CChar>?.self).prefix(Int(report.needed_count))
                .compactMap { name in
                    name.map { String(cString: $0) }
                }
        }
    }

    private static func isAllowed(_ library: String) -> Bool {
        allowed.contains(library) || (library.hasPrefix("libswift") && library.hasSuffix(".so"))
            || (library.hasPrefix("libFoundation") && library.hasSuffix(".so"))
            || (library.hasPrefix("lib_Foundation") && library.hasSuffix(".so"))
    }

    private static func reason(_ problem: Int32, _ report: gateway_elf_report) -> String? {
        switch UInt32(problem) {
        case GATEWAY_ELF_OK.rawValue: nil
        case GATEWAY_ELF_NOT_ELF.rawValue: "it is not a shared library for this machine"
        case GATEWAY_ELF_NO_MANIFEST.rawValue: "rule E2: it has no section .gateway.manifest"
        case GATEWAY_ELF_MANY_MANIFESTS.rawValue:
            "rule E2: its section .gateway.manifest does not hold exactly one manifest"
        case GATEWAY_ELF_BAD_MANIFEST.rawValue:
            "rule E2: its manifest is not of revision 1, or a text in it is not padded"
        case GATEWAY_ELF_UNKNOWN_FLAGS.rawValue:
            "rule E2: its manifest has the flags \(report.manifest.flags), of which this host knows none"
        case GATEWAY_ELF_EXPORTS.rawValue:
            report.stranger.map { "rule E1: it exports \(String(cString: $0).prefix(64)), no gateway_plugin_v*" }
                ?? "rule E1: it exports no gateway_plugin_v1"
        case GATEWAY_ELF_EXECUTABLE_STACK.rawValue: "it asks for an executable stack"
        default: "the file is damaged: a table points outside it"
        }
    }

    /// Where the private copy of a library is.
    static func copyPath(in folder: String, digest: String, id: String) -> String {
        folder + "/plugins/" + digest + "/" + id + ".so"
    }

    /// Writes the verified bytes where only this user can reach or change them, under their own hash, and answers the path.
    ///
    /// The file is written beside its place and moved there, so it is whole or absent; one that is there already is
    /// read again and compared, never trusted.
    func privateCopy(in folder: String) throws(PluginRefusal) -> String {
        let path = PluginFile.copyPath(in: folder, digest: digest, id: manifest.id)
        let place = folder + "/plugins/" + digest
        let manager = FileManager.default
        do {
            try manager.createDirectory(
                atPath: place,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
            if let there = manager.contents(atPath: path), Array(there) == bytes { return path }
            let draft = path + ".\(ProcessInfo.processInfo.processIdentifier).new"
            defer { unlink(draft) }
            try PluginFile.write(bytes, to: draft, rights: 0o444)
            guard rename(draft, path) == 0 else { throw PluginRefusal.uncopied(path, String(cString: strerror(errno))) }
            return path
        } catch let refusal as PluginRefusal {
            throw refusal
        } catch {
            throw PluginRefusal.uncopied(path, error.localizedDescription)
        }
    }

    private static func write(_ bytes: [UInt8], to path: String, rights: mode_t) throws(PluginRefusal) {
        unlink(path)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, rights)
        guard descriptor >= 0 else { throw .uncopied(path, String(cString: strerror(errno))) }
        errno = 0
        // Whatever the mask of new files is: whoever runs the plugin may be another user.
        let isWhole = fchmod(descriptor, rights) == 0 && pwrite(descriptor, bytes, bytes.count, 0) == bytes.count
        // A write that was cut short says nothing of itself: the disk has no more room.
        let number = errno == 0 ? ENOSPC : errno
        close(descriptor)
        guard isWhole else {
            unlink(path)
            throw .uncopied(path, String(cString: strerror(number)))
        }
    }

    /// Whether these bytes were opened here before, and not refused.
    func hasPrivateCopy(in folder: String) -> Bool {
        FileManager.default.fileExists(atPath: PluginFile.copyPath(in: folder, digest: digest, id: manifest.id))
    }

    /// Takes the private copy away; what has opened it keeps it.
    func removePrivateCopy(in folder: String) {
        unlink(PluginFile.copyPath(in: folder, digest: digest, id: manifest.id))
        rmdir(folder + "/plugins/" + digest)
    }

    /// A second file with the same bytes beside the private copy, for one opening.
    func throwawayCopy(of copy: String, number: Int) throws(PluginRefusal) -> String {
        let path = copy + ".\(ProcessInfo.processInfo.processIdentifier).\(number)"
        try PluginFile.write(bytes, to: path, rights: 0o400)
        return path
    }

    /// Takes the name away; what was opened stays.
    func removeThrowaway(_ path: String) { unlink(path) }
}

extension PluginFile.Manifest {
    /// Whether this host speaks its level and runs its Swift.
    package func checkServed() throws(PluginRefusal) {
        guard levelMin <= GATEWAY_LEVEL, GATEWAY_LEVEL <= levelMax else {
            throw PluginRefusal.levelNotServed(least: levelMin, most: levelMax)
        }
        guard !runtime.hasPrefix("swift-shared:") || runtime == PluginFile.ownRuntime else {
            throw PluginRefusal.otherRuntime(runtime)
        }
    }

    fileprivate init(_ manifest: gateway_manifest_t) {
        func text<Field>(_ field: Field) -> String {
            withUnsafeBytes(of: field) { raw in String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self) }
        }
        self.init(
            id: text(manifest.id),
            version: text(manifest.version),
            runtime: text(manifest.runtime),
            levelMin: manifest.level_min,
            levelMax: manifest.level_max,
            sdk: text(manifest.sdk)
        )
    }
}
