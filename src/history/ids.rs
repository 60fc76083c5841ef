//! Numbers that identify repositories and calls. Calls of one repository on one machine share their history.

use crate::folders::CallSite;
use crate::state::hash;

/// Returns the number of the repository around a call, shared by all its worktrees. Another machine with the same home
/// folder has a different number.
pub fn repository_of(site: &CallSite) -> u64 {
    let repository = site.repository();
    let machine = rustix::system::uname();
    repository_named(&[
        &repository.to_string_lossy(),
        &machine.nodename().to_string_lossy(),
    ])
}

/// Returns the number for these names, which is the same in every build.
pub fn repository_named(names: &[&str]) -> u64 {
    hash(names.iter().flat_map(|name| name.bytes().chain([0])))
}

/// Returns the number of the call with this id.
pub fn call_number(id: &str) -> u32 {
    let hash = repository_named(&[id]);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "half of a hash is one, too"
    )]
    let half = hash as u32;
    half
}
