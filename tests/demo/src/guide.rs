//! What to do next, for whoever has seen the demo.

use crate::admin::secret;
use crate::cli::Cli;
use crate::show::Show;
use crate::side::Side;
use crate::stage::Stage;

/// What to run next.
pub fn next(cli: &Cli, show: &Show, holds: bool) {
    show.heading(if holds { "The database has moved. What next?" } else { "The move did not end as it should." });
    if !cli.keep {
        show.copy("cargo run -p demo -- --keep    leaves this AWS running, to look around in");
    }
    show.copy("cargo test --workspace         the same move, killed and disturbed at every call");
    show.copy("README.md                      how to move a real one");
}

/// How to look around in the simulated AWS, with any AWS client.
pub fn look_around(show: &Show, stage: &Stage) {
    let (a, b) = (Side::A, Side::B);
    show.heading("The simulated AWS is left running until Ctrl-C. In another terminal:");
    show.copy("unset AWS_PROFILE AWS_SESSION_TOKEN");
    show.copy(&format!("export AWS_ENDPOINT_URL={}", stage.endpoint));
    for side in [a, b] {
        show.say(&format!("as the root of account {side}:"));
        show.copy(&format!("export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}", side.account(), secret(side)));
    }
    show.say("B's restored database, and the copy that it was restored from:");
    show.copy(&format!("aws rds describe-db-instances --region {} --output table", b.region()));
    show.copy(&format!("aws rds describe-db-snapshots --region {} --output table", b.region()));
    let _ = stage.file(a);
}
