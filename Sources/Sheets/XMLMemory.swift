import CExpat
import Foundation

/// Counts the memory that the parser of XML takes, for it keeps every name that it has met.
///
/// Expat's functions for memory get nothing to tell parsers apart by; one is at work on a thread at a time, so the count
/// stands with the thread.
final class XMLMemory {
    private let bytesMax: Int
    private var bytes = 0
    /// Whether more was asked for than there may be.
    private(set) var isSpent = false

    /// Expat aligns by no more than this; the size of each piece stands before it.
    private static let header = 16
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()

    init(_ limits: SheetLimits) { bytesMax = limits.xmlBytesMax }

    /// Counts what is taken on this thread while `body` runs.
    func counting<Result>(_ body: () throws(SheetError) -> Result) throws(SheetError) -> Result {
        let before = pthread_getspecific(XMLMemory.key)
        pthread_setspecific(XMLMemory.key, Unmanaged.passUnretained(self).toOpaque())
        defer { pthread_setspecific(XMLMemory.key, before) }
        return try body()
    }

    private static var current: XMLMemory? {
        pthread_getspecific(key).map { Unmanaged<XMLMemory>.fromOpaque($0).takeUnretainedValue() }
    }

    /// What Expat asks for memory.
    static let suite = XML_Memory_Handling_Suite(
        malloc_fcn: { size in XMLMemory.resize(nil, to: size) },
        realloc_fcn: { place, size in XMLMemory.resize(place, to: size) },
        free_fcn: { place in XMLMemory.free(place) }
    )

    private func mayTake(_ more: Int) -> Bool {
        guard bytes + more <= bytesMax else {
            isSpent = true
            return false
        }
        bytes += more
        return true
    }

    private static func resize(_ place: UnsafeMutableRawPointer?, to size: Int) -> UnsafeMutableRawPointer? {
        guard (0...Int.max - header).contains(size) else { return nil }
        let block = place.map { $0 - header }
        let more = size - (block?.load(as: Int.self) ?? 0)
        let memory = current
        guard memory?.mayTake(more) ?? true else { return nil }
        guard let new = Foundation.realloc(block, size + header) else {
            memory?.bytes -= more
            return nil
        }
        new.storeBytes(of: size, as: Int.self)
        return new + header
    }

    private static func free(_ place: UnsafeMutableRawPointer?) {
        guard let block = place.map({ $0 - header }) else { return }
        current?.bytes -= block.load(as: Int.self)
        Foundation.free(block)
    }
}
