//! odoo.conf, read back the way Odoo reads it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::super::odoo_conf;
use super::fixture::Fixture;

/// Python's `RawConfigParser`, as far as one section goes: a line that begins with a blank continues the value before
/// it, `#` and `;` begin a comment, the first of `=` and `:` ends the key, blanks around both are dropped.
fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut lines = text.split(['\n', '\r']).filter(|line| !line.is_empty());
    if lines.next() != Some("[options]") {
        return Err("no section".to_owned());
    }
    let mut options = BTreeMap::new();
    for line in lines {
        if line.starts_with(char::is_whitespace) || line.starts_with(['#', ';', '[']) {
            return Err(format!("not an option: {line:?}"));
        }
        let (key, value) = line.split_once(['=', ':']).ok_or(format!("no value: {line:?}"))?;
        if options.insert(key.trim().to_owned(), value.trim().to_owned()).is_some() {
            return Err(format!("twice: {key}"));
        }
    }
    Ok(options)
}

fn with_options(options: &serde_json::Value) -> Fixture {
    Fixture::of(&json!({"ingress": {"hosts": ["shop.example.com"]}, "configOptions": options}))
}

fn options_of(fixture: &Fixture) -> BTreeMap<String, String> {
    parse(odoo_conf::text(&fixture.inputs()).expose_secret()).unwrap()
}

#[test]
fn options_override_and_extend() {
    let options = options_of(&with_options(&json!({"log_level": "debug", "zeta": "1", "alpha": "2"})));
    assert_eq!(options["log_level"], "debug");
    assert_eq!(options["alpha"], "2");
    assert_eq!(options["list_db"], "False");
}

#[test]
fn the_connection_is_the_operators() {
    let options = options_of(&with_options(&json!({
        "db_host": "evil", "db_port": "1", "db_user": "postgres", "db_password": "x", "db_name": "other",
    })));
    assert_eq!(options["db_host"], "pg.example.com");
    assert_eq!(options["db_port"], "5432");
    assert_eq!(options["db_user"], "odoo.eu.shop");
    assert_eq!(options["db_password"], "pw-CANARY7f3a");
    assert_eq!(options["db_name"], "odoo_3f2a9c1e_0b7d_4c55_9a10_77aa01fe23bd");
}

#[test]
fn a_password_that_no_line_holds_stays_out() {
    for password in ["two\nlines", " blank before", "blank after ", "tab\there", "nul\0"] {
        let mut fixture = Fixture::plain();
        fixture.secrets.db_password = password.into();
        let options = options_of(&fixture);
        assert!(!options.contains_key("db_password"), "{password:?}");
        assert_eq!(options["db_user"], "odoo.eu.shop");
    }
}

#[test]
fn the_hash_follows_the_text_and_the_authorities() {
    let (plain, mut other) = (Fixture::plain(), Fixture::plain());
    assert_eq!(odoo_conf::hash(&plain.inputs()), odoo_conf::hash(&other.inputs()));
    other.database.ca = Some("another".to_owned());
    assert_ne!(odoo_conf::hash(&plain.inputs()), odoo_conf::hash(&other.inputs()));
    assert_ne!(odoo_conf::hash(&plain.inputs()), odoo_conf::hash(&with_options(&json!({"a": "b"})).inputs()));
}

proptest! {
    #[test]
    fn whatever_the_options_hold_they_stay_one_line_each(
        options in prop::collection::btree_map("\\PC{0,12}|[a-z_]{1,12}|db_[a-z]{1,4}", any::<String>(), 0..8),
        host in any::<String>(),
        hash in any::<String>(),
    ) {
        let mut fixture = with_options(&json!(options));
        fixture.database.host = host;
        fixture.secrets.master_hash = hash.into();
        let read = parse(odoo_conf::text(&fixture.inputs()).expose_secret());
        let read = read.map_err(TestCaseError::fail)?;
        let own: Vec<_> = options_of(&with_options(&json!({}))).into_keys().collect();
        for key in &own {
            prop_assert!(read.contains_key(key), "{key} is gone");
        }
        for key in read.keys() {
            prop_assert!(own.contains(key) || options.contains_key(key), "{key} came from nowhere");
        }
        for (key, value) in &options {
            let legal = !key.is_empty() && key.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            let printable = !value.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
            if legal && printable && !own.contains(key) {
                prop_assert_eq!(read.get(key).map(String::as_str), Some(value.trim()));
            }
        }
    }
}
