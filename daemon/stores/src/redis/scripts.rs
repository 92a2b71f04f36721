//! The scripts: each is one whole change. Redis knows a script by its hash, and gets its text only if it has none of it:
//! after a restart, a `SCRIPT FLUSH`, or on another node.

use redis::{Cmd, ErrorKind, ServerErrorKind, ToRedisArgs, Value, cmd};

use super::connect::Link;
use super::fault::Fault;

/// A script's text and its hash.
pub(super) struct Script {
    text: &'static str,
    script: redis::Script,
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)+) => {
        /// Every script.
        pub(super) struct Scripts {
            $($(#[$doc])* pub(super) $name: Script,)+
        }

        impl Scripts {
            pub(super) fn new() -> Self {
                Self {
                    $($name: Script::new(concat!(
                        include_str!("scripts/common.lua"),
                        include_str!(concat!("scripts/", $file))
                    )),)+
                }
            }
        }
    };
}

scripts! {
    /// Writes a whole record, with or without admission.
    write = "write.lua";
    /// Reads a record.
    load = "load.lua";
    /// Records an extent.
    record = "record.lua";
    /// Raises the epoch.
    claim = "claim.lua";
    /// Changes the head.
    settle = "settle.lua";
    /// Marks a record as whole.
    vouch = "vouch.lua";
    /// Forgets an upload.
    remove = "remove.lua";
    /// Keeps a digest state.
    prefix = "prefix.lua";
    /// Keeps a challenge, or takes it.
    challenge = "challenge.lua";
    /// Sets a broken record aside.
    set_aside = "set_aside.lua";
    /// Enters an upload in the indices of a cluster.
    enter = "enter.lua";
    /// Takes uploads out of the indices.
    leave = "leave.lua";
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, script: redis::Script::new(text) }
    }

    /// A call of it, to be given keys and arguments.
    pub(super) fn call(&self) -> Call<'_> {
        Call { script: self, keys: Vec::new(), arguments: Vec::new() }
    }
}

/// A call of a script.
pub(super) struct Call<'a> {
    script: &'a Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Call<'_> {
    pub(super) fn key(mut self, key: &str) -> Self {
        self.keys.push(key.as_bytes().to_vec());
        self
    }

    pub(super) fn argument(mut self, argument: impl ToRedisArgs) -> Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    /// Runs it: one round trip, or two if the server does not know the script.
    pub(super) async fn on(self, link: &Link) -> Result<Value, Fault> {
        let mut link = link.clone();
        let by_hash = self.command("EVALSHA", self.script.script.get_hash());
        match by_hash.query_async(&mut link).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                Ok(self.command("EVAL", self.script.text).query_async(&mut link).await?)
            }
            told => Ok(told?),
        }
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys).arg(&self.arguments);
        command
    }
}
