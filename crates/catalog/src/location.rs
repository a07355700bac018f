//! Where a source's data lie: relative paths and `${NAME}` of a catalog, resolved.

use std::fmt;
use std::path::{Path, PathBuf};

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A resolved path: with the project's folder before it and environment variables in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, a folder or a glob.
    Local(PathBuf),
    /// A URL, such as `s3://bucket/orders/*.parquet` or `postgres://user@host/shop`.
    Remote(String),
}

impl Location {
    /// The location that a path in a project's file means.
    pub(crate) fn new(root: &Path, path: &str) -> Self {
        match scheme(path) {
            Some("file") => Self::Local(root.join(&path["file://".len()..])),
            Some(_) => Self::Remote(path.to_owned()),
            None => {
                let path = path.strip_prefix("./").unwrap_or(path);
                Self::Local(root.join(path))
            }
        }
    }

    /// Whether this is a PostgreSQL database.
    #[must_use]
    pub fn is_database(&self) -> bool {
        self.scheme()
            .is_some_and(|scheme| ["postgres", "postgresql"].contains(&scheme))
    }

    /// How a URL begins, such as `https`; none on this machine.
    pub(crate) fn scheme(&self) -> Option<&str> {
        match self {
            Self::Local(_) => None,
            Self::Remote(url) => scheme(url),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => path.display().fmt(f),
            Self::Remote(url) => f.write_str(url),
        }
    }
}

/// The scheme of a URL, the text before `://`.
fn scheme(path: &str) -> Option<&str> {
    let (scheme, _) = path.split_once("://")?;
    let is_scheme = !scheme.is_empty()
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}

/// Why a `${NAME}` could not be replaced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExpandError {
    /// The variable is not set, or not Unicode.
    Unset(String),
    /// A `${` without its `}`, or without a name between them.
    Malformed,
}

/// Replaces each `${NAME}` by the environment variable NAME.
pub(crate) fn expand(text: &str, environment: Environment<'_>) -> Result<String, ExpandError> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        expanded.push_str(&rest[..start]);
        let after = &rest[start + 2..];
        let (name, next) = after.split_once('}').ok_or(ExpandError::Malformed)?;
        let is_variable =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_variable {
            return Err(ExpandError::Malformed);
        }
        let value = environment(name).ok_or_else(|| ExpandError::Unset(name.to_owned()))?;
        expanded.push_str(&value);
        rest = next;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "DATA").then(|| "/data".to_owned())
    }

    #[test]
    fn replaces_variables() {
        let expand = |text| expand(text, &environment);
        assert_eq!(expand("${DATA}/a.csv").unwrap(), "/data/a.csv");
        assert_eq!(expand("a${DATA}b${DATA}").unwrap(), "a/datab/data");
        assert_eq!(expand("$DATA/$").unwrap(), "$DATA/$");
        assert_eq!(
            expand("${NONE}"),
            Err(ExpandError::Unset("NONE".to_owned()))
        );
        for text in ["${", "${DATA", "${}", "${A B}"] {
            assert_eq!(expand(text), Err(ExpandError::Malformed), "{text}");
        }
    }

    #[test]
    fn resolves_against_the_root() {
        let location = |path| Location::new(Path::new("shop"), path);
        assert_eq!(
            location("./a/*.csv"),
            Location::Local("shop/a/*.csv".into())
        );
        assert_eq!(
            location("/data/a.csv"),
            Location::Local("/data/a.csv".into())
        );
        assert_eq!(
            location("file:///data/a.csv"),
            Location::Local("/data/a.csv".into())
        );
        assert_eq!(
            location("s3://b/a.parquet"),
            Location::Remote("s3://b/a.parquet".to_owned())
        );
        assert!(location("postgres://h/shop").is_database());
        assert!(!location("s3://b/a.parquet").is_database());
    }
}
