//! The steps of account B, one file for each resource that they read or change.

mod configure;
mod copy;
mod fit;
mod message;
mod receipt;
mod restore;
mod verify;

pub(crate) use configure::Configure;
pub(crate) use copy::{CopyUnderOwnKey, Landed};
pub(crate) use fit::{FitProfile, fit_profile};
pub(crate) use message::DeleteMessage;
pub(crate) use receipt::SendReceipt;
pub(crate) use restore::{Restore, Restored};
pub(crate) use verify::{Verify, free_name};
