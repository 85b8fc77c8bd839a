//! Attacks on resources with a policy of their own: trust policies of roles, queues, keys.

use std::time::Duration;

use e2e::{A, B, HOME, TARGET};

use super::acts::Act::{
    Admits, Assumes, Copies, CopiesAfter, Describes, Empties, Encrypts, Grants, Receives, RevokesGrants, Sends, Shares,
};
use super::acts::{APP_OF_A, APP_OF_A_HOME, APP_OF_B, APP_OF_B_HOME, OF_C, OF_C_HOME, S, S_HOME, SOURCE_OF_C};
use super::acts::{T, T_HOME, TARGET_OF_C};
use super::policies::{SOURCE, TARGET_ROLE};
use super::row::{ACTION, CALLER, DENY, FOR_AWS, PRINCIPAL, PRINCIPAL_ARN, Row, UNTIL, VIA, rows};
use super::scene::C;
use super::target::TARGET_TAG;

const PRINCIPAL_ACCOUNT: &str = "StringEquals aws:PrincipalAccount";
const INBOX: &str = "rds-handoff-inbox";
const INBOX_DEAD: &str = "rds-handoff-inbox-dead";
const RECEIPTS: &str = "rds-handoff-receipts-222222222222";
const REQUESTS: &str = "rds-handoff-requests";
const REQUESTS_DEAD: &str = "rds-handoff-requests-dead";
const RECEIPTS_DEAD: &str = "rds-handoff-receipts-222222222222-dead";

pub(super) fn of_roles_and_queues() -> Vec<Row> {
    rows! {
        "another role of account A assumes the agent's role" APP_OF_A Assumes(A, SOURCE) =>
            SourceTrust PrincipalsOfThisAccount PRINCIPAL;
        "a role of account C assumes the role of account A's agent" OF_C Assumes(A, SOURCE) =>
            SourceTrust PrincipalsOfThisAccount PRINCIPAL, SourceTrust PrincipalsOfThisAccount PRINCIPAL_ACCOUNT;
        "another role of account B assumes the agent's role" APP_OF_B Assumes(B, TARGET_ROLE) =>
            TargetTrust PrincipalsOfThisAccount PRINCIPAL;
        "a role of account C assumes the role of account B's agent" OF_C Assumes(B, TARGET_ROLE) =>
            TargetTrust PrincipalsOfThisAccount PRINCIPAL, TargetTrust PrincipalsOfThisAccount PRINCIPAL_ACCOUNT;
        "account C's agent sends a message" SOURCE_OF_C Sends(B, TARGET, INBOX, false) =>
            Inbox SourceAgentsSend PRINCIPAL;
        "another role of account A sends a message" APP_OF_A Sends(B, TARGET, INBOX, false) =>
            Inbox SourceAgentsSend PRINCIPAL_ARN;
        "account A's agent reads the inbox" S Receives(B, TARGET, INBOX) =>
            Inbox SourceAgentsSend ACTION (without SourceRole);
        "account A's agent purges the inbox" S Empties(B, TARGET, INBOX) =>
            Inbox SourceAgentsSend ACTION, SourceBoundary AtMost ACTION (without SourceRole);
        "a message is sent without TLS" S Sends(B, TARGET, INBOX, true) => Inbox TlsOnly DENY;
        "a message is dead-lettered without TLS" T Sends(B, TARGET, INBOX_DEAD, true) => InboxDead TlsOnly DENY;
        "account C's agent sends a receipt" TARGET_OF_C Sends(A, HOME, RECEIPTS, false) =>
            Receipts TargetAgentSends PRINCIPAL, Receipts TargetAgentSends PRINCIPAL_ARN;
        "another role of account B sends a receipt" APP_OF_B_HOME Sends(A, HOME, RECEIPTS, false) =>
            Receipts TargetAgentSends PRINCIPAL_ARN;
        "account B's agent reads the receipts" T_HOME Receives(A, HOME, RECEIPTS) =>
            Receipts TargetAgentSends ACTION (without TargetRole);
        "a receipt is sent without TLS" T_HOME Sends(A, HOME, RECEIPTS, true) => Receipts TlsOnly DENY;
        "a receipt is dead-lettered without TLS" S_HOME Sends(A, HOME, RECEIPTS_DEAD, true) =>
            ReceiptsDead TlsOnly DENY;
        "account C requests a handoff after a role of account A has allowed it to send" OF_C_HOME Sends(A, HOME, REQUESTS, false) =>
            Requests ThisAccountOnly DENY (after APP_OF_A_HOME Admits(C, REQUESTS));
        "a request is sent without TLS" APP_OF_A_HOME Sends(A, HOME, REQUESTS, true) => Requests TlsOnly DENY;
        "a request is dead-lettered without TLS" S_HOME Sends(A, HOME, REQUESTS_DEAD, true) =>
            RequestsDead TlsOnly DENY;
    }
}

