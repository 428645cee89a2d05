import Foundation
import Gateway
import OrderedJSON
import Threads

/// A folder with a file for each answer of M-Pesa's that the store could not take.
///
/// Each file is written whole and made durable, with its name, before `keep` returns, and is readable by its owner alone.
/// One thread does all of it: nothing here happens while the store works.
package final class AnswerFolder: AnswerJournal, @unchecked Sendable {
    /// What bounds the folder.
    package struct Settings: Sendable {
        /// How many answers are kept.
        ///
        /// Default 10,000.
        package var filesMax = 10_000
        /// The longest answer that is kept.
        ///
        /// Default 1 MiB.
        package var bytesMax = 1 << 20
        /// How many bytes of files are read at once; what is beyond is read when those have gone.
        ///
        /// Default 64 MiB.
        package var readBytesMax = 64 << 20

        /// The defaults.
        package init() {}
    }

    private let path: String
    private let settings: Settings
    // Guards `jobs` alone; everything else is the thread's.
    private let condition = NSCondition()
    private var jobs: [@Sendable () -> Void] = []
    private var hasThread = false

    /// Keeps answers in a folder, which is made when the first one comes.
    package init(path: String, settings: Settings = Settings()) {
        self.path = path
        self.settings = settings
    }

    package func keep(_ answer: ReceivedCallback) async -> Bool { await onThread { self.write(answer) } }

    package func entries() async -> [ReceivedCallback] {
        // Asked every few seconds, and nearly always there is nothing.
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return await onThread { self.readAll() }
    }

    package func remove(_ id: CallbackID) async {
        await onThread { _ = unlink(self.file(of: id)) }
    }

    // MARK: On the thread

    private func onThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            condition.withLock {
                jobs.append { continuation.resume(returning: work()) }
                condition.signal()
                if !hasThread {
                    hasThread = true
                    NamedThread.start("answers") { self.run() }
                }
            }
        }
    }

    private func run() {
        while true {
            let job = condition.withLock {
                while jobs.isEmpty { condition.wait() }
                return jobs.removeFirst()
            }
            job()
        }
    }

    private func file(of id: CallbackID) -> String { "\(path)/\(id).json" }

    private func names() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        // Ids begin with their moment, so this is the order in which they came.
        return names.filter { $0.hasSuffix(".json") }.sorted()
    }

    private func write(_ answer: ReceivedCallback) -> Bool {
        guard answer.body.count <= settings.bytesMax, mkdir(path, 0o700) == 0 || errno == EEXIST,
            names().count < settings.filesMax
        else { return false }
        let target = file(of: answer.id)
        let draft = target + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        let bytes = AnswerFolder.document(of: answer).bytes
        let isWritten = AnswerFolder.writeAll(bytes, to: descriptor) && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, rename(draft, target) == 0 else {
            unlink(draft)
            return false
        }
        return syncFolder()
    }

    /// Makes the file's name durable.
    private func syncFolder() -> Bool {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return false }
        defer { close(folder) }
        return fsync(folder) == 0
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = Foundation.write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
    }

    private func readAll() -> [ReceivedCallback] {
        var answers: [ReceivedCallback] = []
        var count = 0
        for name in names() where count < settings.readBytesMax {
            guard let bytes = FileManager.default.contents(atPath: path + "/" + name),
                let document = try? JSON(parsing: Array(bytes), limits: JSONLimits(bytesMax: 4 << 20)),
                let answer = AnswerFolder.answer(document)
            else { continue }
            count += bytes.count
            answers.append(answer)
        }
        return answers
    }

    private static func document(of answer: ReceivedCallback) -> JSON {
        [
            "id": .string(answer.id.description), "organization": .string(answer.organization.description),
            "environment": .string(answer.environment.rawValue), "record": .string(answer.record.description),
            "name": .string(answer.name), "received_ms": .integer(answer.receivedAt.milliseconds),
            "status": answer.status.map { .integer(Int64($0)) } ?? .null,
            "address": answer.address.map { .string($0) } ?? .null,
            "body": .string(Data(answer.body).base64EncodedString()),
        ]
    }

    private static func answer(_ document: JSON) -> ReceivedCallback? {
        let text = { (name: String) in document[name]?.stringValue ?? "" }
        guard let id = CallbackID(text("id")), let organization = OrganizationID(text("organization")),
            let environment = Gateway.Environment(rawValue: text("environment")), let record = RecordID(text("record")),
            let body = Data(base64Encoded: text("body"))
        else { return nil }
        return ReceivedCallback(
            id: id,
            organization: organization,
            environment: environment,
            record: record,
            name: document["name"]?.stringValue ?? ReceivedCallback.answerName(toSending: 1),
            receivedAt: Timestamp(milliseconds: document["received_ms"]?.integerValue ?? 0),
            body: Array(body),
            address: document["address"]?.stringValue,
            attempts: 1,
            status: document["status"]?.integerValue.map { Int($0) }
        )
    }
}
