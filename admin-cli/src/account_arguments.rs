//! What the command line says of users and tokens.

use std::time::Duration;

use bytesize::ByteSize;
use cairn_admin_api::{Limits, NamedQuota, Quota};
use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use crate::arguments::Most;

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserVerb {
    /// Add a user; files that an owner of this name has are theirs
    Add {
        /// The name
        name: String,
        /// What they may keep and stage: such as 10GiB, or unbounded; as configured if absent
        #[arg(long, value_name = "BYTES", value_parser = quota)]
        quota: Option<Quota>,
    },
    /// List users
    List {
        /// How many at most.
        #[command(flatten)]
        most: Most,
    },
    /// Show a user, what they keep, and their tokens
    Show {
        /// The user
        name: String,
    },
    /// Believe nothing any more that says it is this user; what is running for them is stopped
    Disable {
        /// The user
        name: String,
    },
    /// Believe tokens of this user again
    Enable {
        /// The user
        name: String,
    },
    /// Set what a user may keep and stage
    SetQuota {
        /// The user
        name: String,
        /// Such as 10GiB; unbounded; or configured, which is what the daemon's configuration says
        #[arg(value_name = "BYTES", value_parser = quota)]
        quota: Quota,
    },
    /// Set limits of a user's own, each as NAME=VALUE; one without a value is taken away
    SetLimits {
        /// The user
        name: String,
        /// The limits
        #[arg(required = true, value_name = "NAME=VALUE", value_parser = limit)]
        limits: Vec<(String, Value)>,
    },
    /// Remove a user and their tokens
    Remove {
        /// The user
        name: String,
        /// Their files and uploads too; a user who has any is not removed otherwise
        #[arg(long)]
        purge: bool,
        /// Tell what would go and remove nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token of a user, and print it: it is shown this once
    Add {
        /// Whose it will be
        #[arg(long, value_name = "USER")]
        user: String,
        /// What it will be good for
        #[arg(long, value_name = "SCOPES", value_delimiter = ',', default_value = "read,write")]
        scope: Vec<Scope>,
        /// For how long, such as 12h or 30d; for ever if absent
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
    },
    /// List tokens, those that are good for nothing any more too
    List {
        /// Of this user only
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// How many at most.
        #[command(flatten)]
        most: Most,
    },
    /// Revoke tokens, for good; what is running with them is stopped
    Revoke {
        /// The tokens, by their ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// What to do with links.
#[derive(Debug, Subcommand)]
pub(crate) enum LinkVerb {
    /// Make a link to one file of a user, and print its URL: it is shown this once
    Add {
        /// What it will be good for
        #[arg(value_enum)]
        purpose: Purpose,
        /// The file
        path: String,
        /// Whose file it is
        #[arg(long, value_name = "USER")]
        user: String,
        /// For how long, such as 12h or 30d [default: 1h]
        #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
        /// Good for one use only
        #[arg(long)]
        once: bool,
        /// Of an upload: the most bytes, such as 500MB or 10GiB
        #[arg(long, value_name = "BYTES")]
        max_length: Option<ByteSize>,
        /// Of an upload: the only media type
        #[arg(long, value_name = "TYPE")]
        content_type: Option<String>,
        /// Print the endpoint for a client of tus instead
        #[arg(long)]
        tus: bool,
    },
}

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Purpose {
    /// To send the file
    Upload,
    /// To read it
    Download,
}

impl Purpose {
    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    /// To read the user's files and uploads
    Read,
    /// To make, change and remove them
    Write,
    /// To see how the daemon is doing
    Admin,
}

impl Scope {
    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

/// The limits as they go over the socket: one without a value is null.
pub(crate) fn limits(pairs: Vec<(String, Value)>) -> Limits {
    pairs.into_iter().collect()
}

fn quota(text: &str) -> Result<Quota, String> {
    match text {
        "configured" => Ok(Quota::Named(NamedQuota::Configured)),
        "unbounded" => Ok(Quota::Named(NamedQuota::Unbounded)),
        _ => text.parse().map(|ByteSize(bytes)| Quota::Bytes(bytes)).map_err(|_| {
            "a quota is a number of bytes such as 500MB or 10GiB, or `unbounded`, or `configured`".to_owned()
        }),
    }
}

/// A value is JSON, or else text.
fn limit(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("a limit has a name".to_owned()),
        Some((name, "")) => Ok((name.to_owned(), Value::Null)),
        Some((name, value)) => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok((name.to_owned(), value))
        }
        None => Err("a limit is NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quota_is_bytes_or_a_name() {
        assert_eq!(quota("10GiB"), Ok(Quota::Bytes(10 << 30)));
        assert_eq!(quota("0"), Ok(Quota::Bytes(0)));
        assert_eq!(quota("unbounded"), Ok(Quota::Named(NamedQuota::Unbounded)));
        assert_eq!(quota("configured"), Ok(Quota::Named(NamedQuota::Configured)));
        assert!(["", "-1", "lots", "10 apples"].into_iter().all(|text| quota(text).is_err()));
    }

    #[test]
    fn a_limit_is_json_text_or_nothing() {
        assert_eq!(limit("max_open=5"), Ok(("max_open".to_owned(), json!(5))));
        assert_eq!(limit("rate=10MiB"), Ok(("rate".to_owned(), json!("10MiB"))));
        assert_eq!(limit("rate="), Ok(("rate".to_owned(), Value::Null)));
        assert!(limit("rate").is_err() && limit("=5").is_err());
    }
}
