import Daraja
import PluginKit

/// What the arguments of every money tool have in common, where a schema cannot check it.
public enum PaymentArguments {
    /// The phone in the argument `phone_number`.
    ///
    /// - Throws: `invalid_argument` when it is no Kenyan mobile number.
    public static func phone(_ input: PrepareInput) throws(Refusal) -> MSISDN {
        guard let phone = MSISDN(input.arguments["phone_number"]?.stringValue ?? "") else {
            throw Refusal(
                "invalid_argument",
                field: "/phone_number",
                "phone_number: expected a Kenyan mobile number such as 2547XXXXXXXX, 07XXXXXXXX or +2541XXXXXXXX."
            )
        }
        return phone
    }

    /// The amount in the argument `amount`, within the settings `amount_min` and `amount_max` of the organization.
    ///
    /// - Parameters:
    ///   - least: Where `amount_min` is not set.
    ///   - movement: What it is called, such as `payment`.
    /// - Throws: `limit_exceeded` when M-Pesa would not take it.
    public static func amount(
        _ input: PrepareInput,
        least: Int64,
        movement: String
    ) throws(Refusal) -> Int64 {
        let amount = input.arguments["amount"]?.integerValue ?? 0
        let least = input.profile.setting("amount_min", default: least)
        let most = input.profile.setting("amount_max", default: mostByDefault)
        guard (least...max(least, most)).contains(amount) else {
            throw Refusal(
                "limit_exceeded",
                field: "/amount",
                "amount: expected \(least) to \(most) whole shillings, which is what M-Pesa allows for one \(movement)."
            )
        }
        return amount
    }

    /// Source: integrators' notes; the portal states no greatest amount of one transaction.
    private static let mostByDefault: Int64 = 250_000
}
