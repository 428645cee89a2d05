import OrderedJSON
import Testing

@testable import Gateway
@testable import Store

func makeEndpoint(
    _ organization: OrganizationID = ours,
    in environment: Environment = .test
) -> WebhookEndpoint {
    var endpoint = WebhookEndpoint(
        id: newID(),
        organization: organization,
        environment: environment,
        madeBy: "user:1",
        madeAt: moment,
        url: "https://example.com/hooks?a=b",
        secrets: [
            WebhookSecret(form: .asymmetric, sealed: [1, 0, 255], keyVersion: 2, publicKey: "whpk_x"),
            WebhookSecret(form: .symmetric, sealed: [], keyVersion: 1, endsAt: moment + .seconds(5)),
        ]
    )
    endpoint.description = "Ä"
    endpoint.kinds = [.succeeded, .planChanged]
    endpoint.showsPhones = true
    return endpoint
}

func makeDelivery(
    to endpoint: WebhookEndpoint,
    due: Timestamp? = nil,
    at now: Timestamp = moment,
    state: WebhookDelivery.State = .waiting
) -> WebhookDelivery {
    WebhookDelivery(
        organization: endpoint.organization,
        endpoint: endpoint.id,
        event: newID(),
        kind: .succeeded,
        position: 7,
        state: state,
        tries: 1,
        dueAt: due,
        at: now,
        attempts: [
            WebhookAttempt(
                at: now,
                milliseconds: 12,
                status: 500,
                fault: nil,
                beginning: [0, 200],
                isReplay: false
            ),
            WebhookAttempt(at: now, milliseconds: 1, status: nil, fault: "late", beginning: [], isReplay: true),
        ]
    )
}

func makeNote(_ endpoint: WebhookEndpoint, _ change: (inout WebhookNote) -> Void) -> WebhookNote {
    var note = WebhookNote(organization: endpoint.organization, endpoint: endpoint.id)
    change(&note)
    return note
}

func makeReplay(of endpoint: WebhookEndpoint, _ wish: WebhookReplay.Wish = .test) -> WebhookReplay {
    WebhookReplay(
        id: newID(),
        organization: endpoint.organization,
        endpoint: endpoint.id,
        wish: wish,
        madeBy: "key:1",
        madeAt: moment
    )
}
