//! The outbox that an object keeps in its status: written with the phase, emptied by acknowledgements.

use crate::api::v1::NotificationItem;

/// Notifications that one object keeps at most.
pub const BOUND: usize = 32;

/// Something that happened and is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News<'a> {
    /// uid of the object.
    pub uid: &'a str,
    /// Short event type.
    pub type_: &'a str,
    /// When (RFC 3339).
    pub time: String,
    /// Phase that was entered.
    pub phase: String,
    /// Phase that was left.
    pub previous_phase: Option<String>,
    /// What a person should know.
    pub message: Option<String>,
}

/// Whether the receiver asked for this type; an empty list asks for all.
pub fn is_wanted(events: Option<&[String]>, type_: &str) -> bool {
    events.is_none_or(|events| events.is_empty() || events.iter().any(|event| event == type_))
}

/// Puts news into the outbox, with the next sequence number. Returns how many of the oldest had to give way.
pub fn append(items: &mut Option<Vec<NotificationItem>>, last_sequence: &mut Option<i64>, news: News<'_>) -> usize {
    let sequence = last_sequence.unwrap_or(0) + 1;
    *last_sequence = Some(sequence);
    let list = items.get_or_insert_default();
    list.push(NotificationItem {
        id: format!("{}-{sequence}", news.uid),
        type_: news.type_.to_owned(),
        sequence,
        time: news.time,
        phase: news.phase,
        previous_phase: news.previous_phase,
        message: news.message,
        attempts: None,
        next_attempt: None,
    });
    let dropped = list.len().saturating_sub(BOUND);
    list.drain(..dropped);
    dropped
}

/// Takes acknowledged notifications out. An empty outbox is no outbox.
pub fn acknowledge(items: &mut Option<Vec<NotificationItem>>, is_acknowledged: impl Fn(&str) -> bool) {
    if let Some(list) = items {
        list.retain(|item| !is_acknowledged(&item.id));
        if list.is_empty() {
            *items = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(phase: &str) -> News<'_> {
        News {
            uid: "u",
            type_: "instance.phase",
            time: "2026-01-02T03:04:05Z".into(),
            phase: phase.into(),
            previous_phase: None,
            message: None,
        }
    }

    #[test]
    fn sequence_numbers_go_on_after_everything_was_acknowledged() {
        let (mut items, mut last) = (None, None);
        append(&mut items, &mut last, news("Starting"));
        acknowledge(&mut items, |id| id == "u-1");
        assert_eq!(items, None);
        append(&mut items, &mut last, news("Running"));
        assert_eq!(items.unwrap()[0].id, "u-2");
    }

    #[test]
    fn the_oldest_give_way() {
        let (mut items, mut last) = (None, None);
        let dropped: usize = (0..BOUND + 3).map(|_| append(&mut items, &mut last, news("x"))).sum();
        assert_eq!(dropped, 3);
        let items = items.unwrap();
        assert_eq!((items.len(), items[0].sequence), (BOUND, 4));
    }

    #[test]
    fn an_empty_list_of_events_asks_for_all() {
        assert!(is_wanted(None, "a") && is_wanted(Some(&[]), "a"));
        assert!(is_wanted(Some(&["a".into()]), "a") && !is_wanted(Some(&["b".into()]), "a"));
    }
}
