//! The result of evaluating a policy or grant for one request.

/// The result of evaluating a policy for one request, from weakest to strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// No statement matches it.
    NoMatch,
    /// The policy names the caller's account, whose own policies must allow it too.
    Delegated,
    /// The policy names the caller's role.
    ToRole,
    /// The policy names the caller's session, or all principals.
    Allowed,
    /// A statement denies it, which overrides everything else.
    Denied,
}
