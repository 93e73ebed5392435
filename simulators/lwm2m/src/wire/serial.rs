//! How a ledger writes what CoAP has as numbers: for `#[serde(with = "…")]`.

/// A code as `"2.05"`.
pub mod code {
    use std::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use twinproof_coap::Code;

    /// Writes a code as text.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}.{:02}", code.class_digit(), code.detail()))
    }

    /// Reads a code from text.
    ///
    /// # Errors
    ///
    /// When the text is not `class.detail` with a class of 0 to 7 and a detail of 0 to 31.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse(&text)
            .ok_or_else(|| Error::custom(format!("expected a code like 2.05, got `{text}`")))
    }

    /// The code that `class.detail` names.
    pub fn parse(text: &str) -> Option<Code> {
        let (class, detail) = text.split_once('.')?;
        let (class, detail) = (class.parse::<u8>().ok()?, detail.parse::<u8>().ok()?);
        (class < 8 && detail < 32).then(|| Code::new(class, detail))
    }
}

/// A content format, or none, as its number.
pub mod format {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use twinproof_coap::ContentFormat;

    /// Writes the number.
    ///
    /// # Errors
    ///
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        format: &Option<ContentFormat>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        format.map(|format| format.0).serialize(serializer)
    }

    /// Reads the number.
    ///
    /// # Errors
    ///
    /// When it is none of 16 bits.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ContentFormat>, D::Error> {
        Ok(Option::<u16>::deserialize(deserializer)?.map(ContentFormat))
    }
}
