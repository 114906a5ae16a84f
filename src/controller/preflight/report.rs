use std::fmt;

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Has to be done before the operator is installed.
    Blocks,
    /// A person should look at it.
    Attention,
    /// Will be changed.
    Change,
    /// Good to know.
    Note,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What it is about: an object of the cluster, or a field.
    pub about: String,
    /// What is so, and what to do. Never holds a secret value.
    pub message: String,
}

impl Finding {
    /// Has to be done first.
    pub fn blocks(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Blocks, about: about.into(), message: message.into() }
    }

    /// Should be looked at.
    pub fn attention(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Attention, about: about.into(), message: message.into() }
    }

    /// Will be changed.
    pub fn change(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Change, about: about.into(), message: message.into() }
    }

    /// Good to know.
    pub fn note(about: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level: Level::Note, about: about.into(), message: message.into() }
    }
}

/// What happens to one object of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReport {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The version that it was read in.
    pub version: &'static str,
    /// Its phase, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What will happen to an instance's data when it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// About the cluster.
    pub cluster: Vec<Finding>,
    /// About each object.
    pub objects: Vec<ObjectReport>,
}

impl Report {
    /// How many things have to be done first.
    pub fn blocking(&self) -> usize {
        let objects = self.objects.iter().flat_map(|object| &object.findings);
        self.cluster.iter().chain(objects).filter(|finding| finding.level == Level::Blocks).count()
    }

    /// As JSON, with the number of things that have to be done first.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"blocking": self.blocking(), "cluster": self.cluster, "objects": self.objects})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Cluster")?;
        write(f, &self.cluster)?;
        for object in &self.objects {
            let phase = object.phase.as_deref().unwrap_or("no phase");
            write!(f, "\n{} {}/{}  {}, {phase}", object.kind, object.namespace, object.name, object.version)?;
            if let Some(policy) = &object.deletion_policy {
                write!(f, ", deletionPolicy {policy}")?;
            }
            writeln!(f)?;
            write(f, &object.findings)?;
        }
        match self.blocking() {
            0 => writeln!(f, "\nNothing stands in the way of {} objects.", self.objects.len()),
            1 => writeln!(f, "\nOne thing has to be done first: the line that begins with BLOCKS."),
            count => writeln!(f, "\n{count} things have to be done first: the lines that begin with BLOCKS."),
        }
    }
}

fn write(f: &mut fmt::Formatter<'_>, findings: &[Finding]) -> fmt::Result {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.level);
    for finding in sorted {
        let level = match finding.level {
            Level::Blocks => "BLOCKS",
            Level::Attention => "look",
            Level::Change => "change",
            Level::Note => "note",
        };
        writeln!(f, "  {level:<7} {}: {}", finding.about, finding.message)?;
    }
    Ok(())
}
