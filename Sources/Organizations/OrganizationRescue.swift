import Gateway
import OrderedJSON

/// The action `organizations.reset_password`: what lets an organization's people in again where none of its
/// administrators can log in.
///
/// A super administrator makes the link and sees it once; both audit chains say so before anything is changed.
struct OrganizationRescue: Sendable {
    let house: Administration

    var all: [Action] { [resetPassword] }

    private var resetPassword: Action {
        Action(
            ActionRules(
                "organizations.reset_password",
                auditAction: "PASSWORD_RESET_MADE",
                role: .superAdmin,
                isPersonal: true,
                reach: .host
            ),
            title: "Let an administrator set a new password",
            summary: """
                For an organization none of whose administrators can log in: a link, good for a day and shown this once, \
                by which one of them sets a new password. without_second_factor takes a factor away that is lost.
                """,
            route: Route("POST", "/admin/organizations/{org_id}/password-reset", status: 201),
            arguments: [
                "org_id": Arguments.id, "username": Arguments.username,
                "without_second_factor": [
                    "type": "boolean", "description": "Whether the second factor is taken away.",
                ],
            ],
            required: ["username"],
            output: .data(Links.schema),
            shownOnce: ["token"],
            target: "user/id"
        ) { [house] use throws(GatewayError) in
            let organization = try await house.named(use)
            let found = try await house.directory.user(named: use.text("username") ?? "", organization: organization.id)
            guard let user = found else {
                throw GatewayError(.notFound, "The organization has no user of this name.")
            }
            guard user.isActive, user.role >= Administration.leastAdministrator(host: organization.isHost) else {
                throw GatewayError(
                    .conflict,
                    "This is for administrators who are active. They let everybody else of the organization in."
                )
            }
            try await house.note("PASSWORD_RESET_MADE", on: organization.id, use)
            try await house.settle(user, use)
            if use.flag("without_second_factor") ?? false {
                try await house.parts.people.removeFactor(of: user.id, organization: user.organization)
                try await house.directory.endSessions(of: user.id, organization: user.organization)
                house.forget()
            }
            return .data(
                try await Links(house: house).make(.reset, for: user, of: organization, use),
                message: "The link was made."
            )
        }
    }
}
