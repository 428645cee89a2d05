extension LogIns {
    /// Keeps a password at today's cost, where it was kept at another: only a log-in has the password to do it by.
    ///
    /// Only who has proved everything comes here, so that strangers make nobody hash twice. A log-in is good whatever
    /// becomes of this; the next one does what this one could not.
    func hashAnew(_ password: Secret<String>, of user: User, turn: PasswordTurn) async {
        guard parts.passwords.isOutdated(user.passwordHash),
            let hash = try? await parts.passwords.hash(password, turn: turn)
        else { return }
        _ = try? await directory.replace(user.passwordHash, by: hash, of: user.id, organization: user.organization)
    }
}
