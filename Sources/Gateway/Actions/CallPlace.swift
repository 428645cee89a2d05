/// Where a call acts, as every answer says.
package struct CallPlace: Sendable, Equatable {
    /// Which M-Pesa.
    package let environment: Environment
    /// The organization's account there, where the call is for one.
    package let account: AccountName?

    /// States a place.
    package init(_ environment: Environment, account: AccountName? = nil) {
        self.environment = environment
        self.account = account
    }
}