pub(super) fn of_keys() -> Vec<Row> {
    let bait = |key| Copies((C, TARGET, "rds-handoff-bait-shared"), "mine", Some(key), &[]);
    let shared = (A, TARGET, "shared");
    rows! {
        "account C revokes a grant of the own key" OF_C RevokesGrants("own") =>
            OwnKey AccountAdministers PRINCIPAL;
        "an administrator of the own key encrypts with it" APP_OF_B Encrypts("own") => OwnKey AccountAdministers ACTION;
        "another role of account B uses the own key itself" APP_OF_B Encrypts("own") =>
            OwnKey AccountUsesItThroughServices VIA;
        "another role of account B grants the own key to account C" APP_OF_B Grants("own") =>
            OwnKey AccountLetsServicesKeepIt VIA, OwnKey AccountLetsServicesKeepIt FOR_AWS;
        "account C stores under the own key" OF_C bait("own") =>
            OwnKey AccountUsesItThroughServices PRINCIPAL, OwnKey AccountUsesItThroughServices CALLER,
            OwnKey AccountLetsServicesKeepIt PRINCIPAL, OwnKey AccountLetsServicesKeepIt CALLER;
        "account C describes the primary" OF_C_HOME Describes("primary") => Primary AccountAdministers PRINCIPAL;
        "an administrator of the primary encrypts with it" APP_OF_A_HOME Encrypts("primary") =>
            Primary AccountAdministers ACTION;
        "account C revokes a grant of the replica" OF_C RevokesGrants("replica") =>
            Replica AccountAdministers PRINCIPAL;
        "an administrator of the replica encrypts with it" APP_OF_A Encrypts("replica") =>
            Replica AccountAdministers ACTION;
        "another role of account A copies under the replica" APP_OF_A
            Copies((A, HOME, "source"), "mine", Some("replica"), &[]) =>
            Replica SourceAgentCopies PRINCIPAL_ARN, Replica SourceAgentGrants PRINCIPAL_ARN;
        "account C stores under the replica" OF_C bait("replica") =>
            Replica SourceAgentCopies PRINCIPAL, Replica SourceAgentCopies PRINCIPAL_ARN,
            Replica SourceAgentCopies CALLER, Replica SourceAgentGrants PRINCIPAL,
            Replica SourceAgentGrants PRINCIPAL_ARN, Replica SourceAgentGrants CALLER;
        "another role of account B copies the shared copy" APP_OF_B Copies(shared, "mine", Some("own"), &[]) =>
            Replica RdsHandoffTargetCopies PRINCIPAL_ARN, Replica RdsHandoffTargetGrants PRINCIPAL_ARN;
        "account C copies what account A's agent has shared with it" OF_C Copies(shared, "mine", Some("of C"), &[]) =>
            Replica RdsHandoffTargetCopies PRINCIPAL, Replica RdsHandoffTargetCopies PRINCIPAL_ARN,
            Replica RdsHandoffTargetCopies CALLER, Replica RdsHandoffTargetGrants PRINCIPAL,
            Replica RdsHandoffTargetGrants PRINCIPAL_ARN, Replica RdsHandoffTargetGrants CALLER
            (after S Shares("shared", C));
        // This attack must be the last one, since it lets time pass.
        "account B's agent copies after the end, while account A's agent does not run" T
            CopiesAfter(Duration::from_hours(8 * 24), shared, "rds-handoff-again-target", Some("own"), TARGET_TAG) =>
            Replica RdsHandoffTargetCopies UNTIL, Replica RdsHandoffTargetGrants UNTIL;
    }
}
