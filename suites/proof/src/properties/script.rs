//! What was done in a sequence, in the order and the meaning in which it came out.

use super::command::Way;
use super::model::Reason;

/// What was done, as it came out: who was meant by "its newest twinning", and so on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Line {
    AbroadBack,
    AbroadDown,
    ActivateTogether {
        by: usize,
        and: usize,
        owner: usize,
    },
    Activates {
        by: usize,
        /// Whose code, if there was one.
        owner: Option<usize>,
        /// What tells the name from others, if one was given.
        named: Option<usize>,
    },
    ActivatesAbroad {
        by: usize,
    },
    ActivatesAgainstEnd {
        by: usize,
        owner: usize,
    },
    Asks {
        by: usize,
        extended: bool,
    },
    Ends {
        by: usize,
        partner: Option<usize>,
    },
    ObtainsToken {
        by: usize,
    },
    Passes {
        whole: bool,
    },
    Redeems {
        by: usize,
    },
    Restarts,
    /// Somebody without a part in it tries to read the newest twinning of a device.
    StrangerReads {
        of: usize,
    },
    Subscribes {
        by: usize,
        way: Way,
    },
    SubscribesTwice {
        by: usize,
    },
    Switches {
        by: usize,
        peer: usize,
        on: bool,
        /// It is not so already.
        is_news: bool,
    },
    SwitchesAbroad {
        on: bool,
        /// Whose twinning, if it is not so already.
        news_to: Option<usize>,
    },
    SwitchesAgainstEnd {
        by: usize,
        other: usize,
    },
    /// The other operator's device becomes the primary of one here.
    TakesUpFromAbroad {
        of: usize,
    },
    Unsubscribes {
        by: usize,
    },
}

/// What should have come of the last line, where the driver saw by itself that it did not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    Acceptance,
    AccessEnded(usize),
    BothFormats(usize),
    Code,
    CodeWorthless(usize),
    /// Its URL is answered, but not with itself.
    LeadsToItself {
        device: usize,
        answered: bool,
    },
    OneOfTwo,
    OneWish,
    Refusal(Reason),
    StrangerKeptOut(usize),
    Token(usize),
    ToldThroughChannel(usize),
}

/// What was done so far, and what should have come of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) lines: Vec<Line>,
    pub(super) wanted: Option<Wanted>,
    /// Something was accepted that may as well be refused, and what came then builds on it.
    pub(super) is_lucky: bool,
}

impl Script {
    pub(super) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Something was accepted that may as well be refused.
    pub(super) fn rely_on_luck(&mut self) {
        self.is_lucky = true;
    }

    pub(super) fn end_with(&mut self, wanted: Wanted) {
        self.wanted = Some(wanted);
    }
}
