//! One DB parameter group.

use crate::arn::Arn;
use crate::tags::Tags;

/// A group that somebody made. The default group of each family is there without being made.
#[derive(Clone, Debug)]
pub(crate) struct ParameterGroup {
    pub(crate) arn: Arn,
    pub(crate) family: String,
    pub(crate) description: String,
    pub(crate) tags: Tags,
}
