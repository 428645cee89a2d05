import OrderedJSON

extension Profile {
    /// The organization's operator on M-Pesa's side, as whom what pays out, asks and reverses is sent.
    ///
    /// It stands where the first plugin that needed it looked for it; every plugin that acts as the operator is told.
    package var initiatorName: JSON? { settings["b2c"]?["initiator_name"] }
}
