//! Deploys the CloudFormation templates of `deploy/` in the simulated AWS, so that the tests and the demo run under the
//! shipped policies.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "used only by tests, which fail if the setup fails"
)]

mod deploy;
mod policies;
mod template;

pub use deploy::{Administrator, Pair};
pub use policies::{Policy, policies};
pub use template::{Resource, Template};
