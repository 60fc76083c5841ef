//! Names that can safely be part of a path: ids, and hashes of paths.

use std::path::Path;

/// Whether `text`, which comes from outside, can safely be part of a path: 1 to 128 characters of `A-Z a-z 0-9 _ -`.
pub fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

/// Returns a file name for a path: 16 hexadecimal digits, the same in every build. If two paths have the same
/// digits, the later file replaces the earlier one.
pub fn hashed_name(path: &Path) -> String {
    fingerprint(path.as_os_str().as_encoded_bytes())
}

/// Returns a hash of the bytes as 16 hexadecimal digits, the same in every build.
pub fn fingerprint(bytes: &[u8]) -> String {
    format!("{:016x}", hash(bytes.iter().copied()))
}

/// Returns the FNV-1a hash of the bytes. The standard hasher doesn't promise stable results.
pub fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether the name could be one from [`hashed_name`].
pub fn is_hash(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
