//! What roles and databases are called. PostgreSQL cuts names at 63 bytes, and cut names collide: longer ones
//! end in a hash of the whole instead.

use aws_lc_rs::digest;

/// PostgreSQL's NAMEDATALEN − 1.
const LIMIT: usize = 63;

/// The tenant role of an instance: `odoo.<namespace>.<name>`.
///
/// Unambiguous although names may hold dots: a namespace holds none.
pub fn role_name(namespace: &str, name: &str) -> String {
    fitted(&format!("odoo.{namespace}.{name}"), "")
}

/// The read-only role of an instance: its tenant role's name and `_ro`.
pub fn read_only_role_name(namespace: &str, name: &str) -> String {
    fitted(&format!("odoo.{namespace}.{name}"), "_ro")
}

/// The database of an instance that names none: `odoo_<uid>` with `_` for everything outside `[a-z0-9]`.
pub fn database_name(uid: &str) -> String {
    let uid: String = uid.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' }).collect();
    format!("odoo_{uid}")
}

fn fitted(name: &str, suffix: &str) -> String {
    if name.len() + suffix.len() <= LIMIT {
        return format!("{name}{suffix}");
    }
    // `_` is in no Kubernetes name, so a hashed name is nobody's plain one.
    let hash: String = hash8(name).iter().fold(String::from("_"), |hex, byte| format!("{hex}{byte:02x}"));
    let mut keep = LIMIT - hash.len() - suffix.len();
    while !name.is_char_boundary(keep) {
        keep -= 1;
    }
    format!("{}{hash}{suffix}", &name[..keep])
}

/// The key of the advisory lock that guards what is done to an instance's databases.
pub(super) fn lock_key(uid: &str) -> i64 {
    i64::from_be_bytes(hash8(uid))
}

fn hash8(text: &str) -> [u8; 8] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_ref()[..8]);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_plain() {
        assert_eq!(role_name("shop", "web.eu"), "odoo.shop.web.eu");
        assert_eq!(read_only_role_name("shop", "web"), "odoo.shop.web_ro");
        assert_eq!(database_name("3f2504E0-4f89-41d3-9a0c-0305e82c3301"), "odoo_3f2504_0_4f89_41d3_9a0c_0305e82c3301");
    }

    #[test]
    fn a_name_of_63_bytes_is_kept_and_one_of_64_is_hashed() {
        let exact = role_name("n", &"x".repeat(63 - "odoo.n.".len()));
        assert_eq!((exact.len(), exact.contains('_')), (63, false));
        let a = role_name("n", &format!("{}a", "x".repeat(63)));
        let b = role_name("n", &format!("{}b", "x".repeat(63)));
        assert_eq!((a.len(), b.len()), (63, 63));
        assert_ne!(a, b, "names that differ only beyond byte 63 stay apart");
        assert!(a.starts_with("odoo.n.xxx"));
        let ro = read_only_role_name("n", &format!("{}a", "x".repeat(63)));
        assert!(ro.len() == 63 && ro.ends_with("_ro"));
    }
}
