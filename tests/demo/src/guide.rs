//! What to do after the demo.

use crate::admin::secret;
use crate::cli::Cli;
use crate::show::Show;
use crate::side::{LABEL, RESTORED, Side};
use crate::stage::Stage;

/// Prints the next steps.
pub(crate) fn next(cli: &Cli, show: &Show, holds: bool) {
    show.heading(if holds {
        "The handoff is complete. Next steps:"
    } else {
        "The handoff did NOT complete as expected"
    });
    if !cli.keep {
        show.copy("cargo run -p demo -- --keep    keeps the simulated AWS running, so that you can inspect it");
    }
    show.copy("cargo test --workspace         the same handoff, with kills and faults at a sample of its calls");
    show.copy("README.md                      how to hand off a database of your own");
}

/// Prints how to inspect the simulated AWS with any AWS client.
pub(crate) fn look_around(show: &Show, stage: &Stage) {
    let (a, b, endpoint) = (Side::A, Side::B, &stage.endpoint);
    let (home, there) = (a.region(), b.region());
    let become_root = |side: Side| {
        let (account, secret) = (side.account(), secret(side));
        show.copy(&format!("export AWS_ACCESS_KEY_ID={account} AWS_SECRET_ACCESS_KEY={secret}"));
    };
    show.heading("The simulated AWS runs until Ctrl-C. In another terminal, any AWS client can use it:");
    show.copy("unset AWS_PROFILE AWS_SESSION_TOKEN");
    show.copy(&format!("export AWS_ENDPOINT_URL={endpoint} NO_PROXY=127.0.0.1"));
    show.heading(&format!("As the root of account {b}: the restored database, and the snapshot it came from"));
    become_root(b);
    show.copy(&format!("aws rds describe-db-instances --region {there} --db-instance-identifier {RESTORED}"));
    show.copy(&format!("aws rds describe-db-snapshots --region {there}"));
    show.heading(&format!("As the root of account {a}: the key, the handoff's state (tags), its queued messages"));
    become_root(a);
    show.copy(&format!("aws kms list-aliases --region {there}"));
    show.copy(&format!("aws rds describe-db-snapshots --region {home} --query 'DBSnapshots[].TagList'"));
    show.copy(&format!(
        "aws sqs receive-message --endpoint-url {endpoint} --region {home} --queue-url {endpoint}/{}/{}",
        a.account(),
        a.queue()
    ));
    show.copy(&format!("cargo run -qp demo -- source-agent status --config {}", stage.file(a).display()));
    show.heading("To hand off the database again: change the label, then run each agent as its account's role");
    show.copy(&format!("sed -i s/{}/once-more/ {}", LABEL, stage.file(a).display()));
    for side in [b, a] {
        let credentials = stage.credentials(side);
        show.copy(&format!(
            "export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
            credentials.access_key_id, credentials.secret_access_key
        ));
        show.copy(&format!("export AWS_SESSION_TOKEN={}", credentials.session_token.unwrap_or_default()));
        let (agent, watch, behind) =
            (side.agent(), if side == b { " --watch" } else { "" }, if side == b { " &" } else { "" });
        show.copy(&format!("cargo run -qp demo -- {agent} run{watch} --config {}{behind}", stage.file(side).display()));
    }
    show.heading("Outside the AWS API: every call that was made, and the content of a database");
    show.copy(&format!("curl {endpoint}/_sim/calls"));
    show.copy(&format!("curl {endpoint}/_sim/content/{}", b.database()));
}
