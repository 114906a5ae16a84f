//! Passwords as verifiers: what goes to a server or into `odoo.conf` is never the password itself.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// Odoo's own work factor for `res_users.password`: about 0.4 s of CPU a hash.
pub const ODOO_ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("not zero");

/// What PostgreSQL stores for a password (`SCRAM-SHA-256$…`), with a random salt.
///
/// Sent in place of the password it keeps that out of server logs, `pg_stat_activity` and the network.
pub fn scram_verifier(password: &SecretString) -> String {
    postgres_protocol::password::scram_sha_256(password.expose_secret().as_bytes())
}

/// What Odoo stores for a password (`res_users.password`, `admin_passwd`): passlib's
/// `$pbkdf2-sha512$<rounds>$<salt>$<key>`, both in base64 with `.` for `+` and no padding.
///
/// With [`ODOO_ROUNDS`] it takes its time: compute it once a password, on a blocking thread, and keep it.
pub fn odoo_hash(password: &SecretString, salt: &[u8; 16], rounds: NonZeroU32) -> String {
    let mut key = [0; 64];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, rounds, salt, password.expose_secret().as_bytes(), &mut key);
    format!("$pbkdf2-sha512${rounds}${}${}", ab64(salt), ab64(&key))
}

fn ab64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes).replace('+', ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odoo_hash_is_what_passlib_computes() {
        // Python: hashlib.pbkdf2_hmac('sha512', 'pässword'.encode(), bytes(range(0xf0, 0x100)), 1000), in ab64.
        let salt = std::array::from_fn(|i| 0xf0 + u8::try_from(i).unwrap());
        let hash = odoo_hash(&SecretString::from("pässword"), &salt, NonZeroU32::new(1000).unwrap());
        assert_eq!(
            hash,
            "$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./w$Fna.4iVV3Ej4NF2Zxo5uo60CvS3HeuB3OtwNIYkkTOVLDNuVbsvjibMCYbGS0LCOdl.Gd3LT.tQ8liaLRnKijQ"
        );
    }

    #[test]
    fn scram_verifier_has_no_password_in_it_and_a_fresh_salt() {
        let password = SecretString::from("correct horse");
        let (a, b) = (scram_verifier(&password), scram_verifier(&password));
        assert!(a.starts_with("SCRAM-SHA-256$4096:") && !a.contains("correct"));
        assert_ne!(a, b);
    }
}
