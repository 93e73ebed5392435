//! What somebody does in a sequence, and how sequences are drawn.

use std::fmt;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// A device, by its number.
pub type DeviceNo = usize;

/// Devices in every sequence; a stranger is added, and a device of the other operator where there is
/// one. Four suffice for every known violation of I1 to I7.
pub(super) const DEVICES: usize = 4;

/// How long a brief wish to be told of changes lasts, in seconds.
pub(super) const BRIEF: u32 = 60;

/// One thing that somebody does. Numbers that point beyond what there is wrap around, so that every
/// command means something in every state and sequences shrink freely.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A device uses the newest code of another as primary.
    Activate {
        /// Who activates.
        by: DeviceNo,
        /// Whose code.
        code_of: DeviceNo,
        /// Whether a name is given.
        named: bool,
    },
    /// A device uses a code while its owner withdraws the request for it.
    ActivateAgainstWithdraw {
        /// Who activates.
        by: DeviceNo,
        /// Whose code.
        code_of: DeviceNo,
        /// Whether the withdrawal leaves first.
        end_first: bool,
    },
    /// Two devices use one code at the same time.
    ActivateTogether {
        /// The one.
        by: DeviceNo,
        /// The other.
        and: DeviceNo,
        /// Whose code.
        code_of: DeviceNo,
    },
    /// The system's clock jumps.
    Advance {
        /// By the whole lifetime of an activation code, or else by almost all of it.
        whole: bool,
    },
    /// A device ends its newest twinning, or withdraws its request for one.
    Deactivate {
        /// Who.
        by: DeviceNo,
    },
    /// A device fetches what waits in its notification channel; another does if this one has none.
    Fetch {
        /// Who.
        by: DeviceNo,
    },
    /// A device lists its twinnings in the other body format.
    OtherFormat {
        /// Who.
        by: DeviceNo,
    },
    /// A device asks for an activation code.
    RequestCode {
        /// Who.
        by: DeviceNo,
        /// Whether the request holds an element that no type has.
        #[serde(default)]
        extended: bool,
    },
    /// The system is stopped and started.
    Restart,
    /// A device asks to be told of changes.
    Subscribe {
        /// Who.
        by: DeviceNo,
        /// How.
        way: Way,
    },
    /// A device asks twice in the same words to be told of changes.
    SubscribeTwice {
        /// Who.
        by: DeviceNo,
    },
    /// A secondary redeems the authorization code of its twinning.
    Redeem {
        /// Who.
        by: DeviceNo,
    },
    /// The other operator's device becomes the primary of a device, by its newest code, unless it is
    /// twinned.
    TakeUpFromAbroad {
        /// Whose code.
        code_of: DeviceNo,
    },
    /// A device switches its newest twinning.
    Toggle {
        /// Who.
        by: DeviceNo,
        /// On or off.
        on: bool,
    },
    /// The other operator's device switches its twinning.
    ToggleAbroad {
        /// On or off.
        on: bool,
    },
    /// One side switches while the other ends the twinning.
    ToggleAgainstDeactivate {
        /// Who switches.
        by: DeviceNo,
        /// On or off.
        on: bool,
        /// Whether the end leaves first.
        #[serde(default)]
        end_first: bool,
    },
    /// A device switches its twinning with the other operator's device while that operator is out of
    /// service; then the operator comes back.
    ToggleWhileAbroadIsDown {
        /// On or off.
        on: bool,
    },
    /// A device activates with a code of the other operator, unless that operator's device is twinned.
    TwinAbroad {
        /// Who.
        by: DeviceNo,
    },
    /// A device withdraws its newest wish to be told of changes; another does if this one has none.
    Unsubscribe {
        /// Who.
        by: DeviceNo,
    },
}

/// How a device asks to be told of changes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By being called back, for a minute.
    Briefly,
    /// By being called back.
    CalledBack,
    /// Through a notification channel.
    ThroughChannel,
}

/// In words, as a tester would say it.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let switches = |on: bool| if on { "on" } else { "off" };
        match *self {
            Self::Activate { by, code_of, named } => {
                write!(
                    f,
                    "device {by} activates with device {code_of}'s newest code"
                )?;
                f.write_str(if named { " and gives a name" } else { "" })
            }
            Self::ActivateAgainstWithdraw { by, code_of, .. } => write!(
                f,
                "device {by} activates with device {code_of}'s newest code while device {code_of} \
                 withdraws its request"
            ),
            Self::ActivateTogether { by, and, code_of } => write!(
                f,
                "devices {by} and {and} activate with device {code_of}'s newest code at the same time"
            ),
            Self::Advance { whole } => {
                let span = if whole { "the" } else { "almost the" };
                write!(
                    f,
                    "{span} whole lifetime of a code passes on the system's clock"
                )
            }
            Self::Deactivate { by } => write!(
                f,
                "device {by} ends its newest twinning, or withdraws its request for one"
            ),
            Self::Fetch { by } => write!(
                f,
                "device {by} fetches what waits in its notification channel"
            ),
            Self::OtherFormat { by } => {
                write!(f, "device {by} lists its twinnings in JSON and in XML")
            }
            Self::RequestCode { by, extended } => {
                write!(f, "device {by} asks for an activation code")?;
                f.write_str(if extended {
                    " in a request with an element that nobody knows"
                } else {
                    ""
                })
            }
            Self::Restart => f.write_str("the system is stopped and started"),
            Self::Subscribe { by, way } => {
                write!(f, "device {by} asks to be told of changes")?;
                match way {
                    Way::Briefly => write!(f, " for {BRIEF} seconds"),
                    Way::CalledBack => Ok(()),
                    Way::ThroughChannel => f.write_str(" through a notification channel"),
                }
            }
            Self::SubscribeTwice { by } => write!(
                f,
                "device {by} asks twice in the same words to be told of changes"
            ),
            Self::Redeem { by } => write!(f, "device {by} redeems its authorization code"),
            Self::TakeUpFromAbroad { code_of } => write!(
                f,
                "the other operator's device activates with the code of device {code_of}"
            ),
            Self::Toggle { by, on } => {
                write!(
                    f,
                    "device {by} switches its newest twinning {}",
                    switches(on)
                )
            }
            Self::ToggleAbroad { on } => write!(
                f,
                "the other operator's device switches its twinning {}",
                switches(on)
            ),
            Self::ToggleAgainstDeactivate { by, on, .. } => write!(
                f,
                "device {by} switches its newest twinning {} while the other side ends it",
                switches(on)
            ),
            Self::ToggleWhileAbroadIsDown { on } => write!(
                f,
                "the twinning with the other operator's device is switched {} while that operator is \
                 out of service",
                switches(on)
            ),
            Self::TwinAbroad { by } => {
                write!(f, "device {by} activates with a code of the other operator")
            }
            Self::Unsubscribe { by } => write!(
                f,
                "device {by} withdraws its newest wish to be told of changes"
            ),
        }
    }
}

