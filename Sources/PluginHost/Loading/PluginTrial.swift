import Gateway

/// What is tried of a library before it is installed.
package struct PluginTrial: Sendable {
    /// Its bytes, of which the hash and the signature are known to be right.
    package let library: [UInt8]
    /// The user that its processes become, one that no plugin serves as; 0 where this host cannot change its user.
    package let user: UInt32
    /// What it may allocate, by its entry.
    package let memoryMiB: Int
}

extension PluginHost {
    /// Tries a library before anything of it is opened here, and before any change waits for it: outside the turnstile, so
    /// that no rollback does either.
    ///
    /// - Throws: `invalidArgument` with the rules that it breaks.
    func tryOut(_ bytes: [UInt8], _ request: InstallRequest) async throws(GatewayError) {
        guard let trial = settings.trial else { return }
        var id = "the library"
        do throws(GatewayError) {
            let file: PluginFile
            do throws(PluginRefusal) {
                id = try PluginFile.inspect(bytes).id
                file = try verified(bytes, request)
            } catch { throw refused(id, error) }
            guard !request.isUnchecked else { return noteUnchecked(file) }
            let subject = PluginTrial(
                library: bytes,
                user: opener.userOfTrials,
                memoryMiB: file.configuration.limits.memoryMiB
            )
            let broken = await LoadingThread.run(on: LoadingThread.trials) { () throws(Never) in trial(subject) }
            guard broken.isEmpty else { throw PluginHost.broken(id, broken) }
        } catch {
            let told = noting(error, of: id)
            await journal.flush()
            throw told
        }
    }

    private func noteUnchecked(_ file: PluginFile) {
        journal.note(
            .unchecked,
            file.manifest.id,
            by: .operator,
            [
                "version": .string(file.manifest.version), "sha256": .string(file.digest),
                "trust": .string(file.trust.word),
            ]
        )
    }

    /// How many broken rules are told; all of them are told by `plugin check`.
    private static let toldMax = 3

    private static func broken(_ id: String, _ broken: [String]) -> GatewayError {
        let more = broken.count > toldMax ? "; and \(broken.count - toldMax) more" : ""
        return GatewayError(
            .invalidArgument,
            "\(id) was refused by plugin check: \(broken.prefix(toldMax).joined(separator: "; "))\(more). "
                + "See all of it with `mpesa-gateway plugin check FILE`; `plugin install --unchecked` goes on without, which "
                + "the audit shows."
        )
    }
}
