//! Enhanced Monitoring and Performance Insights of an instance.

use crate::arn::Arn;
use crate::xml::Xml;

/// The settings of Enhanced Monitoring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Monitoring {
    pub(crate) seconds: u32,
    /// The ARN of the role with which RDS writes metrics.
    pub(crate) role: String,
}

/// The settings of Performance Insights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Insights {
    /// The ARN of the key that encrypts its data.
    pub(crate) key: String,
    pub(crate) days: u32,
}

/// RDS API Reference, DBInstance.
pub(super) fn show(xml: &mut Xml, monitoring: Option<&Monitoring>, insights: Option<&Insights>, arn: &Arn, id: &str) {
    xml.leaf("MonitoringInterval", monitoring.map_or(0, |on| on.seconds));
    if let Some(on) = monitoring {
        xml.leaf("MonitoringRoleArn", &on.role);
        let stream = format!("log-group:RDSOSMetrics:log-stream:{id}");
        xml.leaf("EnhancedMonitoringResourceArn", Arn::new("logs", &arn.region, &arn.account, stream));
    }
    xml.leaf("PerformanceInsightsEnabled", insights.is_some());
    if let Some(on) = insights {
        xml.leaf("PerformanceInsightsKMSKeyId", &on.key);
        xml.leaf("PerformanceInsightsRetentionPeriod", on.days);
    }
}
