//! The arguments of an Execute: `0='a',1`, in `text/plain`.

use std::fmt::Write;

use super::WireError;

/// One argument: a digit, and text if there is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// 0 to 9; each at most once.
    pub digit: u8,
    /// The text between the quotes, which has neither `'` nor `\`.
    pub value: Option<String>,
}

/// Reads a list of arguments; an empty payload is an empty list.
///
/// # Errors
///
/// When the payload is no such list.
pub fn parse(payload: &[u8]) -> Result<Vec<Argument>, WireError> {
    let text = std::str::from_utf8(payload)
        .map_err(|error| WireError::new(error.valid_up_to(), "UTF-8", "another byte"))?;
    let mut arguments: Vec<Argument> = Vec::new();
    let mut at = 0;
    let got = |at: usize| match text[at..].chars().next() {
        Some(char) => format!("`{char}`"),
        None => "the end".to_owned(),
    };
    while at < text.len() || !arguments.is_empty() {
        let digit = match payload.get(at) {
            Some(byte @ b'0'..=b'9') => byte - b'0',
            _ => return Err(WireError::new(at, "a digit", got(at))),
        };
        if arguments.iter().any(|argument| argument.digit == digit) {
            return Err(WireError::new(
                at,
                "each digit once",
                format!("{digit} again"),
            ));
        }
        at += 1;
        let mut value = None;
        if payload.get(at) == Some(&b'=') {
            at += 1;
            if payload.get(at) != Some(&b'\'') {
                return Err(WireError::new(at, "`'`", got(at)));
            }
            at += 1;
            let length = text[at..].find(['\'', '\\']).unwrap_or(text.len() - at);
            value = Some(text[at..at + length].to_owned());
            at += length;
            if payload.get(at) != Some(&b'\'') {
                return Err(WireError::new(at, "`'`", got(at)));
            }
            at += 1;
        }
        arguments.push(Argument { digit, value });
        match payload.get(at) {
            None => break,
            Some(b',') => at += 1,
            Some(_) => return Err(WireError::new(at, "`,` or the end", got(at))),
        }
    }
    Ok(arguments)
}

/// Writes a list of arguments as they are.
pub fn write(arguments: &[Argument]) -> String {
    let mut text = String::new();
    for Argument { digit, value } in arguments {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a string cannot fail.
        let _ = match value {
            Some(value) => write!(text, "{digit}='{value}'"),
            None => write!(text, "{digit}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        for text in ["", "0", "0,1,9", "0='a',1", "5='',2='a b,c=0'", "3='€'"] {
            assert_eq!(write(&parse(text.as_bytes()).unwrap()), text);
        }
    }

    #[test]
    fn what_is_no_list() {
        for (text, at) in [
            ("a", 0),
            ("0,", 2),
            (",0", 0),
            ("10", 1),
            ("0=a", 2),
            ("0='a", 4),
            ("0='a\\'", 4),
            ("0,0", 2),
            ("0 ,1", 1),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap_err().at, at, "{text}");
        }
    }
}
