//! The outside of a ConversionReview, gone through once: each object is handed on while the body is read, so that a
//! list of 100 MB is neither read twice nor held as a tree.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::tree::Object;

/// What surrounds the objects.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub api_version: &'a RawValue,
    pub kind: Cow<'a, str>,
    pub request: Request<'a>,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub uid: &'a RawValue,
    pub desired: Cow<'a, str>,
}

/// Takes the version that is wanted, and one object after the other: `None` for what is no object.
pub(super) type Each<'e, 'a> = &'e mut dyn FnMut(&str, Option<Object<'a>>);

/// Reads a review.
pub(super) fn read<'a>(text: &'a str, each: Each<'_, 'a>) -> serde_json::Result<Envelope<'a>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let envelope = OfReview(each).deserialize(&mut json)?;
    json.end()?;
    Ok(envelope)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Sets what may be there once only.
fn once<T, E: Error>(place: &mut Option<T>, value: T, name: &'static str) -> Result<(), E> {
    if place.replace(value).is_some() { Err(E::duplicate_field(name)) } else { Ok(()) }
}

struct OfReview<'e, 'a>(Each<'e, 'a>);

impl<'de> DeserializeSeed<'de> for OfReview<'_, 'de> {
    type Value = Envelope<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OfReview<'_, 'de> {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a ConversionReview")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut api_version, mut kind, mut request) = (None, None, None);
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "apiVersion" => once(&mut api_version, map.next_value()?, "apiVersion")?,
                "kind" => once(&mut kind, map.next_value::<Text<'_>>()?.0, "kind")?,
                "request" => once(&mut request, map.next_value_seed(OfRequest(&mut *self.0))?, "request")?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Envelope {
            api_version: api_version.ok_or_else(|| Error::missing_field("apiVersion"))?,
            kind: kind.ok_or_else(|| Error::missing_field("kind"))?,
            request: request.ok_or_else(|| Error::missing_field("request"))?,
        })
    }
}

struct OfRequest<'e, 'a>(Each<'e, 'a>);

impl<'de> DeserializeSeed<'de> for OfRequest<'_, 'de> {
    type Value = Request<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OfRequest<'_, 'de> {
    type Value = Request<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request of a ConversionReview")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut uid, mut desired, mut objects) = (None, None::<Cow<'de, str>>, None);
        // The API server names the version first. Who does not has the list read a second time.
        let mut put_off: Option<&'de RawValue> = None;
        while let Some(Text(key)) = map.next_key()? {
            match (&*key, &desired) {
                ("uid", _) => once(&mut uid, map.next_value()?, "uid")?,
                ("desiredAPIVersion", _) => {
                    once(&mut desired, map.next_value::<Text<'_>>()?.0, "desiredAPIVersion")?;
                }
                ("objects", Some(desired)) => {
                    once(&mut objects, (), "objects")?;
                    map.next_value_seed(OfList(desired, &mut *self.0))?;
                }
                ("objects", None) => {
                    once(&mut objects, (), "objects")?;
                    put_off = Some(map.next_value()?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let uid = uid.ok_or_else(|| Error::missing_field("uid"))?;
        let desired = desired.ok_or_else(|| Error::missing_field("desiredAPIVersion"))?;
        if let Some(list) = put_off {
            let mut json = serde_json::Deserializer::from_str(list.get());
            OfList(&desired, self.0).deserialize(&mut json).map_err(Error::custom)?;
        }
        Ok(Request { uid, desired })
    }
}

struct OfList<'e, 'a>(&'e str, Each<'e, 'a>);

impl<'de> DeserializeSeed<'de> for OfList<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OfList<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    /// An empty list may come as `null`: it is a Go slice.
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element::<Element<'de>>()? {
            (self.1)(self.0, element.0);
        }
        Ok(())
    }
}

/// An element of the list, opened one level if it is an object.
struct Element<'a>(Option<Object<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Element<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Element<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Object::of_members(map).map(|object| Element(Some(object)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                IgnoredAny.visit_seq(list).map(|_| Element(None))
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Element(None))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Element(None))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Element(None))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Element(None))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Element(None))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Element(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
