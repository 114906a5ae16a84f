//! The outside of a ConversionReview, gone through once: each object is handed on while the body is read, so that a
//! list of 100 MB is neither read twice nor held as a tree.

use std::borrow::Cow;

use super::cursor::{Broken, Cursor, Place};
use super::tree::Object;

/// What surrounds the objects.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub api_version: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub uid: Cow<'a, str>,
    pub desired: Cow<'a, str>,
}

/// Takes the version that is wanted, and one object after the other: `None` for what is no object.
pub(super) type Each<'e, 'a> = &'e mut dyn FnMut(&str, Option<Object<'a>>);

/// Reads a review.
pub(super) fn read<'a>(text: &'a str, each: Each<'_, 'a>) -> Result<Envelope<'a>, Broken> {
    let (mut api_version, mut kind, mut request) = (Place::of("apiVersion"), Place::of("kind"), Place::of("request"));
    let mut json = Cursor::new(text);
    let is_object = json.object(|name, json| match &*name {
        "apiVersion" => api_version.put(json.string(&name)?),
        "kind" => kind.put(json.string(&name)?),
        "request" => request.put(Some(request_of(json, &mut *each)?)),
        _ => json.skip(),
    })?;
    if !is_object || !json.is_at_end() {
        return Err(Broken::Type("the body".to_owned(), "one JSON object"));
    }
    let (uid, desired) = request.needed()?;
    Ok(Envelope { api_version: api_version.needed()?, kind: kind.needed()?, uid, desired })
}

fn request_of<'a>(json: &mut Cursor<'a>, each: Each<'_, 'a>) -> Result<(Cow<'a, str>, Cow<'a, str>), Broken> {
    let (mut uid, mut desired) = (Place::of("uid"), Place::of("desiredAPIVersion"));
    let mut objects = Place::of("objects");
    // The API server names the version first. Who does not has the list gone through a second time.
    let mut put_off = None;
    json.object(|name, json| match (&*name, &desired.value) {
        ("uid", _) => uid.put(json.string(&name)?),
        ("desiredAPIVersion", _) => desired.put(json.string(&name)?),
        ("objects", Some(desired)) => {
            objects.put(Some(()))?;
            list(json, desired, &mut *each)
        }
        ("objects", None) => {
            objects.put(Some(()))?;
            put_off = Some(json.clone());
            json.skip()
        }
        _ => json.skip(),
    })?;
    let desired = desired.needed()?;
    if let Some(mut json) = put_off {
        list(&mut json, &desired, each)?;
    }
    Ok((uid.needed()?, desired))
}

/// An empty list may come as `null`: it is a Go slice.
fn list<'a>(json: &mut Cursor<'a>, desired: &str, each: Each<'_, 'a>) -> Result<(), Broken> {
    json.list_or_null("objects", |json| {
        each(desired, Object::read(json)?);
        Ok(())
    })
    .map(drop)
}
