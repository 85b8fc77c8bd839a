//! Writes every policy of the templates into a folder, for linters. Usage: `policies FOLDER`.

#![expect(clippy::expect_used, reason = "used only by tests, which fail if a policy cannot be written")]

use std::path::PathBuf;

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a folder"));
    for policy in stack::policies() {
        let folder = folder.join(policy.template).join(policy.key_mode);
        std::fs::create_dir_all(&folder).expect("the folder");
        let path = folder.join(policy.resource).with_extension("json");
        std::fs::write(path, format!("{:#}\n", policy.document)).expect("a policy");
    }
}
