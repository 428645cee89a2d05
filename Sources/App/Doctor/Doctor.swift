import Cryptography
import Foundation
import Gateway
import HTTPServer
import PluginHost
import Store

/// Looks at all that `serve` needs, changes nothing, and says what to do.
struct Doctor {
    let settings: Settings
    let environment: [String: String]

    /// Less free room than this is soon none: a payment leaves about 4 kB.
    static let freeBytesLow: Int64 = 1 << 30
    /// With less than this nothing is promised.
    static let freeBytesMin: Int64 = 100 << 20

    /// Every finding, in the order in which a start would meet them.
    static func findings(_ environment: [String: String]) -> [Finding] {
        var settings = Settings()
        let wrong = settings.reading(environment)
        let doctor = Doctor(settings: settings, environment: environment)
        return doctor.variables(wrong) + doctor.folder() + doctor.files() + [doctor.descriptors(), doctor.database()]
            + doctor.plugins() + doctor.clock() + [doctor.disk()]
    }

    // MARK: Settings

    func variables(_ wrong: [String]) -> [Finding] {
        let bad = wrong.map { Finding.bad("settings", $0, do: "Correct it; mpesa-gateway serve --help lists all.") }
        let unknown = Settings.unknown(in: environment)
            .map { Finding.warning("settings", "\($0) is no setting.", do: "Look for a slip in its name.") }
        let set = Settings.list.count { !(environment[$0.variable] ?? "").isEmpty }
        return bad + unknown + (bad.isEmpty ? [.good("settings", "\(set) set, the others have their defaults.")] : [])
    }

    // MARK: The data folder and what is read from files

    func folder() -> [Finding] {
        let (subject, path) = ("data folder", settings.dataFolder)
        var facts = stat()
        guard stat(path, &facts) == 0 else {
            let parent = URL(filePath: path).deletingLastPathComponent().path
            guard FileManager.default.isWritableFile(atPath: parent) else {
                return [.bad(subject, "\(path) is not there and cannot be made.", do: "mkdir -m 700 \(path)")]
            }
            return [.warning(subject, "\(path) is not there yet.", do: "mpesa-gateway init --data-dir \(path)")]
        }
        var found: [Finding] = []
        if facts.st_mode & 0o077 != 0 {
            found.append(.warning(subject, "others may look into \(path).", do: "chmod 700 \(path)"))
        }
        if !FileManager.default.isWritableFile(atPath: path) {
            found.append(.bad(subject, "\(path) cannot be written.", do: "chown it to the user that serves."))
        }
        return found.isEmpty ? [.good(subject, "\(path) is this user's alone.")] : found
    }

    func files() -> [Finding] {
        let key = settings.masterKeyFile ?? settings.dataFolder + "/master.key"
        let make = "mpesa-gateway init makes one; or: openssl rand -hex 32 > FILE"
        return [
            look("master key", key, do: make) { () throws(GatewayError) in try DataFolder.readMasterKey(key) },
            look("operator token", settings.operatorTokenFile, do: make) { () throws(GatewayError) in
                try settings.operatorToken()
            },
            look("plugin keys", settings.pluginKeysFile, isSecret: false, do: "mpesa-gateway plugin keygen") {
                () throws(GatewayError) in try settings.pluginTrust()
            },
            look("mail password", settings.mail.passwordFile, do: "Write it into the file.") {
                () throws(GatewayError) in
                try settings.mail.password()
            },
            look(
                "the mail server's authorities",
                settings.mail.authoritiesFile,
                isSecret: false,
                do: "Name a PEM file."
            ) {
                () throws(GatewayError) in try settings.mail.authorities()
            },
            look("M-Pesa's authorities", settings.darajaAuthoritiesFile, isSecret: false, do: "Name a PEM file.") {
                () throws(GatewayError) in try settings.darajaAuthorities()
            },
            look(
                "Safaricom's certificates",
                settings.certificateFiles.isEmpty
                    ? nil : settings.certificateFiles.values.sorted().joined(separator: ", "),
                isSecret: false,
                do: "Get them from the Daraja portal."
            ) { () throws(GatewayError) in try settings.certificates() },
        ]
        .compactMap { $0 }
    }

    private func look<Value>(
        _ subject: String,
        _ file: String?,
        isSecret: Bool = true,
        do remedy: String,
        by read: () throws(GatewayError) -> Value
    ) -> Finding? {
        guard let file else { return nil }
        do throws(GatewayError) { _ = try read() } catch { return .bad(subject, error.message, do: remedy) }
        var facts = stat()
        if isSecret, stat(file, &facts) == 0, facts.st_mode & 0o077 != 0 {
            return .bad(subject, "others may read \(file).", do: "chmod 600 \(file)")
        }
        return .good(subject, "\(file) is in order.")
    }

    // MARK: The machine

    func descriptors() -> Finding {
        let files = OpenFiles.share(settings.door.files)
        let sentence =
            "\(files.limit) files may be open: \(files.connections) connections and \(files.reserved) others."
        guard files.isShort(of: settings.door.files) else { return .good("open files", sentence) }
        return .warning("open files", sentence, do: "Raise ulimit -n, or LimitNOFILE of the service.")
    }

