//! Several storages, and the rules that say where new content goes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cairn_engine::{Owner, StorageName, policy};
use serde::{Deserialize, Serialize};

use super::values::{optional_bytes, optional_text};
use super::{Config, Storage};

/// The section of the rules.
pub(super) const RULES: &str = "storage_rules";
/// The keys of a rule.
pub(super) const RULE_KEYS: [&str; 5] = ["path_prefix", "owner", "min_length", "max_length", "storage"];
/// The section of the storages beside the default one.
pub(super) const STORAGES: &str = "storages";

/// Options that together say where the bytes of a service lie.
const PLACE_OPTIONS: [&str; 8] =
    ["root", "endpoint", "bucket", "container", "filesystem", "name_node", "account_name", "share_name"];

/// Where new content goes, if everything that the rule says of it holds. What is left out says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageRule {
    /// Its path begins so; a slash at the beginning counts for nothing.
    #[serde(with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// It is this owner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// It has at least so many bytes.
    #[serde(with = "optional_bytes", skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// It has at most so many bytes.
    #[serde(with = "optional_bytes", skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// The storage that takes it.
    pub storage: Option<StorageName>,
}

impl From<&StorageRule> for policy::StorageRule {
    fn from(rule: &StorageRule) -> Self {
        let prefix = rule.path_prefix.as_deref();
        Self {
            path_prefix: prefix.map(|prefix| prefix.strip_prefix('/').unwrap_or(prefix).to_owned()),
            owner: rule.owner.clone(),
            min_length: rule.min_length,
            max_length: rule.max_length,
            storage: rule.storage.clone().unwrap_or_default(),
        }
    }
}

impl Config {
    /// Every storage by its name, the default one first.
    pub fn all_storages(&self) -> impl Iterator<Item = (StorageName, &Storage)> {
        let others = self.storages.iter().map(|(name, storage)| (name.clone(), storage));
        std::iter::once((StorageName::DEFAULT, &self.storage)).chain(others)
    }

    /// Where the objects of a storage lie on a local file system if its options name no root.
    pub fn default_root(&self, storage: &StorageName) -> PathBuf {
        match storage.is_default() {
            true => self.objects_root(),
            false => self.server.data_dir.join("storages").join(storage.as_str()),
        }
    }

    /// The first rule that names a storage that there is not.
    pub(super) fn bad_rule<'a>(
        &self,
        mut rules: impl Iterator<Item = &'a StorageRule>,
    ) -> Option<&'a StorageRule> {
        let known = |name: &StorageName| name.is_default() || self.storages.contains_key(name);
        rules.find(|rule| !rule.storage.as_ref().is_some_and(known))
    }

    /// Two storages that would write to the same place.
    pub(super) fn same_place(&self) -> Option<(StorageName, StorageName)> {
        let mut places = BTreeMap::new();
        for (name, storage) in self.all_storages() {
            let Some(place) = self.place(&name, storage) else { continue };
            if let Some(other) = places.insert(place, name.clone()) {
                return Some((other, name));
            }
        }
        None
    }

    /// What tells where the bytes of a storage lie; nothing for memory, which is each storage's own.
    fn place(&self, name: &StorageName, storage: &Storage) -> Option<Vec<String>> {
        let root = storage.options.find("root").map(PathBuf::from);
        if storage.is_local() {
            let root = root.unwrap_or_else(|| self.default_root(name));
            let root = std::fs::canonicalize(&root).or_else(|_| std::path::absolute(&root)).unwrap_or(root);
            // Without what a path may say twice: `/a/./b/` is `/a/b`.
            let root: PathBuf = root.components().collect();
            return Some(vec!["fs".to_owned(), root.to_string_lossy().into_owned()]);
        }
        if storage.scheme == "memory" {
            return None;
        }
        let options = PLACE_OPTIONS
            .map(|option| storage.options.find(option).unwrap_or_default().trim_matches('/').to_owned());
        Some(std::iter::once(storage.scheme.clone()).chain(options).collect())
    }
}
