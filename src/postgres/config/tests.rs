use std::fmt::Write as _;

use secrecy::ExposeSecret;

use super::*;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn complaint(yaml: &str) -> String {
    let error = ClustersConfig::from_yaml(yaml).unwrap_err().to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    assert!(!error.contains("s3cret"), "no password: {error}");
    error
}

/// An entry `main` with one more line or a changed one.
fn with(line: &str) -> String {
    let key = line.split(':').next().unwrap();
    let lines = ["host: db.example.com", "port: 5432", "adminUser: root", "adminPassword: s3cret"];
    let kept = lines.into_iter().filter(|kept| !kept.starts_with(&format!("{key}:")));
    kept.chain([line]).fold("main:\n".to_owned(), |yaml, line| format!("{yaml}  {line}\n"))
}

#[test]
fn the_secret_of_the_existing_operator_is_read() {
    let yaml = "
main:
  host: db.example.com
  port: 5432
  adminUser: postgres
  adminPassword: s3cret
  default: true
other: {host: 10.0.0.7, port: 6432, adminUser: root, adminPassword: 'two words', sslmode: require, adminDatabase: op}
";
    let clusters: Vec<_> = ClustersConfig::from_yaml(yaml).unwrap().into_iter().collect();
    let main = &clusters[0];
    assert_eq!(
        (main.name.as_str(), main.host.as_str(), main.port, main.default),
        ("main", "db.example.com", 5432, true)
    );
    assert_eq!((main.sslmode, main.admin_database.as_str()), (SslMode::Prefer, "postgres"));
    let other = &clusters[1];
    assert_eq!((other.sslmode, other.admin_database.as_str(), other.default), (SslMode::Require, "op", false));
    assert_eq!(other.admin_password.expose_secret(), "two words");
    assert!(!format!("{clusters:?}").contains("s3cret"));
}

#[test]
fn one_cluster_alone_is_the_default() {
    let config = ClustersConfig::from_yaml(&with("default: false")).unwrap();
    assert!(config.iter().all(|cluster| cluster.default));
}

#[test]
fn the_number_of_defaults_is_one() {
    let entry = |default| format!("{{host: h, port: 1, adminUser: u, adminPassword: s3cret, default: {default}}}");
    let (yes, no) = (entry(true), entry(false));
    assert_eq!(
        complaint(&format!("a: {yes}\nb: {yes}\nc: {no}")),
        "clusters a, b are all marked `default: true`: leave it on one of them"
    );
    assert_eq!(
        complaint(&format!("a: {no}\nb: {no}")),
        "none of the clusters a, b is marked `default: true`: mark the one that instances without \
         spec.database.cluster use"
    );
}

