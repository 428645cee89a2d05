import Foundation
import Testing
import Threads

struct `A writer of lines` {
    private func pipe() throws -> (read: FileHandle, write: FileHandle) {
        let pipe = Pipe()
        return (pipe.fileHandleForReading, pipe.fileHandleForWriting)
    }

    private func line(_ text: String) -> [UInt8] { Array((text + "\n").utf8) }

    @Test func `writes whole lines in the order in which they came`() throws {
        let (read, write) = try pipe()
        let writer = LineWriter(descriptor: write.fileDescriptor, name: "test") { _ in [] }

        for number in 0..<1000 { writer.write(line("line \(number)")) }
        writer.flush()
        try write.close()

        let text = String(decoding: try read.readToEnd() ?? Data(), as: UTF8.self)
        #expect(text.split(separator: "\n") == (0..<1000).map { "line \($0)" })
    }

    @Test func `leaves out what no longer fits while nobody reads, and says so`() throws {
        let (read, write) = try pipe()
        let long = String(repeating: "x", count: 1023)
        let writer = LineWriter(descriptor: write.fileDescriptor, bytesMax: 64 << 10, name: "test") { lost in
            Array("lost \(lost)\n".utf8)
        }

        // More than the pipe and the queue hold together; that this loop ends is the point.
        for _ in 0..<1000 { writer.write(line(long)) }
        let reader = Thread { _ = try? read.readToEnd().map { Self.collected.set($0) } }
        reader.start()
        writer.flush(atMost: 30)
        writer.write(line("after"))
        writer.flush(atMost: 30)
        try write.close()
        let lines = Self.collected.wait().split(separator: "\n")

        // Told as often as the writer came by while the queue was full: once, or several times.
        let told = lines.filter { $0.hasPrefix("lost ") }.compactMap { Int($0.dropFirst(5)) }.reduce(0, +)
        #expect(told > 0)
        #expect(lines.filter { $0.hasPrefix("x") }.count + told == 1000)
        #expect(lines.contains("after"))
    }

    @Test func `lets a program end whose reader is stuck`() throws {
        let handles = try pipe()
        let writer = LineWriter(descriptor: handles.write.fileDescriptor, name: "test") { _ in [] }

        for _ in 0..<1000 { writer.write(line(String(repeating: "x", count: 1023))) }
        #expect(!writer.flush(atMost: 0.05))

        // All of it is read, because the writer's thread must be done with the pipe before its number is another's.
        var count = 0
        while count < 1000 * 1024 { count += handles.read.availableData.count }
        #expect(writer.flush(atMost: 30))
        #expect(count == 1000 * 1024)
    }

    private static let collected = Collected()

    /// What a thread read, once it has read all of it.
    private final class Collected: @unchecked Sendable {
        private let condition = NSCondition()
        private var data: Data?

        func set(_ data: Data) {
            condition.withLock {
                self.data = data
                condition.broadcast()
            }
        }

        func wait() -> String {
            condition.withLock {
                while data == nil { condition.wait() }
                return String(decoding: data ?? Data(), as: UTF8.self)
            }
        }
    }
}
