//! Passwords as verifiers: what goes to a server or into `odoo.conf` is never the password itself.

use std::io;
use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, oneshot};

/// As many rounds as Odoo 19 uses itself for `res_users.password`: about 0.4 s of one core a hash.
const ODOO_ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("not zero");
/// The one that is being computed: a thousand new instances keep one core busy, not all of them.
static HASHING: Semaphore = Semaphore::const_new(1);
/// How far it gives way (`man 2 setpriority`): a third of what another thread gets. With much less, a busy machine would
/// let an instance wait for minutes.
const NICENESS: i32 = 5;

/// What PostgreSQL stores for a password (`SCRAM-SHA-256$…`), with a random salt.
///
/// Sent in place of the password it keeps that out of server logs, `pg_stat_activity` and the network.
pub fn scram_verifier(password: &SecretString) -> String {
    postgres_protocol::password::scram_sha_256(password.expose_secret().as_bytes())
}

/// What Odoo stores for a password (`res_users.password`, `admin_passwd`), with a random salt.
///
/// It is computed by a thread that gives way to the others: where the operator gets little of a processor, webhooks have
/// most of it, since people wait for those.
///
/// # Errors
///
/// The machine gives no thread, or no random bytes.
pub async fn odoo_hash(password: SecretString) -> io::Result<SecretString> {
    let mut salt = [0; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| io::Error::other("the machine gave no random bytes"))?;
    let _turn = HASHING.acquire().await;
    let (done, hash) = oneshot::channel();
    std::thread::Builder::new().name("password-hash".to_owned()).spawn(move || {
        // Of this thread alone, on Linux. Without it the hash is right too.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let _ = done.send(SecretString::from(passlib(&password, &salt, ODOO_ROUNDS)));
    })?;
    hash.await.map_err(io::Error::other)
}

/// passlib's `$pbkdf2-sha512$<rounds>$<salt>$<key>`, both in base64 with `.` for `+` and no padding.
fn passlib(password: &SecretString, salt: &[u8; 16], rounds: NonZeroU32) -> String {
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
        let hash = passlib(&SecretString::from("pässword"), &salt, NonZeroU32::new(1000).unwrap());
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

    /// Field 19 of `/proc/…/stat`, of each thread that hashes.
    #[cfg(target_os = "linux")]
    fn niceness_of_those_that_hash() -> Vec<String> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|task| Some(task.ok()?.path()));
        let stats = tasks.filter_map(|task| std::fs::read_to_string(task.join("stat")).ok());
        let hashing = stats.filter_map(|stat| Some(stat.split_once("(password-hash) ")?.1.to_owned()));
        hashing.map(|fields| fields.split(' ').nth(16).unwrap().to_owned()).collect()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn one_hash_at_a_time_is_computed_and_gives_way() {
        let hashes = ["one", "two"].map(|password| tokio::spawn(odoo_hash(SecretString::from(password))));
        let mut looks = Vec::new();
        while !hashes.iter().all(tokio::task::JoinHandle::is_finished) {
            looks.push(niceness_of_those_that_hash());
            tokio::task::yield_now().await;
        }
        // A thread begins as important as the one that started it, and is seen a moment longer than it computes.
        let as_meant = looks.iter().filter(|found| ***found == ["5"]).count();
        assert!(as_meant > looks.len() / 2, "{as_meant} of {}", looks.len());
        for hash in hashes {
            let hash = hash.await.unwrap().unwrap();
            assert!(hash.expose_secret().starts_with("$pbkdf2-sha512$600000$"));
        }
    }
}
