//! The commands, one file for each. `look` has `plan` and `status`, which walk the steps of `run` without acting.

pub(crate) mod check;
pub(crate) mod hello;
pub(crate) mod look;
pub(crate) mod report;
pub(crate) mod run;
