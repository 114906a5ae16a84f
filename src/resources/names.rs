//! Names of everything that belongs to an instance. They are the existing operator's, so that its objects are adopted.
//!
//! Every name here fits 63 bytes, the limit of labels, Services and PostgreSQL identifiers: what would be longer is cut
//! and marked with a hash of the whole, so that two long names never meet. (Admission refuses instance names that
//! need it; job names may be longer.)

use super::hex_sha256;

const LIMIT: usize = 63;
/// Hexadecimal digits of the hash that marks a name that was cut: 1 in 10^19 for two to meet.
const HASH: usize = 16;

/// Service, web Deployment, Ingress or HTTPRoute, PodDisruptionBudget.
pub fn web(instance: &str) -> String {
    fit("", instance, "")
}

/// Cron Deployment.
pub fn cron(instance: &str) -> String {
    fit("", instance, "-cron")
}

/// Secret with odoo.conf.
pub fn odoo_conf(instance: &str) -> String {
    fit("", instance, "-odoo-conf")
}

/// Volume claim of the files.
pub fn filestore(instance: &str) -> String {
    fit("", instance, "-filestore-pvc")
}

/// Secret with the database role and the password hashes.
pub fn user_secret(instance: &str) -> String {
    fit("", instance, "-odoo-user")
}

/// Secret with the database role's password in older releases of the existing operator.
pub fn older_user_secret(instance: &str) -> String {
    fit("", instance, "-db-password")
}

/// Secret with the generated admin password.
pub fn admin_secret(instance: &str) -> String {
    fit("", instance, "-admin")
}

/// `ServiceAccount` of all pods.
pub fn service_account(instance: &str) -> String {
    fit("", instance, "-odoo")
}

/// Secret with the certificate of the host names.
pub fn tls_secret(instance: &str) -> String {
    fit("", instance, "-tls")
}

/// The `OdooInitJob` that the operator makes by itself.
pub fn auto_init(instance: &str) -> String {
    fit("", instance, "-auto-init")
}

/// Container of a web pod.
pub fn web_container(instance: &str) -> String {
    fit("odoo-", instance, "")
}

/// Container of a cron pod.
pub fn cron_container(instance: &str) -> String {
    fit("odoo-cron-", instance, "")
}

/// Batch Job of a job object: its name and the first eight digits of its uid, so that a job object of the same name
/// that comes later never meets the Job of its predecessor.
pub fn batch_job(job: &str, uid: &str) -> String {
    let uid8: String = uid.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    // A pod's host name may not have a dot.
    fit("", &job.replace('.', "-"), &format!("-{uid8}"))
}

/// Database role of an instance.
pub fn role(namespace: &str, instance: &str) -> String {
    fit("odoo.", &format!("{namespace}.{instance}"), "")
}

/// Database of an instance that does not name one.
pub fn database(uid: &str) -> String {
    let safe: String = uid
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' })
        .collect();
    fit("odoo_", &safe, "")
}

/// A label's value from a name of any length.
pub fn label_value(name: &str) -> String {
    fit("", name, "")
}

fn fit(prefix: &str, name: &str, suffix: &str) -> String {
    let whole = format!("{prefix}{name}{suffix}");
    if whole.len() <= LIMIT {
        return whole;
    }
    let room = LIMIT - prefix.len() - suffix.len() - HASH - 1;
    let mut cut = name;
    while cut.len() > room || cut.ends_with(['-', '.', '_']) {
        let mut chars = cut.chars();
        chars.next_back();
        cut = chars.as_str();
    }
    format!("{prefix}{cut}-{}{suffix}", &hex_sha256(name.as_bytes())[..HASH])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_the_published_ones() {
        assert_eq!(web("shop"), "shop");
        assert_eq!(cron("shop"), "shop-cron");
        assert_eq!(odoo_conf("shop"), "shop-odoo-conf");
        assert_eq!(filestore("shop"), "shop-filestore-pvc");
        assert_eq!(user_secret("shop"), "shop-odoo-user");
        assert_eq!(admin_secret("shop"), "shop-admin");
        assert_eq!(service_account("shop"), "shop-odoo");
        assert_eq!(tls_secret("shop"), "shop-tls");
        assert_eq!(auto_init("shop"), "shop-auto-init");
        assert_eq!(web_container("shop"), "odoo-shop");
        assert_eq!(cron_container("shop"), "odoo-cron-shop");
        assert_eq!(role("eu", "shop"), "odoo.eu.shop");
        assert_eq!(database("3f2a9C1e-0b7d-4c55-9a10-77aa01fe23bd"), "odoo_3f2a9c1e_0b7d_4c55_9a10_77aa01fe23bd");
        assert_eq!(batch_job("shop-auto-init", "3f2a9c1e-0b7d-4c55"), "shop-auto-init-3f2a9c1e");
        assert_eq!(batch_job("shop.2026", "3f2a9c1e-0b7d"), "shop-2026-3f2a9c1e");
    }

    #[test]
    fn long_names_that_differ_at_their_end_stay_apart() {
        let (one, two) = ("a".repeat(62) + "1", "a".repeat(62) + "2");
        for name in [cron, filestore, auto_init, web_container, cron_container] {
            assert_ne!(name(&one), name(&two));
        }
        assert_ne!(role(&one, "x"), role(&two, "x"));
        assert_ne!(role("ns", &one), role("ns", &two));
    }

    proptest! {
        #[test]
        fn every_name_fits(name in "[a-z]([-a-z0-9.]{0,251}[a-z0-9])?", ns in "[a-z0-9]{1,63}", uid in "[0-9a-f-]{36}") {
            let all = [
                web(&name), cron(&name), odoo_conf(&name), filestore(&name), user_secret(&name), admin_secret(&name),
                service_account(&name), tls_secret(&name), auto_init(&name), web_container(&name),
                cron_container(&name), batch_job(&name, &uid), role(&ns, &name), database(&uid), label_value(&name),
            ];
            for built in all {
                prop_assert!(built.len() <= 63, "{built} has {} bytes", built.len());
                prop_assert!(built.starts_with(|c: char| c.is_ascii_alphanumeric()), "{built}");
            }
        }
    }
}
