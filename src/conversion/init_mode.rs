//! The joint row: v1alpha1's `init.enabled` and `productionInstanceRef`, v1's `initialization.mode` and
//! `initialization.clone`.
//!
//! | v1alpha1 | v1 |
//! |---|---|
//! | enabled true, no ref | mode absent |
//! | enabled true, ref | mode absent and a clone block |
//! | enabled false | mode none; the ref stays as clone block |
//!
//! From v1 the effective mode counts (absent: by which block is there, else fresh). A mode that v1alpha1 has no word
//! for stays beside, and so do the details of the clone block.

use super::lens::Path;
use super::tree::{Node, Object};

const INIT: Path = &["spec", "init"];
const ENABLED: Path = &["spec", "init", "enabled"];
const REF: Path = &["spec", "productionInstanceRef"];
const INITIALIZATION: Path = &["spec", "initialization"];
const MODE: Path = &["spec", "initialization", "mode"];
const CLONE: Path = &["spec", "initialization", "clone"];
const CLONE_REF: Path = &["spec", "initialization", "clone", "instanceRef"];
const RESTORE: Path = &["spec", "initialization", "restore"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Fresh,
    Restore,
    Clone,
    None,
}

/// What v1's fields say, as far as they fit.
struct Hub {
    mode: Option<Mode>,
    has_clone: bool,
    has_clone_ref: bool,
    has_restore: bool,
}

impl Hub {
    /// `None` if a value is there that no version could mean.
    fn read(object: &mut Object<'_>) -> Option<Self> {
        if let Some(node) = object.at(INITIALIZATION)
            && !node.is_null()
        {
            node.open()?;
        }
        let mode = match object.at(MODE) {
            Some(node) if !node.is_null() => Some(match node.as_str()?.as_ref() {
                "fresh" => Mode::Fresh,
                "restore" => Mode::Restore,
                "clone" => Mode::Clone,
                "none" => Mode::None,
                _ => return None,
            }),
            _ => None,
        };
        let has_clone = match object.at(CLONE) {
            Some(node) if !node.is_null() => node.open().map(|_| true)?,
            _ => false,
        };
        Some(Self {
            mode,
            has_clone,
            has_clone_ref: has_clone && is_there(object, CLONE_REF),
            has_restore: is_there(object, RESTORE),
        })
    }

    fn effective(&self, has_clone: bool) -> Mode {
        self.mode.unwrap_or(match (self.has_restore, has_clone) {
            (true, _) => Mode::Restore,
            (false, true) => Mode::Clone,
            (false, false) => Mode::Fresh,
        })
    }

    /// What v1alpha1 shows of it: whether it is enabled, and whether the reference is seen.
    fn projection(&self, has_ref: bool) -> (bool, bool) {
        let mode = self.effective(has_ref || self.has_clone);
        (mode != Mode::None, has_ref && matches!(mode, Mode::Clone | Mode::None))
    }
}

/// What v1alpha1 shows of a v1 object: whether it is enabled, and whether it has a reference. `None` if a value does
/// not fit.
pub fn projection(object: &mut Object<'_>) -> Option<(bool, bool)> {
    let hub = Hub::read(object)?;
    Some(hub.projection(hub.has_clone_ref))
}

fn is_there(object: &mut Object<'_>, path: Path) -> bool {
    object.at(path).is_some_and(|node| !node.is_null())
}

/// From v1 to v1alpha1.
pub fn to_v1alpha1(object: &mut Object<'_>) {
    let Some((enabled, shows_ref)) = projection(object) else { return };
    if !object.is_free(ENABLED) || !object.is_free(REF) {
        return;
    }
    if !enabled {
        object.take(MODE);
        object.put(ENABLED, Node::New("false".to_owned()));
    } else if is_there(object, INIT) {
        // The API server lays no defaults over what a conversion gives: a manifest that says so would never be at rest.
        object.put(ENABLED, Node::New("true".to_owned()));
    }
    if shows_ref && let Some(reference) = object.take(CLONE_REF) {
        object.put(REF, reference);
    }
}

/// From v1alpha1 to v1.
pub fn to_v1(object: &mut Object<'_>) {
    let Some(hub) = Hub::read(object) else { return };
    let enabled = match object.at(ENABLED) {
        Some(node) if !node.is_null() => match node.as_bool() {
            Some(enabled) => Some(enabled),
            None => return,
        },
        _ => None,
    };
    let has_ref = is_there(object, REF);

    // The details of a clone block whose reference is gone went with it.
    let bereft = hub.has_clone && !hub.has_clone_ref && !has_ref;
    let shown = hub.projection(has_ref || hub.has_clone_ref);
    let contradicts = hub.has_clone_ref && has_ref;
    if bereft || contradicts || shown != (enabled != Some(false), has_ref) {
        object.take(MODE);
        if !has_ref {
            object.take(CLONE);
        }
        if enabled == Some(false) {
            object.put(MODE, Node::New("\"none\"".to_owned()));
        }
    }
    if enabled.is_some() {
        object.take(ENABLED);
    }
    if has_ref && let Some(reference) = object.take(REF) {
        object.put(CLONE_REF, reference);
    }
}
