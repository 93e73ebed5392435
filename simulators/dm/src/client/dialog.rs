//! What a user is shown, and what a user says.

use crate::syncml::alert::UiOptions;
use crate::syncml::{Alert, AlertCode, Item, StatusCode};

/// What a user is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// What is wanted: 1100 to 1104.
    pub code: AlertCode,
    /// The options.
    pub options: UiOptions,
    /// The text, as it is: no markup, no format string.
    pub text: String,
    /// The choices, in order.
    pub choices: Vec<String>,
}

/// What a user says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Stops the dialog.
    Cancel,
    /// The choices, from 1.
    Chosen(Vec<u32>),
    /// No.
    No,
    /// Nothing, until the time is over.
    Nothing,
    /// A text.
    Text(String),
    /// Yes; of a text that is only shown, that it was seen.
    Yes,
}

impl Dialog {
    /// The dialog that an alert asks for; none if it lacks a text, or choices where it needs them.
    #[must_use]
    pub fn of(alert: &Alert) -> Option<Self> {
        let text = |item: &Item| {
            let data = item.data.as_ref();
            data.and_then(|data| data.as_text()).map(str::to_owned)
        };
        let [options, title, choices @ ..] = alert.items.as_slice() else {
            return None;
        };
        let choices: Vec<_> = choices.iter().map(text).collect::<Option<_>>()?;
        let wants_choices = [AlertCode::SINGLE_CHOICE, AlertCode::MULTIPLE_CHOICE];
        if wants_choices.contains(&alert.code) && choices.is_empty() {
            return None;
        }
        Some(Self {
            code: alert.code,
            options: UiOptions::parse(&text(options).unwrap_or_default()),
            text: text(title)?,
            choices,
        })
    }

    /// The status for what the user said, and its items. A user who says nothing is taken to have
    /// given the default answer, if there is one.
    #[must_use]
    pub fn outcome(&self, reply: &Reply) -> (StatusCode, Vec<Item>) {
        let said = |text: &str| vec![Item::default().with_text(text)];
        match reply {
            Reply::Cancel => (StatusCode::CANCELLED_BY_USER, Vec::new()),
            Reply::No => (StatusCode::NOT_MODIFIED, Vec::new()),
            Reply::Yes => (StatusCode::OK, Vec::new()),
            Reply::Text(text) => (StatusCode::OK, said(text)),
            Reply::Chosen(indices) => {
                let items = indices.iter().flat_map(|index| said(&index.to_string()));
                (StatusCode::OK, items.collect())
            }
            Reply::Nothing => match (self.code, self.options.default_response.as_deref()) {
                (AlertCode::DISPLAY, _) => (StatusCode::OK, Vec::new()),
                (_, None) => (StatusCode::REQUEST_TIMEOUT, Vec::new()),
                (AlertCode::CONFIRM, Some("1")) => (StatusCode::OK, Vec::new()),
                (AlertCode::CONFIRM, Some(_)) => (StatusCode::NOT_MODIFIED, Vec::new()),
                (AlertCode::MULTIPLE_CHOICE, Some(text)) => {
                    (StatusCode::OK, text.split('-').flat_map(said).collect())
                }
                (_, Some(text)) => (StatusCode::OK, said(text)),
            },
        }
    }
}
