//! The CloudFormation templates of `deploy/`, deployed in the simulated AWS: the tests and the demo run under the very policies
//! that are shipped.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "it serves tests: what cannot be set up ends them"
)]

mod deploy;
mod policies;
mod template;

pub use deploy::{Administrator, Pair};
pub use policies::{Policy, policies};
pub use template::{Resource, Template};
