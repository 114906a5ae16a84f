use serde::{Deserialize, Serialize};

const PREFIX: &str = "bemade.org/instance ";

/// The COMMENT by which a database is an instance's: `bemade.org/instance {…}`. Only the database's owner, the
/// admin role, can write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// The instance's namespace.
    pub namespace: String,
    /// The instance's name.
    pub name: String,
    /// The instance's uid.
    pub uid: String,
    /// RFC 3339; set when the instance was deleted and its database kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained_at: Option<String>,
    /// Set from CREATE DATABASE until the tenant may connect: only then may the admin role open a session inside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preparing: bool,
}

impl Marker {
    /// Of a live instance.
    pub fn new(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            retained_at: None,
            preparing: false,
        }
    }

    /// Reads a COMMENT; none for one that is not ours.
    pub fn parse(comment: &str) -> Option<Self> {
        serde_json::from_str(comment.strip_prefix(PREFIX)?).ok()
    }

    /// As a COMMENT.
    pub fn to_comment(&self) -> String {
        format!("{PREFIX}{}", serde_json::json!(self))
    }

    /// Whether it names the same namespace and name.
    pub fn same_instance(&self, other: &Self) -> bool {
        self.namespace == other.namespace && self.name == other.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comment_is_readable_by_others_and_by_us() {
        let mut marker = Marker::new("shop", "web", "u-1");
        let live = r#"bemade.org/instance {"namespace":"shop","name":"web","uid":"u-1"}"#;
        assert_eq!(marker.to_comment(), live);
        marker.retained_at = Some("2026-01-02T03:04:05Z".to_owned());
        let kept = marker.to_comment();
        assert!(kept.ends_with(r#""uid":"u-1","retainedAt":"2026-01-02T03:04:05Z"}"#), "{kept}");
        assert_eq!(Marker::parse(&kept), Some(marker));
    }

    #[test]
    fn foreign_comments_are_nobodys() {
        for comment in ["", "my database", "bemade.org/instance", "bemade.org/instance {}", "bemade.org/instance [1]"] {
            assert_eq!(Marker::parse(comment), None, "{comment}");
        }
    }
}
