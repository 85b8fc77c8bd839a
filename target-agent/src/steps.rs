//! One file for each resource that a handoff touches in account B.

mod configure;
mod copy;
mod fit;
mod message;
mod restore;
mod tell;
mod verify;

pub(crate) use configure::Configure;
pub(crate) use copy::{CopyUnderOwnKey, Land};
pub(crate) use fit::{FitProfile, fit_profile};
pub(crate) use message::DeleteMessage;
pub(crate) use restore::{Restore, Restored};
pub(crate) use tell::Tell;
pub(crate) use verify::{Verify, free_name};
