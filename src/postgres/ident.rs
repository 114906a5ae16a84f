use std::fmt;

use postgres_protocol::escape::{escape_identifier, escape_literal};

/// An SQL identifier: displays quoted, so that any name can stand in a statement.
///
/// Statements that take no bind parameters (DDL) are built from this and [`Literal`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ident<'a>(pub &'a str);

impl fmt::Display for Ident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape_identifier(self.0))
    }
}

/// An SQL string literal: displays quoted.
pub(super) struct Literal<'a>(pub &'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A literal with a backslash becomes ` E'…'`; the leading space is harmless.
        f.write_str(&escape_literal(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_names() {
        assert_eq!(Ident(r#"a"; DROP DATABASE x; --"#).to_string(), r#""a""; DROP DATABASE x; --""#);
        assert_eq!(Ident("odoo.ns.näme").to_string(), r#""odoo.ns.näme""#);
        assert_eq!(Literal("it's").to_string(), "'it''s'");
        assert_eq!(Literal(r"a\'b").to_string(), r" E'a\\''b'");
    }
}
