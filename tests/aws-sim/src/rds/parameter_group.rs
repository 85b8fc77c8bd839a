//! A DB parameter group.

use crate::arn::Arn;
use crate::tags::Tags;

/// A custom parameter group. Each family also has a default group, which is not stored.
#[derive(Clone, Debug)]
pub(crate) struct ParameterGroup {
    pub(crate) arn: Arn,
    pub(crate) family: String,
    pub(crate) description: String,
    pub(crate) tags: Tags,
}