    func disk() -> Finding {
        let folder = FileManager.default.fileExists(atPath: settings.dataFolder) ? settings.dataFolder : "."
        var facts = statvfs()
        guard statvfs(folder, &facts) == 0 else {
            return .warning("disk", "its free room cannot be told.", do: "df \(folder)")
        }
        return Doctor.disk(free: Int64(facts.f_bavail) * Int64(facts.f_frsize))
    }

    static func disk(free: Int64) -> Finding {
        let sentence = "\(free >> 20) MiB are free."
        if free < freeBytesMin { return .bad("disk", sentence, do: "Make room: nothing is accepted on a full disk.") }
        if free < freeBytesLow { return .warning("disk", sentence, do: "Make room: a payment leaves about 4 kB.") }
        return .good("disk", sentence)
    }

    func clock() -> [Finding] {
        let database = settings.dataFolder + "/gateway.db"
        let newest = (try? FileManager.default.attributesOfItem(atPath: database))?[.modificationDate] as? Date
        return [Doctor.clock(isSynchronized: Doctor.isSynchronized(), now: Date(), newest: newest)]
    }

    /// Whether the kernel says that something keeps its clock right.
    ///
    /// Swift's module of the C library leaves `adjtimex` out; asked with nothing to set, it changes nothing.
    private static func isSynchronized() -> Bool {
        guard let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "adjtimex") else { return false }
        typealias Ask = @convention(c) (UnsafeMutableRawPointer) -> Int32
        // `struct timex` has 208 bytes; more do no harm.
        var state = [UInt64](repeating: 0, count: 64)
        let answer = state.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { unsafeBitCast(symbol, to: Ask.self)($0) } ?? -1
        }
        return (0..<timeError).contains(answer)
    }

    /// TIME_ERROR: not synchronized.
    private static let timeError: Int32 = 5

    /// Steps of a minute are what clocks do at a start; a database that was written later than now is none.
    static func clock(isSynchronized: Bool, now: Date, newest: Date?) -> Finding {
        if let newest, newest > now.addingTimeInterval(60) {
            return .bad("clock", "it is behind what was written last (\(newest)).", do: "Set it right before serving.")
        }
        guard isSynchronized else {
            return .warning("clock", "nothing keeps it right.", do: "Run a time service, such as chrony.")
        }
        return .good("clock", "a time service keeps it right.")
    }

    // MARK: The database and plugins

    func database() -> Finding {
        let url = settings.effectiveDatabaseURL
        let remedy = "Look at GATEWAY_DATABASE_URL, the server and its rights."
        do throws(GatewayError) {
            switch try Store.look(at: DatabaseURL(url)) {
            case .nothing: return .good("database", "it is empty; the first start makes its tables.")
            case .found(let done, let all) where done > all:
                return .bad("database", "a newer version has used it.", do: "Run that version, or a newer one.")
            case .found(let done, let all) where done < all:
                return .warning(
                    "database",
                    "\(all - done) changes of its tables are due at the next start.",
                    do: "Back it up first."
                )
            case .found: return .good("database", "it is there and up to date.")
            }
        } catch { return .bad("database", error.message, do: remedy) }
    }

    func plugins() -> [Finding] {
        let bytes: [UInt8]
        do throws(GatewayError) { bytes = try NamedFile.read(settings.pluginsFile) } catch {
            return [.bad("plugins", error.message, do: "Name it by GATEWAY_PLUGINS; mpesa-gateway init makes one.")]
        }
        let list: [PluginConfiguration]
        do { list = try PluginConfiguration.list(parsing: bytes) } catch {
            return [.bad("plugins", error.description, do: "Correct it: docs/operating.md, Plugins.")]
        }
        let found = list.filter(\.isEnabled).map(plugin)
        return found.isEmpty
            ? [.warning("plugins", "none is switched on.", do: "Add one: there are no tools without.")] : found
    }

    private func plugin(_ plugin: PluginConfiguration) -> Finding {
        let subject = "plugin \(plugin.id)"
        let path = plugin.source.hasPrefix("/") ? plugin.source : App.pluginFolder(settings) + "/" + plugin.source
        let bytes: [UInt8]
        do throws(GatewayError) { bytes = try NamedFile.read(path, as: "The library") } catch {
            return .bad(subject, error.message, do: "Put the library there, or set GATEWAY_PLUGIN_FOLDER.")
        }
        let digest = SHA256.digest(bytes).hexadecimal
        guard let expected = plugin.sha256 else {
            return .bad(
                subject,
                "no sha256 vouches for it.",
                do: "Look at the library, then add \"sha256\": \"\(digest)\""
            )
        }
        guard expected.lowercased() == digest else {
            return .bad(subject, "\(path) is not the library that sha256 names.", do: "Find out who changed it.")
        }
        return .good(subject, "\(path) is the library that sha256 names.")
    }
}
