import Cryptography
import Gateway
import GatewayTesting
import OrderedJSON
import Testing

/// The code that an authenticator shows, read from the secret's base 32 as it does.
func code(_ secret: JSON?, at clock: ManualEntropy, later steps: Int64 = 0) throws -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
    var (bytes, bits, count): ([UInt8], Int, Int) = ([], 0, 0)
    for character in secret?.stringValue ?? "" {
        bits = bits << 5 | (alphabet.firstIndex(of: character) ?? 0)
        count += 5
        guard count >= 8 else { continue }
        count -= 8
        bytes.append(UInt8(bits >> count & 255))
    }
    let step = OneTimeCodes.step(at: clock.now.milliseconds / 1000) + steps
    return try #require(OneTimeCodes.code(secret: bytes, step: step))
}
