//! `--check-config`: tells what would be used, and whether it can be. It makes and changes nothing, and opens nothing
//! but a connection to a session store that is not embedded.

use std::path::Path;

use super::{StartError, sessions};
use crate::config::Config;
use crate::data_dir::check_writable;

/// Looks at everything that can be looked at from outside.
pub(super) fn check(config: &Config) -> Result<(), StartError> {
    let (catalog, database, admin) = (config.catalog_path(), config.sessions_path(), config.admin_socket());
    let root = config.storage.options.find("root").map_or_else(|| config.objects_root(), Into::into);
    println!("listen         {}", config.server.listen);
    println!("admin socket   {}", admin.display());
    println!("data directory {}", config.server.data_dir.display());
    match config.sessions.redis() {
        Some(redis) => println!("sessions       {}", redis.public_url()),
        None => println!("sessions       {}", database.display()),
    }
    println!("catalog        {}", catalog.display());
    let local = matches!(config.storage.scheme.as_str(), "fs" | "file");
    match local {
        true => println!("storage        {} in {}", config.storage.scheme, root.display()),
        false => println!("storage        {}", config.storage.scheme),
    }
    check_writable(&config.server.data_dir)?;
    for file in [&catalog, &database, &admin] {
        check_writable(file.parent().unwrap_or(Path::new(".")))?;
    }
    if local {
        check_writable(&root)?;
    }
    check_sessions(config)?;
    println!("the configuration is right");
    Ok(())
}

/// Asks the session store how it is, if it is not embedded.
fn check_sessions(config: &Config) -> Result<(), StartError> {
    let Some(standing) = sessions::ask(config)? else { return Ok(()) };
    println!("{:<14} {}", standing.kind, sessions::facts(&standing));
    for warning in &standing.warnings {
        println!("warning        {warning}");
    }
    Ok(())
}
