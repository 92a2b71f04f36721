//! `--check-config`: tells what would be used, and whether it can be. It makes, opens and changes nothing.

use std::path::Path;

use super::StartError;
use crate::config::Config;
use crate::data_dir::check_writable;

/// Looks at everything that can be looked at from outside.
pub(super) fn check(config: &Config) -> Result<(), StartError> {
    let (catalog, sessions, admin) = (config.catalog_path(), config.sessions_path(), config.admin_socket());
    let root = config.storage.options.find("root").map_or_else(|| config.objects_root(), Into::into);
    println!("listen         {}", config.server.listen);
    println!("admin socket   {}", admin.display());
    println!("data directory {}", config.server.data_dir.display());
    println!("sessions       {}", sessions.display());
    println!("catalog        {}", catalog.display());
    let local = matches!(config.storage.scheme.as_str(), "fs" | "file");
    match local {
        true => println!("storage        {} in {}", config.storage.scheme, root.display()),
        false => println!("storage        {}", config.storage.scheme),
    }
    check_writable(&config.server.data_dir)?;
    for file in [&catalog, &sessions, &admin] {
        check_writable(file.parent().unwrap_or(Path::new(".")))?;
    }
    if local {
        check_writable(&root)?;
    }
    println!("the configuration is right");
    Ok(())
}
