//! The layers: each is a list of settings with their origin, and the last setting of a key counts.
//!
//! Every setting is looked at alone before it is taken, so that an error can say where it was made.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::options::is_secret;
use super::storages::{RULE_KEYS, RULES, STORAGES, StorageRule};
use super::{Config, ConfigError, Flags, Origin, Storage, check};

/// The prefix of variables that are ours.
const PREFIX: &str = "CAIRN__";
/// The end of the sections whose keys are the storage service's, and therefore free.
const FREE: &str = "options";

/// Secrets that have a key of their own; each may be given by the name of a file, as `…_file`.
const SECRETS: [&str; 2] = ["sessions.password", "sessions.sentinel_password"];

/// Where a configuration is read from. Reading it again sees a changed file.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    file: Option<PathBuf>,
    variables: Vec<(String, OsString)>,
    data_dir: Option<PathBuf>,
    listen: Option<std::net::SocketAddr>,
}

/// One value for one key.
struct Setting {
    /// The table: `uploads`, `storage.options`.
    section: String,
    key: String,
    value: Value,
    origin: Origin,
}

/// Where each key was given.
pub(super) type Origins = BTreeMap<String, Origin>;

impl Sources {
    /// The file and flags of the command line, and the variables of this process.
    pub fn of_process(flags: &Flags) -> Self {
        Self::new(flags, std::env::vars_os())
    }

    /// The file and flags of the command line, and these variables; others than ours are left out.
    pub fn new(flags: &Flags, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok()?;
            name.starts_with(PREFIX).then_some((name, value))
        };
        let mut variables: Vec<_> = variables.into_iter().filter_map(ours).collect();
        variables.sort();
        Self { file: flags.config.clone(), variables, data_dir: flags.data_dir.clone(), listen: flags.listen }
    }

    /// Reads and checks all layers.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn read(&self) -> Result<Config, ConfigError> {
        let known = defaults()?;
        let mut settings = Vec::new();
        if let Some(path) = &self.file {
            settings.extend(file_settings(path, &known)?);
        }
        for (name, value) in &self.variables {
            settings.push(variable_setting(name, value, &known)?);
        }
        settings.extend(self.flag_settings()?);
        apply(settings)
    }

    fn flag_settings(&self) -> Result<Vec<Setting>, ConfigError> {
        let mut settings = Vec::new();
        let mut set = |key: &str, flag, value| {
            settings.push(Setting {
                section: "server".to_owned(),
                key: key.to_owned(),
                value: Value::String(value),
                origin: Origin::Flag(flag),
            });
        };
        if let Some(data_dir) = &self.data_dir {
            let Some(text) = data_dir.to_str() else {
                return Err(ConfigError::Value {
                    place: Origin::Flag("--data-dir"),
                    key: "server.data_dir".to_owned(),
                    message: format!("{} is not UTF-8", data_dir.display()),
                });
            };
            set("data_dir", "--data-dir", text.to_owned());
        }
        if let Some(listen) = self.listen {
            set("listen", "--listen", listen.to_string());
        }
        Ok(settings)
    }
}

/// Every known key with its default.
fn defaults() -> Result<Table, ConfigError> {
    Table::try_from(Config::default()).map_err(|error| ConfigError::Value {
        place: Origin::Default,
        key: "default".to_owned(),
        message: error.to_string(),
    })
}

fn apply(settings: Vec<Setting>) -> Result<Config, ConfigError> {
    let mut merged = Table::new();
    let mut origins = Origins::new();
    for setting in settings {
        let setting = setting.without_file()?;
        let mut alone = Table::new();
        setting.put_into(&mut alone);
        alone.try_into::<Config>().map_err(|error| setting.refused(error.message()))?;
        setting.put_into(&mut merged);
        origins.insert(setting.name(), setting.origin);
    }
    let config = merged.try_into().map_err(|error: toml::de::Error| ConfigError::Value {
        place: Origin::Default,
        key: "configuration".to_owned(),
        message: error.message().to_owned(),
    })?;
    check::check(&config, &origins)?;
    Ok(config)
}

impl Setting {
    /// A storage is there even if nothing else is said of it.
    fn of_a_named_storage(section: &str, origin: Origin) -> Self {
        let value = Value::String(Storage::default().scheme);
        Self { section: section.to_owned(), key: "scheme".to_owned(), value, origin }
    }

    fn name(&self) -> String {
        joined(&self.section, &self.key)
    }

    fn refused(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Value { place: self.origin.clone(), key: self.name(), message: message.into() }
    }

