import Gateway
import OrderedJSON

/// The batch that is stored first.
let batchID = BatchID("b-1")

/// An item of a batch, a draft.
func makeItem(_ sequence: Int, of batch: BatchID, state: RecordState = .draft) -> Record {
    var record = makeRecord()
    record.state = state
    record.hold = Hold(arguments: ["row": .integer(Int64(sequence))], reason: "b", until: moment + .seconds(86_400))
    record.nextActionAt = moment + .seconds(86_400)
    record.batch = BatchPlace(
        batch: batch,
        sequence: sequence,
        row: sequence,
        confirmedBy: "user:1",
        retryOf: record.id
    )
    return record
}

func makeBatch(
    _ id: BatchID,
    content: [UInt8] = [7],
    at time: Timestamp = moment,
    of owner: OrganizationID = ours
) -> Batch {
    Batch(
        id: id,
        organization: owner,
        environment: .test,
        tool: "t",
        accountName: .main,
        name: "Salaries ä",
        madeBy: "user:1",
        isByAgent: true,
        createdAt: time,
        digest: [1, 2, 255],
        content: content,
        items: 2,
        total: 200,
        notBefore: time + .seconds(60),
        confirmedRows: 1,
        repeats: nil,
        releaser: .another,
        heldBecause: "A rule.",
        asked: Hold.Asked(
            role: .orgAdmin,
            count: 2,
            people: Approvers(named: [UserID(Identifier(high: 8, low: 1))], answerWithin: .zero)
        ),
        state: .draft,
        until: time + .seconds(3_600)
    )
}

func new(_ batch: Batch, _ items: [Record], since: Timestamp = moment, openMax: Int = .max) -> NewBatch {
    NewBatch(batch: batch, items: items, sameSince: since, openMax: openMax)
}
