//! What a policy or a grant says of one request.

/// What a policy says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// No statement speaks of it.
    Silent,
    /// It is left to the caller's account to let the caller do it: the policy names the account.
    Delegated,
    /// The policy names the caller's role.
    ToRole,
    /// The policy names the caller's session, or everybody.
    Allowed,
    /// A statement denies it: nothing overrules that.
    Denied,
}
