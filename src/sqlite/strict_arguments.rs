//! Strict arguments: there is one for each parameter, and a parameter for each.

use std::collections::HashSet;

use rusqlite::Statement;

use super::Error;
use super::statement_info::ParameterNames;

/// The most names in an error's text.
const MOST_NAMED: usize = 10;

/// Checks that there are as many arguments as parameters.
///
/// # Errors
/// [`Error::Arguments`], which names the missing or surplus ones.
pub fn check_positional(statement: &Statement<'_>, given: usize) -> Result<(), Error> {
    let wanted = statement.parameter_count();
    if given < wanted {
        let named = (given + 1..=wanted).take(MOST_NAMED).map(|index| {
            statement.parameter_name(index).map_or_else(|| format!("?{index}"), ToOwned::to_owned)
        });
        return Err(mismatch(&format!("no argument for {}", list(named, wanted - given))));
    }
    if given > wanted {
        let surplus = (wanted + 1..=given).take(MOST_NAMED).map(|index| index.to_string());
        let has = match wanted {
            0 => "no parameter".to_owned(),
            1 => "1 parameter".to_owned(),
            _ => format!("{wanted} parameters"),
        };
        let surplus = list(surplus, given - wanted);
        return Err(mismatch(&format!("it has {has}, none for argument {surplus}")));
    }
    Ok(())
}

/// Checks that each parameter has an argument of its name, and each argument a parameter.
///
/// # Errors
/// [`Error::Arguments`], which names the missing and the unknown ones.
pub fn check_named(
    statement: &Statement<'_>,
    names: &ParameterNames,
    given: &HashSet<&str>,
) -> Result<(), Error> {
    let mut unknown: Vec<&str> =
        given.iter().copied().filter(|name| names.indexes_of(name).is_empty()).collect();
    let mut missing: Vec<&str> = names.all().filter(|name| !given.contains(name)).collect();
    let nameless = statement.parameter_count().saturating_sub(names.count());
    let mut problems = Vec::new();
    if !missing.is_empty() {
        missing.sort_unstable();
        let shown = missing.iter().take(MOST_NAMED).map(|name| quoted(name));
        problems.push(format!("no argument for {}", list(shown, missing.len())));
    }
    if nameless > 0 {
        let parameters = if nameless == 1 { "a parameter" } else { "parameters" };
        problems.push(format!("{parameters} without a name (?), for which arguments are an array"));
    }
    if !unknown.is_empty() {
        unknown.sort_unstable();
        let shown = unknown.iter().take(MOST_NAMED).map(|name| quoted(name));
        problems.push(format!("no parameter for {}", list(shown, unknown.len())));
    }
    if problems.is_empty() { Ok(()) } else { Err(mismatch(&problems.join("; "))) }
}

fn mismatch(problem: &str) -> Error {
    Error::Arguments(format!("the arguments are not those of the statement: {problem}"))
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn list(shown: impl Iterator<Item = String>, all: usize) -> String {
    let shown: Vec<_> = shown.collect();
    let more = if all > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