#[test]
fn a_wrong_value_names_entry_field_and_remedy() {
    for (line, words) in [
        ("port: 70000", r#"cluster "main", port: 70000 is not a port: use a number from 1 to 65535, usually 5432"#),
        ("port: 0", r#"cluster "main", port: 0 is not a port: use a number from 1 to 65535, usually 5432"#),
        (
            "port: '5432'",
            r#"cluster "main", port: is text: use a number from 1 to 65535, usually 5432, without quotes"#,
        ),
        ("port:", r#"cluster "main", port: is missing: use a number from 1 to 65535, usually 5432"#),
        (
            "adminPassword: 12345",
            r#"cluster "main", adminPassword: must be text, and it is a number: put it in quotes"#,
        ),
        ("adminPassword: ''", r#"cluster "main", adminPassword: is empty: give the password of adminUser"#),
        ("host:", r#"cluster "main", host: is missing"#),
        ("default: 'yes'", r#"cluster "main", default: must be true or false, and it is text"#),
        ("admin_database: x", r#"cluster "main", admin_database: is not a setting; did you mean adminDatabase?"#),
        ("sslMode: x", r#"cluster "main", sslMode: is not a setting; did you mean sslmode?"#),
        ("ssl_root_cert: x", r#"cluster "main", ssl_root_cert: is not a setting; did you mean caCert?"#),
        ("password: s3cret", r#"cluster "main", password: is not a setting; did you mean adminPassword?"#),
        (
            "poolSize: 3",
            r#"cluster "main", poolSize: is not a setting; there are host, port, adminUser, adminPassword, default, sslmode, caCert, adminDatabase"#,
        ),
        ("sslmode: on", r#"cluster "main", sslmode: must be text, and it is true or false: put it in quotes"#),
        (
            "sslmode: verify",
            r#"cluster "main", sslmode: "verify" is not an sslmode: use disable, prefer, require, verify-ca or verify-full"#,
        ),
    ] {
        assert_eq!(complaint(&with(line)), words);
    }
    for host in ["postgres://root:s3cret@db", "https://db", "db:5432", "/run/postgresql", "a b", "''"] {
        let words = complaint(&with(&format!("host: {host}")));
        assert!(
            words.contains("is not a host name or address: write it without scheme, user, port or path"),
            "{words}"
        );
    }
    for (pem, words) in [("nonsense", "has no certificate in it"), (PEM, "holds a block that is not a certificate")] {
        let words_given = complaint(&with(&format!("caCert: {}", serde_json::json!(pem))));
        assert!(words_given.contains(words), "{words_given}");
    }
}

#[test]
fn hundreds_of_clusters_may_share_what_an_anchor_names() {
    let mut text = "base: &base {host: h, port: 5432, adminUser: u, adminPassword: p, default: false}\n".to_owned();
    for number in 0..300 {
        let _ = writeln!(text, "c{number}: {{<<: *base, default: {}}}", number == 7);
    }
    assert_eq!(ClustersConfig::from_yaml(&text).unwrap().names().count(), 301);
}

#[test]
fn a_map_takes_what_it_does_not_say_from_those_it_merges() {
    let text = "
<<: {a: {<<: &b {host: b, port: 1}, adminUser: u, adminPassword: p, default: true}}
c: {adminPassword: p, <<: [*b, null, {host: c, adminUser: c}]}
d: {port: 4, <<: {<<: *b, host: d, adminUser: d}, adminPassword: p}
";
    let clusters = ClustersConfig::from_yaml(text).unwrap();
    let told = |name: &str| {
        let cluster = clusters.iter().find(|cluster| cluster.name == name).unwrap();
        (cluster.host.as_str(), cluster.port, cluster.admin_user.as_str())
    };
    assert_eq!([told("a"), told("c"), told("d")], [("b", 1, "u"), ("b", 1, "c"), ("d", 4, "d")]);
    assert_eq!(
        complaint("a: {host: h, <<: base}"),
        r#"cluster "a", <<: must be a map such as *base, or a list of maps, and it is text"#
    );
    assert_eq!(
        complaint("<<: [[]]"),
        r#"cluster "<<", the entry: must be a map such as *base, or a list of maps, and it is a list"#
    );
}

#[test]
fn a_text_that_is_more_than_it_looks_is_refused() {
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (name, inner) in [('b', 'a'), ('c', 'b'), ('d', 'c'), ('e', 'd'), ('f', 'e')] {
        let _ = writeln!(bomb, "{name}: &{name} [{}]", vec![format!("*{inner}"); 9].join(","));
    }
    let mut anchors = "a: ".to_owned();
    for number in 0..60 {
        let _ = write!(anchors, "&a{number} [");
    }
    anchors += &"x,".repeat(1000);
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(50_000), vec!["*a"; 1300].join(","));
    let deep = "[".repeat(100) + &"]".repeat(100);
    let many = format!("a: [{}]", "[1],".repeat(15_000));
    for (text, place) in [(bomb, "line 4"), (anchors, "line 1"), (long, "line 2"), (deep, "line 1"), (many, "line 1")] {
        let told = complaint(&text);
        assert!(told.contains("repeats too much through anchors") && told.contains(place), "{told}");
    }
}

#[test]
fn another_shape_is_named() {
    assert!(complaint("").contains("names no cluster"));
    assert!(complaint("{}").contains("names no cluster"));
    assert!(complaint("- host: a").contains("and it is a list"));
    assert!(complaint("main: text").contains(r#"cluster "main", the entry: must be a map with host, port"#));
    assert_eq!(
        complaint("main:\n  adminPassword: s3cret\n host: x"),
        "clusters.yaml is not YAML: check indentation, quotes and colons at line 3, column 2"
    );
    assert!(complaint("a: {adminPassword: s3cret, adminPassword: s3cret}").contains("line 1"));
    assert_eq!(
        complaint("main: {host: h, adminPassword:s3cret, port: 1}"),
        r#"cluster "main", adminPassword: needs a colon and a space: `adminPassword: …`"#
    );
    assert!(complaint("main: {\"a\\nb\": 1}").contains(r"a\nb"));
}

#[test]
fn flags_make_the_default_cluster_and_are_checked_alike() {
    let config = ClusterConfig {
        name: "any".to_owned(),
        host: "::1".to_owned(),
        port: 5432,
        admin_user: "postgres".to_owned(),
        admin_password: "s3cret".to_owned().into(),
        default: false,
        sslmode: SslMode::VerifyFull,
        ca_cert: None,
        admin_database: "postgres".to_owned(),
    };
    let clusters = ClustersConfig::from_flags(config.clone()).unwrap();
    assert_eq!(clusters.names().collect::<Vec<_>>(), [FLAGS_CLUSTER]);
    assert!(clusters.iter().all(|cluster| cluster.default));
    assert!(ClustersConfig::from_flags(ClusterConfig { host: "a/b".to_owned(), ..config }).is_err());
}
