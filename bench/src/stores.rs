//! The stores that a measured daemon stands on: servers of their own processes, started for it and stopped after it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use cairn_tests::{RedisServer, S3Server};

use crate::Result;
use crate::arguments::{Sessions, Storage};

/// What a daemon stands on, and what its environment has to say of it.
pub(crate) struct Stores {
    redis: Option<RedisServer>,
    s3: Option<S3Process>,
    storage: Storage,
}

/// An S3 server: this program as its own child. It ends when its input does.
struct S3Process {
    child: Child,
    endpoint: String,
}

impl Stores {
    /// Starts what is needed. Redis keeps its log of changes, as a Redis that must not forget does.
    pub(crate) fn start(sessions: Sessions, storage: Storage) -> Result<Self> {
        let redis = (sessions == Sessions::Redis)
            .then(|| RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]));
        let s3 = (storage == Storage::S3).then(S3Process::start).transpose()?;
        Ok(Self { redis, s3, storage })
    }

    /// The settings of the daemon, as variables of its environment.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        // Merging is measured by itself.
        let mut settings = vec![("CAIRN__MERGE__MODE".to_owned(), "manual".to_owned())];
        if let Some(redis) = &self.redis {
            settings.push(("CAIRN__SESSIONS__URL".to_owned(), redis.url()));
        }
        if self.storage == Storage::Objects {
            settings.push(("CAIRN__STORAGE__PLACEMENT".to_owned(), "objects".to_owned()));
        }
        if let Some(s3) = &self.s3 {
            settings.push(("CAIRN__STORAGE__SCHEME".to_owned(), "s3".to_owned()));
            let options = S3Server::options_at(&s3.endpoint);
            let named = |(key, value): (String, String)| {
                (format!("CAIRN__STORAGE__OPTIONS__{}", key.to_uppercase()), value)
            };
            settings.extend(options.into_iter().map(named));
        }
        settings
    }
}

impl S3Process {
    fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("s3").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().ok_or("no output of the S3 server")?;
        let mut endpoint = String::new();
        BufReader::new(output).read_line(&mut endpoint)?;
        Ok(Self { child, endpoint: endpoint.trim().to_owned() })
    }
}

impl Drop for S3Process {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It cannot fail but for a process that has ended already.
        let _ = self.child.wait();
    }
}

/// Serves S3 until the input ends; the endpoint is the first line of the output.
pub(crate) fn serve_s3() -> Result<()> {
    let server = S3Server::start();
    println!("{}", server.endpoint());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(server);
    Ok(())
}
