//! Programs of a profile: jq, run over JSON.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jaq_core::load::{Arena, File, Loader, lex, parse};
use jaq_core::{Compiler, Ctx, Vars, data, load, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;

/// Whether a program can be understood.
///
/// # Errors
///
/// It cannot; the words say what was expected where.
pub(crate) fn check(define: &str, program: &str) -> Result<(), String> {
    compiled(define, program).map(drop)
}

/// Everything that a program gives for an input.
///
/// # Errors
///
/// The program cannot be understood, or ends with an error.
pub(crate) fn all(define: &str, program: &str, input: &Value) -> Result<Vec<Value>, String> {
    let filter = compiled(define, program)?;
    let input = jaq_json::read::parse_single(input.to_string().as_bytes())
        .map_err(|error| error.to_string())?;
    let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let outputs = filter.id.run((context, input)).map(unwrap_valr);
    outputs
        .map(|output| {
            let output = output.map_err(|error| error.to_string())?;
            serde_json::from_str(&output.to_string())
                .map_err(|_| format!("expected JSON, got {output}"))
        })
        .collect()
}

/// The one thing that a program gives for an input.
///
/// # Errors
///
/// It gives nothing or more than one, or see [`all`].
pub(crate) fn one(define: &str, program: &str, input: &Value) -> Result<Value, String> {
    let mut outputs = all(define, program, input)?;
    match outputs.len() {
        1 => Ok(outputs.remove(0)),
        count => Err(format!("expected one value of the program, got {count}")),
    }
}

type Filter = jaq_core::Filter<data::JustLut<Val>>;

thread_local! {
    /// The programs that this thread has run, by their code: a profile has few, and events are many.
    static COMPILED: RefCell<HashMap<String, Rc<Filter>>> = RefCell::default();
}

fn compiled(define: &str, program: &str) -> Result<Rc<Filter>, String> {
    // On a line of its own, so that a comment at the end of the definitions ends there.
    let code = format!("{define}\n{program}");
    if let Some(known) = COMPILED.with_borrow(|compiled| compiled.get(&code).cloned()) {
        return Ok(known);
    }
    let filter = Rc::new(compile(&code)?);
    COMPILED.with_borrow_mut(|compiled| compiled.insert(code, Rc::clone(&filter)));
    Ok(filter)
}

fn compile(code: &str) -> Result<Filter, String> {
    let definitions = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let functions = jaq_core::funs()
        .chain(jaq_std::funs())
        .chain(jaq_json::funs());
    let arena = Arena::default();
    let file = File { code, path: () };
    let modules = Loader::new(definitions).load(&arena, file);
    let modules = modules.map_err(|errors| {
        let errors = errors.iter().map(|(_, error)| unread(code, error));
        errors.collect::<Vec<_>>().join("; ")
    })?;
    Compiler::default()
        .with_funs(functions)
        .compile(modules)
        .map_err(|errors| {
            let errors = errors.iter().flat_map(|(_, errors)| errors);
            let words = errors.map(|(name, what)| format!("unknown {} {name:?}", what.as_str()));
            words.collect::<Vec<_>>().join("; ")
        })
}

fn unread(code: &str, error: &load::Error<&str>) -> String {
    let found = |expected: &str, rest: &str| {
        let at = load::span(code, rest).start.min(code.len());
        let near: String = code[at..].chars().take(20).collect();
        match near.is_empty() {
            true => format!("expected {expected}, got the end of the program"),
            false => format!("expected {expected} at {near:?}"),
        }
    };
    let words: Vec<String> = match error {
        load::Error::Io(errors) => errors
            .iter()
            .map(|(module, why)| format!("{module}: {why}"))
            .collect(),
        load::Error::Lex(errors) => errors
            .iter()
            .map(|(expected, rest): &lex::Error<&str>| found(expected.as_str(), rest))
            .collect(),
        load::Error::Parse(errors) => errors
            .iter()
            .map(|(expected, rest): &parse::Error<&str>| found(expected.as_str(), rest))
            .collect(),
    };
    words.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{all, check, one};

    #[test]
    fn programs_read_and_make_json() {
        let input = json!({ "status": "CONTENT(205)", "content": { "value": "95" } });
        let code = r#".status | capture("\\((?<c>.)(?<d>..)\\)") | "\(.c).\(.d)""#;
        assert_eq!(one("", code, &input).unwrap(), json!("2.05"));
        let define = "def double: . * 2; # a comment";
        assert_eq!(one(define, "21 | double", &input).unwrap(), json!(42));
        assert_eq!(all("", "1, 2", &input).unwrap(), vec![json!(1), json!(2)]);
        assert_eq!(
            all("", "empty", &input).unwrap(),
            Vec::<serde_json::Value>::new()
        );
    }

    #[test]
    fn what_is_wrong_with_a_program_is_said() {
        for (program, says) in [
            (".a |", "expected"),
            ("{a: }", "expected"),
            ("frobnicate", "unknown filter \"frobnicate\""),
            ("$x", "unknown variable \"$x\""),
        ] {
            let words = check("", program).unwrap_err();
            assert!(words.contains(says), "{program}: {words}");
        }
        let words = one("", "error(\"no\")", &json!(null)).unwrap_err();
        assert!(words.contains("no"), "{words}");
        let words = one("", "1, 2", &json!(null)).unwrap_err();
        assert_eq!(words, "expected one value of the program, got 2");
    }
}
