//! `--check-config`: tells what would be used, and whether it can be. It makes and changes nothing here, and opens nothing but
//! a connection to a session store that is not embedded. In a storage service over a network it writes, reads, lists and
//! removes a small object, because nothing less tells.

use std::path::Path;

use cairn_engine::{Chance, Clock as _, StorageName};
use cairn_stores::objects::{self, ObjectsConfig};

use super::{StartError, files, ground, sessions};
use crate::auth::Keys;
use crate::auth::jwt::{Rules, Unused};
use crate::config::{AuthMode, Config};
use crate::data_dir::check_writable;
use crate::system::{SystemChance, SystemClock};
use crate::tls;

/// Looks at everything that can be looked at from outside.
pub(super) fn check(config: &Config) -> Result<(), StartError> {
    let (catalog, database, admin) = (config.catalog_path(), config.sessions_path(), config.admin_socket());
    println!("listen         {}", config.server.listen);
    check_files(config);
    check_certificate(config)?;
    Keys::load(&config.links.keys)?;
    check_keys(config)?;
    println!("admin socket   {}", admin.display());
    println!("data directory {}", config.server.data_dir.display());
    match config.sessions.redis() {
        Some(redis) => println!("sessions       {}", redis.public_url()),
        None => println!("sessions       {}", database.display()),
    }
    println!("catalog        {}", catalog.display());
    let mut roots = Vec::new();
    for (name, storage) in config.all_storages() {
        let label = if name.is_default() { "storage".to_owned() } else { format!("storage {name}") };
        let root = storage.options.find("root").map_or_else(|| config.default_root(&name), Into::into);
        match storage.is_local() {
            true => println!("{label:<14} {} in {}", storage.scheme, root.display()),
            false => println!("{label:<14} {}", storage.scheme),
        }
        roots.extend(storage.is_local().then_some(root));
    }
    check_writable(&config.server.data_dir)?;
    for file in [&catalog, &database, &admin] {
        check_writable(file.parent().unwrap_or(Path::new(".")))?;
    }
    for root in &roots {
        check_writable(root)?;
    }
    for (name, storage) in config.all_storages().filter(|(_, storage)| !storage.is_local()) {
        println!("tried the storage {name}");
        probe(&ground::objects_config(config, &name, storage), &name)?;
    }
    check_sessions(config)?;
    println!("the configuration is right");
    Ok(())
}

/// Looks whether enough files may be open.
fn check_files(config: &Config) {
    let (limit, checked) = files::look(config.server.max_connections);
    match limit {
        Some(limit) => println!("open files     at most {limit}"),
        None => println!("open files     any number"),
    }
    if let Err(too_few) = checked {
        println!("warning        {too_few}");
    }
}

/// Reads certificate, key and authorities, if there are any.
fn check_certificate(config: &Config) -> Result<(), StartError> {
    let tls = &config.server.tls;
    if !tls.is_on() {
        return Ok(());
    }
    let left = tls::load(tls)?.ends.since(SystemClock.now());
    match left.as_secs() / (24 * 3600) {
        _ if left.is_zero() => println!("certificate    {}: it has ended", tls.certificate.display()),
        days => println!("certificate    {}, for {days} more days", tls.certificate.display()),
    }
    Ok(())
}

/// Reads the keys that tokens are checked with, if they are.
fn check_keys(config: &Config) -> Result<(), StartError> {
    if config.auth.mode != AuthMode::Jwt {
        return Ok(());
    }
    let (jwt, rules) = (&config.auth.jwt, Rules::load(&config.auth.jwt)?);
    println!("token keys     {}: {} for {}", jwt.keys.display(), rules.keys().len(), jwt.algorithm);
    for Unused { key, why } in rules.keys().unused() {
        println!("warning        the key {key} is not used: {why}");
    }
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

/// Tries a service, and tells what of it will be used and what will not work.
fn probe(config: &ObjectsConfig, storage: &StorageName) -> Result<(), StartError> {
    let name = format!("{:032x}", SystemChance::new().map_err(StartError::Chance)?.bits());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let probed = runtime.map_err(StartError::Runtime)?.block_on(objects::probe(config, &name));
    let standing =
        probed.map_err(|source| StartError::Probe { storage: storage.clone(), source: Box::new(source) })?;
    for (fact, value) in &standing.facts {
        println!("  {fact:<12} {value}");
    }
    for warning in &standing.warnings {
        println!("  warning: {warning}");
    }
    Ok(())
}
