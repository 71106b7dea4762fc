//! Users and groups, as the name service knows them. Asked only when a configuration is read.

use std::ffi::CString;

use nix::unistd::{self, Gid, Uid, getgrouplist};

use crate::config::User;

/// A user by name, or by number.
pub(crate) fn user(name: &str) -> Option<User> {
    let found = match name.parse() {
        Ok(uid) => unistd::User::from_uid(Uid::from_raw(uid)),
        Err(_) => unistd::User::from_name(name),
    };
    let found = found.ok().flatten()?;
    let groups = getgrouplist(&CString::new(found.name.as_bytes()).ok()?, found.gid).ok()?;
    Some(User {
        uid: found.uid.as_raw(),
        gid: found.gid.as_raw(),
        groups: groups.into_iter().map(Gid::as_raw).collect(),
        home: found.dir.to_string_lossy().into_owned(),
        shell: found.shell.to_string_lossy().into_owned(),
        name: found.name,
    })
}

/// A group by name, or by number.
pub(crate) fn group(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    unistd::Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}
