//! Scenarios that wait for a timer which a standard fixes, and how long.
//!
//! `@slow:98s` says how long a scenario waits at least where nobody can move the system's clock. On the
//! virtual stage, and with a clock hook, the same time passes at once.

use std::time::Duration;

use crate::profile::{Profile, Span};

/// The tag, without `@`, up to its colon.
pub const TAG: &str = "slow";

/// Why a tag says no waiting although it should; none for any other tag.
pub fn fault(tag: &str) -> Option<String> {
    let said = tag.strip_prefix(TAG)?;
    let expected = format!("how long it waits, as in @{TAG}:98s");
    match said.strip_prefix(':') {
        Some(span) => span
            .parse::<Span>()
            .err()
            .map(|why| format!("@{tag}: {why}; expected {expected}")),
        None => said
            .is_empty()
            .then(|| format!("@{tag} does not say {expected}")),
    }
}

/// How long a scenario with these tags waits if nobody can move the clock.
pub fn said(tags: &[String]) -> Option<Duration> {
    tags.iter().find_map(|tag| {
        let span = tag.strip_prefix(TAG)?.strip_prefix(':')?;
        span.parse::<Span>().ok().map(Span::duration)
    })
}

/// How long a scenario of this id waits with the system of this profile: not at all where a hook moves
/// the clock of the enabler that it is about.
pub fn waiting(id: &str, tags: &[String], profile: &Profile) -> Option<Duration> {
    let twinning = profile
        .twinning
        .as_ref()
        .map(|section| &section.advance_clock);
    let lwm2m = profile.lwm2m.as_ref().map(|section| &section.advance_clock);
    let gwmo = profile.gwmo.as_ref().map(|section| &section.advance_clock);
    let hook = match id.split('/').next() {
        Some("twinning") => twinning,
        Some("lwm2m") => lwm2m,
        Some("gwmo") => gwmo,
        _ => None,
    };
    match hook {
        Some(Some(_)) => None,
        _ => said(tags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|&tag| tag.to_owned()).collect()
    }

    #[test]
    fn a_tag_says_how_long() {
        assert_eq!(
            said(&tags(&["id:x", "slow:98s"])),
            Some(Duration::from_secs(98))
        );
        assert_eq!(said(&tags(&["id:slow:9s", "slowly:9s"])), None);
        assert_eq!(fault("slow:98s"), None);
        assert_eq!(fault("slowly"), None);
        for tag in ["slow", "slow:", "slow:long", "slow:98"] {
            assert!(
                fault(tag).is_some_and(|why| why.contains("@slow:98s")),
                "{tag}"
            );
        }
    }

    #[test]
    fn who_can_move_the_clock_waits_for_nothing() {
        let profile = |hook: &str| {
            let text = format!(
                "[sut]\nname = \"s\"\nrole = \"lwm2m-server\"\n[lwm2m]\n\
                 server = \"coap://localhost:5683\"\n{hook}"
            );
            crate::profile::Declared::parse(&text).unwrap().profile
        };
        let waits = |hook| waiting("lwm2m/queue/x", &tags(&["slow:98s"]), &profile(hook));
        assert_eq!(waits(""), Some(Duration::from_secs(98)));
        assert_eq!(waits("advance_clock = \"jump\""), None);
    }
}