/// What may be drawn besides the commands that need nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered {
    /// There is another operator that Twinproof plays.
    pub(super) abroad: bool,
    /// The system's clock can be moved.
    pub(super) clock: bool,
    /// There is a notification channel.
    pub(super) channel: bool,
    /// Devices can be called back.
    pub(super) callback: bool,
    /// Two devices act at the same time.
    pub(super) races: bool,
    /// The system can be restarted.
    pub(super) restart: bool,
    /// There is an authorization server.
    pub(super) tokens: bool,
}

impl Offered {
    /// What may be drawn for the sequence of this number. What is left out makes room for the rest, and
    /// what is found with less is told with less.
    pub(super) fn in_case(self, case: u32) -> Self {
        let plain = case.is_multiple_of(5);
        let (races, news, abroad) = match case % 5 {
            0 => (false, false, false),
            1 => (true, false, false),
            2 => (false, true, false),
            3 => (false, false, true),
            _ => (true, true, true),
        };
        Self {
            abroad: self.abroad && abroad,
            callback: self.callback && news,
            channel: self.channel && news,
            races: self.races && races,
            tokens: self.tokens && plain,
            ..self
        }
    }
}

/// One command, the more important ones more often.
pub(super) fn any_command(offered: Offered) -> impl Strategy<Value = Command> {
    let device = || 0..DEVICES;
    let code = (device(), prop::bool::weighted(0.125))
        .prop_map(|(by, extended)| Command::RequestCode { by, extended });
    let activate = (device(), device(), any::<bool>())
        .prop_map(|(by, code_of, named)| Command::Activate { by, code_of, named });
    let together = (device(), device(), device())
        .prop_map(|(by, and, code_of)| Command::ActivateTogether { by, and, code_of });
    let withdraw = (device(), device(), any::<bool>()).prop_map(|(by, code_of, end_first)| {
        Command::ActivateAgainstWithdraw {
            by,
            code_of,
            end_first,
        }
    });
    let toggle = (device(), any::<bool>()).prop_map(|(by, on)| Command::Toggle { by, on });
    let race = (device(), any::<bool>(), any::<bool>())
        .prop_map(|(by, on, end_first)| Command::ToggleAgainstDeactivate { by, on, end_first });
    let one = |command: fn(DeviceNo) -> Command| device().prop_map(command).boxed();
    let mut choices = vec![
        (8, code.boxed()),
        (8, activate.boxed()),
        (6, toggle.boxed()),
        (3, one(|by| Command::Deactivate { by })),
        (1, one(|by| Command::OtherFormat { by })),
    ];
    if offered.races {
        choices.extend([
            (2, together.boxed()),
            (1, withdraw.boxed()),
            (1, race.boxed()),
        ]);
    }
    if offered.clock {
        let advance = any::<bool>().prop_map(|whole| Command::Advance { whole });
        // Wishes run out as codes do.
        let weight = if offered.callback { 4 } else { 2 };
        choices.push((weight, advance.boxed()));
    }
    if offered.restart {
        choices.push((1, Just(Command::Restart).boxed()));
    }
    if offered.tokens {
        choices.push((5, one(|by| Command::Redeem { by })));
    }
    let subscribe = |way: Way| device().prop_map(move |by| Command::Subscribe { by, way });
    if offered.callback {
        choices.extend([
            (3, subscribe(Way::CalledBack).boxed()),
            (2, subscribe(Way::Briefly).boxed()),
            (1, one(|by| Command::SubscribeTwice { by })),
            (3, one(|by| Command::Unsubscribe { by })),
        ]);
    }
    if offered.channel {
        choices.extend([
            (2, subscribe(Way::ThroughChannel).boxed()),
            (3, one(|by| Command::Fetch { by })),
        ]);
    }
    if offered.abroad {
        let toggled = any::<bool>().prop_map(|on| Command::ToggleAbroad { on });
        let down = any::<bool>().prop_map(|on| Command::ToggleWhileAbroadIsDown { on });
        choices.extend([
            (3, one(|by| Command::TwinAbroad { by })),
            (3, one(|code_of| Command::TakeUpFromAbroad { code_of })),
            (4, toggled.boxed()),
            (2, down.boxed()),
        ]);
    }
    proptest::strategy::Union::new_weighted(choices)
}
