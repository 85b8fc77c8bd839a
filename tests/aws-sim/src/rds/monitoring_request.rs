//! The parameters for Enhanced Monitoring and Performance Insights.

use super::keys;
use super::monitoring::{Insights, Monitoring};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;

/// The parameters read by this module.
pub(super) const NAMES: [&str; 5] = [
    "EnablePerformanceInsights",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
];

/// The settings of Enhanced Monitoring after the request: interval and role require each other (RDS API Reference,
/// ModifyDBInstance, MonitoringInterval and MonitoringRoleArn).
pub(super) fn monitoring(
    world: &World,
    caller: &Caller,
    query: &Query,
    now: Option<&Monitoring>,
) -> Outcome<Option<Monitoring>> {
    let (seconds, role) = (query.number("MonitoringInterval")?, query.text("MonitoringRoleArn"));
    if seconds.is_none() && role.is_none() {
        return Ok(now.cloned());
    }
    let seconds = seconds.or(now.map(|now| now.seconds)).unwrap_or(0);
    if ![0, 1, 5, 10, 15, 30, 60].contains(&seconds) {
        return Err(Fault::value(format!("Invalid monitoring interval: {seconds}")));
    }
    let role = role.map(str::to_owned).or(now.map(|now| now.role.clone()));
    match (seconds, role) {
        (0, _) if query.text("MonitoringRoleArn").is_some() => Err(Fault::combination(
            "You must specify a MonitoringInterval value other than 0 when you specify a MonitoringRoleArn.",
        )),
        (0, _) => Ok(None),
        (_, None) => Err(Fault::combination(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.",
        )),
        (_, Some(role)) => {
            // The role must be in the caller's account, since the caller passes it. The text has been seen in practice.
            let own = Arn::parse(&role).is_some_and(|arn| arn.account == caller.account());
            if !own || !world.principals.has_role(&role) {
                return Err(Fault::value(format!(
                    "IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING: {role}"
                )));
            }
            Ok(Some(Monitoring { seconds, role }))
        }
    }
}

/// The settings of Performance Insights after the request (RDS API Reference, ModifyDBInstance,
/// EnablePerformanceInsights and following). UNSOURCED: the codes.
pub(super) fn insights(
    world: &mut World,
    caller: &Caller,
    query: &Query,
    now: Option<&Insights>,
) -> Outcome<Option<Insights>> {
    let key = query.text("PerformanceInsightsKMSKeyId");
    let days = query.number("PerformanceInsightsRetentionPeriod")?;
    let on = query.flag("EnablePerformanceInsights")?.unwrap_or(now.is_some());
    if !on {
        if key.is_some() || days.is_some() {
            return Err(Fault::combination(
                "PerformanceInsightsKMSKeyId and PerformanceInsightsRetentionPeriod need EnablePerformanceInsights.",
            ));
        }
        return Ok(None);
    }
    let days = days.or(now.map(|now| now.days)).unwrap_or(7);
    let months = days % 31 == 0 && (1..=23).contains(&(days / 31));
    if !(days == 7 || days == 731 || months) {
        return Err(Fault::value(format!("Invalid Performance Insights retention period: {days}")));
    }
    let key = match (key, now) {
        (Some(named), now) => {
            let key = keys::target(world, caller, named)?;
            if now.is_some_and(|now| now.key != key) {
                return Err(Fault::combination("You can't change your Performance Insights KMS key."));
            }
            key
        }
        (None, Some(now)) => now.key.clone(),
        (None, None) => keys::target(world, caller, "alias/aws/rds")?,
    };
    Ok(Some(Insights { key, days }))
}
