//! The operator's tool of cairn: prints what the admin API answers.
//!
//! Every verb asks the daemon over its admin socket and prints the answer, as a table or, with `--json`, as exactly one
//! JSON document. The exit code says how it went: 0 done, 1 the daemon said no or found something broken, 2 usage,
//! 3 the daemon is not reachable, 130 interrupted.

mod account_arguments;
mod address;
mod arguments;
mod ask;
mod failure;
mod output;
mod progress;
mod table;
mod verbs;

use std::process::ExitCode;

use cairn_admin_api::Client;
use clap::Parser as _;

use crate::arguments::{Arguments, Verb};
use crate::failure::Failure;
use crate::output::Output;

/// What a verb is run with.
pub(crate) struct Context {
    /// The daemon.
    pub(crate) client: Client,
    /// Where answers go.
    pub(crate) output: Output,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json, arguments.color);
    let context = Context { client: Client::new(arguments.socket()), output };
    match run(&context, arguments.verb).await {
        Ok(code) => code,
        Err(failure) => failure.tell(&context.output),
    }
}

/// Runs a verb; the exit code where the daemon did what was asked.
async fn run(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Status => verbs::status::show(context).await,
        Verb::Uploads(verb) => verbs::uploads::run(context, verb).await,
        Verb::Files(verb) => verbs::files::run(context, verb).await,
        Verb::Blobs(verb) => verbs::blobs::run(context, verb).await,
        Verb::Users(verb) => verbs::users::run(context, verb).await,
        Verb::Tokens(verb) => verbs::tokens::run(context, verb).await,
        Verb::Links(verb) => verbs::links::run(context, verb).await,
        Verb::Sweep { dry_run, force } => verbs::sweep::run(context, dry_run, force).await,
        Verb::Config(verb) => verbs::config::run(context, verb).await,
        Verb::Completions { shell } => verbs::completions::print(context, shell),
    }
}
