//! Passwords as verifiers: what goes to a server or into `odoo.conf` is never the password itself.

use std::io;
use std::num::{NonZero, NonZeroU32};
use std::sync::LazyLock;

use aws_lc_rs::pbkdf2;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Semaphore, oneshot};

/// As many rounds as Odoo 19 uses itself for `res_users.password`: about 0.4 s of one core a hash.
const ODOO_ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).expect("not zero");
/// Those that are being computed: one a core.
static HASHING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, NonZero::get)));
/// How far they give way (`man 2 nice`): to a third of what another thread gets. With much less, a busy machine would let
/// an instance wait for minutes.
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
    let turn = HASHING.acquire().await.map_err(io::Error::other)?;
    let (done, hash) = oneshot::channel();
    std::thread::Builder::new().name("password-hash".to_owned()).spawn(move || {
        let _turn = turn;
        // Linux means the thread, others the process. Without it the hash is right too.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::nice(NICENESS);
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

    /// Field 19 of `/proc/…/stat`, of each thread of this name.
    #[cfg(target_os = "linux")]
    fn niceness(of: &str) -> Vec<i32> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|task| Some(task.ok()?.path()));
        let stats = tasks.filter_map(|task| std::fs::read_to_string(task.join("stat")).ok());
        let found = stats.filter_map(|stat| Some(stat.split_once(&format!("({of}) "))?.1.to_owned()));
        found.map(|fields| fields.split(' ').nth(16).unwrap().parse().unwrap()).collect()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_hash_gives_way() {
        let ours = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        let ours = niceness(ours.trim_end())[0];
        let hash = tokio::spawn(odoo_hash(SecretString::from("a password")));
        let mut looks = Vec::new();
        while !hash.is_finished() {
            looks.extend(niceness("password-hash"));
            tokio::task::yield_now().await;
        }
        // A thread begins as important as the one that started it.
        let as_meant = looks.iter().filter(|niceness| **niceness == ours + NICENESS).count();
        assert!(as_meant > looks.len() / 2, "{as_meant} of {}, beside {ours}", looks.len());
        assert!(hash.await.unwrap().unwrap().expose_secret().starts_with("$pbkdf2-sha512$600000$"));
    }
}
