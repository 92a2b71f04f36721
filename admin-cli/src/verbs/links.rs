//! `links`: add.

use std::process::ExitCode;

use bytesize::ByteSize;
use cairn_admin_api::{MadeLink, NewLink};

use crate::Context;
use crate::account_arguments::LinkVerb;
use crate::failure::Failure;
use crate::table::moment;

/// Runs a verb.
///
/// # Errors
/// The daemon refused, or is not reachable.
pub(crate) async fn run(context: &Context, verb: LinkVerb) -> Result<ExitCode, Failure> {
    let LinkVerb::Add { purpose, path, user, expires, once, max_length, content_type, tus } = verb;
    let new = NewLink {
        user,
        purpose: purpose.name().to_owned(),
        path,
        expires_in: expires.map(|time| time.as_secs()),
        once,
        max_length: max_length.map(|ByteSize(bytes)| bytes),
        content_type,
    };
    add(context, &new, tus).await
}

/// The URL alone goes to standard output, so that a script can take it from there.
async fn add(context: &Context, new: &NewLink, tus: bool) -> Result<ExitCode, Failure> {
    let made: MadeLink = context.client.post("/links", new).await?;
    if !context.output.json() {
        let uses = if made.once { "one use" } else { "as many uses as there are" };
        eprintln!(
            "The link {} is good until {} for {uses}. It is not shown again.",
            made.id,
            moment(&made.expires_at),
        );
        if made.url.starts_with('/') {
            eprintln!("server.public_url is not configured: put the daemon's address in front.");
        }
    }
    context.output.print(&made, |made| {
        let tus = made.tus_url.as_ref().filter(|_| tus);
        format!("{}\n", tus.unwrap_or(&made.url))
    })?;
    Ok(ExitCode::SUCCESS)
}
