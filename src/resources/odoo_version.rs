//! What the versions of Odoo can do.

use std::fmt;

/// A version of Odoo, such as 19.0. Its methods are the one place that says what differs between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OdooVersion {
    /// Series: 19 of 19.0.
    pub major: u16,
    /// Release in the series: 0, or the online release (2 of saas~18.2).
    pub minor: u16,
}

impl OdooVersion {
    /// Reads the version out of what `odoo --version` prints, or out of a module's version in the database: `19.0`,
    /// `Odoo Server 19.0-20260101`, `saas~18.2+e`, `17.0.1.3`. `None` when there is none in it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("Odoo Server ").unwrap_or(text);
        let text = text.strip_prefix("saas~").or_else(|| text.strip_prefix("saas-")).unwrap_or(text);
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        let major = digits(text);
        let minor = digits(text[major.len()..].strip_prefix('.')?);
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }

    /// `odoo neutralize` exists.
    pub fn has_neutralize_command(self) -> bool {
        self.major >= 16
    }

    /// Browsers keep a websocket at `/websocket`.
    pub fn has_websocket(self) -> bool {
        self.major >= 16
    }

    /// Browsers poll `/longpolling`.
    pub fn has_longpolling(self) -> bool {
        self.major < 16
    }

    /// `/web/manifest.webmanifest` is served: the only cheap page that fails when the instance's database is gone.
    pub fn has_web_manifest(self) -> bool {
        self.major >= 17
    }

    /// `db_replica_host` is understood.
    pub fn has_read_replica(self) -> bool {
        self.major >= 18
    }

    /// Demonstration data must be asked for (`--with-demo`); before, it must be refused (`--without-demo=all`).
    pub fn has_with_demo_flag(self) -> bool {
        self.major >= 19
    }

    /// The server reads PGHOST and its like, before odoo.conf.
    pub fn reads_pg_environment(self) -> bool {
        self.major >= 19
    }

    /// Registry and caches are signalled through tables; before, through sequences.
    pub fn has_signaling_tables(self) -> bool {
        self.major >= 19
    }
}

impl fmt::Display for OdooVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_odoo_and_its_database_say_is_read() {
        for (text, want) in [
            ("19.0", (19, 0)),
            ("Odoo Server 19.0\n", (19, 0)),
            ("Odoo Server 18.0-20260101", (18, 0)),
            ("Odoo Server 19.0.0+dfsg", (19, 0)),
            ("Odoo Server saas~18.2+e", (18, 2)),
            ("saas-17.4", (17, 4)),
            ("17.0.1.3", (17, 0)),
        ] {
            let version = OdooVersion::parse(text).map(|v| (v.major, v.minor));
            assert_eq!(version, Some(want), "{text}");
        }
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in ["", "19", "latest", "Odoo Server", ".0", "19.", "99999999.0", "é.0", "18é.0"] {
            assert_eq!(OdooVersion::parse(text), None, "{text}");
        }
    }

    #[test]
    fn versions_are_written_as_odoo_writes_series() {
        assert_eq!(OdooVersion { major: 18, minor: 2 }.to_string(), "18.2");
    }
}
