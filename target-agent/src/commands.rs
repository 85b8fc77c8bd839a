//! The commands, one file for each; `look` contains `plan` and `status`, which walk the same steps without acting.

pub(crate) mod check;
pub(crate) mod look;
pub(crate) mod run;