    fn put_into(&self, table: &mut Table) {
        let mut place = table;
        for part in self.section.split('.').filter(|part| !part.is_empty()) {
            let inner = place.entry(part).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = inner else { return };
            place = inner;
        }
        place.insert(self.key.clone(), self.value.clone());
    }

    /// A secret that is told by the name of a file (`secret_access_key_file`) becomes what the file holds.
    fn without_file(mut self) -> Result<Self, ConfigError> {
        let free = |name: &&str| is_free(&self.section) && is_secret(name);
        let own = |name: &&str| names_secret_file(&self.name()) && !name.is_empty();
        let Some(name) = self.key.strip_suffix("_file").filter(|name| free(name) || own(name)) else {
            return Ok(self);
        };
        let Some(path) = self.value.as_str() else {
            return Err(self.refused("it is not the name of a file"));
        };
        let content = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: PathBuf::from(path), source })?;
        self.value = Value::String(content.trim_end_matches(['\r', '\n']).to_owned());
        self.key = name.to_owned();
        Ok(self)
    }
}

fn file_settings(path: &Path, known: &Table) -> Result<Vec<Setting>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let file = File { path, text: &text, known };
    let document = DeTable::parse(&text).map_err(|error| ConfigError::Syntax {
        place: file.place(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    let mut settings = Vec::new();
    file.walk("", document.get_ref(), &mut settings)?;
    Ok(settings)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    known: &'a Table,
}

impl File<'_> {
    /// Takes the settings of a table; known tables in it are walked, free ones taken as they are.
    fn walk(
        &self,
        section: &str,
        table: &DeTable<'_>,
        settings: &mut Vec<Setting>,
    ) -> Result<(), ConfigError> {
        for (key, value) in table {
            let origin = self.place(key.span().start);
            let name = joined(section, key.get_ref());
            if name == RULES {
                settings.push(self.rules(value, origin)?);
                continue;
            }
            if !is_free(section) && !names_secret_file(&name) && find(self.known, &name).is_none() {
                return Err(unknown(self.known, name, origin));
            }
            if section == STORAGES {
                settings.push(Setting::of_a_named_storage(&name, origin.clone()));
            }
            match (find(self.known, &name), value.get_ref()) {
                (Some(Value::Table(_)), DeValue::Table(inner)) => self.walk(&name, inner, settings)?,
                (Some(Value::Table(_)), _) => {
                    let message = format!("it is a section: write [{name}]");
                    return Err(ConfigError::Value { place: origin, key: name, message });
                }
                _ => settings.push(Setting {
                    section: section.to_owned(),
                    key: key.get_ref().to_string(),
                    value: self.owned(&name, value)?,
                    origin,
                }),
            }
        }
        Ok(())
    }

    /// The rules of storages: tables of known keys.
    fn rules(&self, value: &Spanned<DeValue<'_>>, origin: Origin) -> Result<Setting, ConfigError> {
        let not_rules = || ConfigError::Value {
            place: origin.clone(),
            key: RULES.to_owned(),
            message: format!("it is a list of rules: write [[{RULES}]]"),
        };
        let DeValue::Array(items) = value.get_ref() else { return Err(not_rules()) };
        let mut rules = Vec::new();
        for item in items {
            let DeValue::Table(keys) = item.get_ref() else { return Err(not_rules()) };
            let mut rule = Table::new();
            for (key, value) in keys {
                let (name, place) = (joined(RULES, key.get_ref()), self.place(key.span().start));
                if !RULE_KEYS.contains(&key.get_ref().as_ref()) {
                    // A key of another section is never meant in a rule.
                    return Err(unknown(&Table::new(), name, place));
                }
                rule.insert(key.get_ref().to_string(), self.owned(&name, value)?);
            }
            let alone = Value::Table(rule.clone()).try_into::<StorageRule>();
            alone.map_err(|error| ConfigError::Value {
                place: self.place(item.span().start),
                key: RULES.to_owned(),
                message: error.message().to_owned(),
            })?;
            rules.push(Value::Table(rule));
        }
        Ok(Setting { section: String::new(), key: RULES.to_owned(), value: Value::Array(rules), origin })
    }

    fn owned(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<Value, ConfigError> {
        let place = || self.place(value.span().start);
        let refused = |message| ConfigError::Value { place: place(), key: key.to_owned(), message };
        match value.get_ref() {
            DeValue::String(text) => Ok(Value::String(text.to_string())),
            DeValue::Boolean(truth) => Ok(Value::Boolean(*truth)),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Value::Integer)
                .map_err(|_| refused(format!("{} does not fit 64 bits", number.as_str()))),
            DeValue::Array(items) => {
                items.iter().map(|item| self.owned(key, item)).collect::<Result<_, _>>().map(Value::Array)
            }
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
                Err(refused(format!("a {} is no value of it", value.get_ref().type_str())))
            }
        }
    }

    /// The line and column of a byte of the file.
    fn place(&self, byte: usize) -> Origin {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Origin::File { path: self.path.to_owned(), line, column }
    }
}

