import Gateway
import OrderedJSON

// An item's place in its batch, within the text that never changes.
extension RecordCoding {
    static func write(_ place: BatchPlace, to writer: inout JSONWriter) {
        writer.key("batch")
        writer.beginObject()
        writer.optional("id", place.batch.description)
        writer.optional("sequence", Int64(place.sequence))
        writer.optional("row", Int64(place.row))
        writer.optional("confirmed_by", place.confirmedBy)
        writer.optional("retry_of", place.retryOf?.description)
        writer.optional("retry_of_batch", place.retryOfBatch?.description)
        writer.endObject()
    }

    static func place(_ plan: JSON?) -> BatchPlace? {
        guard let plan, let batch = plan["id"]?.stringValue.flatMap({ BatchID($0) }),
            let sequence = plan["sequence"]?.integerValue, let row = plan["row"]?.integerValue
        else { return nil }
        return BatchPlace(
            batch: batch,
            sequence: Int(sequence),
            row: Int(row),
            confirmedBy: plan["confirmed_by"]?.stringValue,
            retryOf: plan["retry_of"]?.stringValue.flatMap { RecordID($0) },
            retryOfBatch: plan["retry_of_batch"]?.stringValue.flatMap { BatchID($0) }
        )
    }

    /// An item's place as its columns have it, which do not say of which row it is.
    static func place(_ row: any SQLRow) -> BatchPlace? {
        guard let batch = row.text(25).flatMap({ BatchID($0) }), let sequence = row.integer(26) else { return nil }
        return BatchPlace(batch: batch, sequence: Int(sequence), row: 0)
    }
}