fn variable_setting(name: &str, value: &OsString, known: &Table) -> Result<Setting, ConfigError> {
    let origin = Origin::Variable(name.to_owned());
    let words: Vec<String> = name.trim_start_matches(PREFIX).split("__").map(str::to_lowercase).collect();
    let key = words.join(".");
    if key == RULES {
        let message = "rules are written in the file".to_owned();
        return Err(ConfigError::Value { place: origin, key, message });
    }
    let default = find(known, &key);
    if matches!(default, Some(Value::Table(_))) {
        let message = format!("it is a section: write {name}__KEY");
        return Err(ConfigError::Value { place: origin, key, message });
    }
    let (section, last) = key.rsplit_once('.').unwrap_or(("", &key));
    if default.is_none() && !is_free(section) && !names_secret_file(&key) {
        return Err(unknown(known, key, origin));
    }
    let refused = |message: &str| ConfigError::Value {
        place: origin.clone(),
        key: key.clone(),
        message: message.to_owned(),
    };
    let text = value.to_str().ok_or_else(|| refused("it is not UTF-8"))?;
    let value = match default {
        Some(Value::Boolean(_)) => {
            Value::Boolean(text.parse().map_err(|_| refused("it is `true` or `false`"))?)
        }
        Some(Value::Integer(_)) => Value::Integer(text.parse().map_err(|_| refused("it is a whole number"))?),
        Some(Value::Array(_)) => Value::Array(
            text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
        ),
        _ => Value::String(text.to_owned()),
    };
    Ok(Setting { section: section.to_owned(), key: last.to_owned(), value, origin })
}

/// Whether a key tells a secret by the name of a file.
fn names_secret_file(key: &str) -> bool {
    key.strip_suffix("_file").is_some_and(|secret| SECRETS.contains(&secret))
}

fn joined(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// Whether the keys of a section are the storage service's.
fn is_free(section: &str) -> bool {
    let mut parts = section.split('.');
    match parts.next() {
        Some("storage") => {}
        Some(STORAGES) => drop(parts.next()),
        _ => return false,
    }
    parts.next() == Some(FREE) && parts.next().is_none()
}

/// The default of a key or section. Every storage beside the default one knows the same keys.
fn find<'a>(known: &'a Table, name: &str) -> Option<&'a Value> {
    let mut parts = name.split('.');
    let first = match parts.next()? {
        STORAGES => {
            parts.next();
            "storage"
        }
        first => first,
    };
    let mut found = known.get(first)?;
    for part in parts {
        found = found.as_table()?.get(part)?;
    }
    Some(found)
}

fn unknown(known: &Table, key: String, place: Origin) -> ConfigError {
    let mut names = vec![STORAGES.to_owned(), RULES.to_owned()];
    names.extend(RULE_KEYS.map(|key| joined(RULES, key)));
    collect_names("", known, &mut names);
    if let Some((storage, storages)) = known.get("storage").and_then(Value::as_table).zip(storage_of(&key)) {
        collect_names(storages, storage, &mut names);
    }
    // A key in the wrong section is as likely as a misspelt one, so its own name counts alone, too.
    let own = key.rsplit('.').next().unwrap_or(&key);
    let likeness = |name: &String| {
        let last = name.rsplit('.').next().unwrap_or(name);
        strsim::jaro_winkler(name, &key).max(strsim::jaro_winkler(last, own) - 0.02)
    };
    let nearest = names.into_iter().map(|name| (likeness(&name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    ConfigError::Unknown {
        place,
        key,
        nearest: nearest.filter(|(likeness, _)| *likeness > 0.8).map(|(_, name)| name),
    }
}

/// For a key of a storage beside the default one: its section, `storages.NAME`.
fn storage_of(key: &str) -> Option<&str> {
    let rest = key.strip_prefix(STORAGES)?.strip_prefix('.')?;
    let (name, _) = rest.split_once('.')?;
    key.get(..STORAGES.len() + 1 + name.len())
}

fn collect_names(section: &str, table: &Table, names: &mut Vec<String>) {
    for (key, value) in table {
        let name = joined(section, key);
        if let Value::Table(inner) = value {
            collect_names(&name, inner, names);
        }
        names.push(name);
    }
}
