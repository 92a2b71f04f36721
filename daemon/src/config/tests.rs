//! The configuration, layer by layer.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use super::*;

/// A configuration from a file with this text, these variables and these flags; the file's own path.
fn read(text: &str, variables: &[(&str, &str)], flags: &[&str]) -> (Result<Config, ConfigError>, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cairn.toml");
    std::fs::write(&path, text).unwrap();
    let arguments = ["cairnd", "--config", path.to_str().unwrap()].into_iter().chain(flags.iter().copied());
    let flags = Flags::try_parse_from(arguments).unwrap();
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    (Sources::new(&flags, variables).read(), path)
}

/// What is said of a file that is refused, without the folder in front of its name.
fn refusal(text: &str) -> String {
    let (answer, path) = read(text, &[], &[]);
    said(&answer.unwrap_err(), &path)
}

fn said(error: &ConfigError, path: &Path) -> String {
    error.to_string().replace(&format!("{}/", path.parent().unwrap().display()), "")
}

fn refused_variable(name: &str, value: &str) -> String {
    let (answer, path) = read("", &[(name, value)], &[]);
    said(&answer.unwrap_err(), &path)
}

#[test]
fn the_example_is_the_default() {
    assert_eq!(read(EXAMPLE, &[], &[]).0.unwrap(), Config::default());
}

#[test]
fn the_example_names_every_key() {
    let keys = |table: toml::Table| -> Vec<String> {
        let inner = |(section, values): (String, toml::Value)| {
            let keys: Vec<_> =
                values.as_table().unwrap().keys().map(|key| format!("{section}.{key}")).collect();
            keys
        };
        table.into_iter().flat_map(inner).collect()
    };
    assert_eq!(keys(EXAMPLE.parse().unwrap()), keys(toml::Table::try_from(Config::default()).unwrap()));
}

#[test]
fn the_policy_by_default_is_the_default_policy() {
    assert_eq!(Config::default().policy(), cairn_engine::Policy::default());
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = Sources::new(&Flags::default(), []).read().unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.admin_socket(), Path::new("./cairn-data/admin.sock"));
    assert_eq!(config.catalog_path(), Path::new("./cairn-data/catalog.sqlite"));
    assert_eq!(config.sessions_path(), Path::new("./cairn-data/sessions.sqlite"));
    assert_eq!(config.objects_root(), Path::new("./cairn-data/objects"));
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\n[uploads]\nttl = \"1h\"\nmax_open = 7\n";
    let variables = [("CAIRN__SERVER__LISTEN", "127.0.0.1:2"), ("CAIRN__UPLOADS__TTL", "2h"), ("OTHER", "x")];
    let config = read(file, &variables, &["--listen", "127.0.0.1:3", "--data-dir", "/d"]).0.unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:3".parse().unwrap());
    assert_eq!(config.server.data_dir, Path::new("/d"));
    assert_eq!(config.uploads.ttl, Duration::from_secs(7200));
    assert_eq!(config.uploads.max_open, 7);
}

#[test]
fn variables_take_the_kind_of_their_key() {
    let variables = [
        ("CAIRN__AUTH__INSECURE", "true"),
        ("CAIRN__UPLOADS__MAX_CHUNKS", "12"),
        ("CAIRN__UPLOADS__QUOTA", "1GiB"),
        ("CAIRN__UPLOADS__DIGESTS", "sha1, sha256"),
        ("CAIRN__SERVER__CORS_ORIGINS", "https://a.example,http://b.example:81"),
        ("CAIRN__STORAGE__OPTIONS__ROOT", "/bytes"),
    ];
    let config = read("", &variables, &[]).0.unwrap();
    assert!(config.auth.insecure);
    assert_eq!(config.uploads.max_chunks, 12);
    assert_eq!(config.uploads.quota, Some(1 << 30));
    assert_eq!(config.uploads.digests, [cairn_engine::Algorithm::Sha1, cairn_engine::Algorithm::Sha256]);
    assert_eq!(config.server.cors_origins, ["https://a.example", "http://b.example:81"]);
    assert_eq!(config.storage.options.find("root"), Some("/bytes"));
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_one() {
    let cases = [
        (
            "[uploads]\n  tll = \"1h\"\n",
            "cairn.toml:2:3: there is no key `uploads.tll`; is `uploads.ttl` meant?",
        ),
        ("[upload]\nttl = \"1h\"\n", "cairn.toml:1:2: there is no key `upload`; is `uploads` meant?"),
        ("[server]\nttl = \"1h\"\n", "cairn.toml:2:1: there is no key `server.ttl`; is `uploads.ttl` meant?"),
        ("\n\nlisten = \"a\"\n", "cairn.toml:3:1: there is no key `listen`; is `server.listen` meant?"),
        ("zzzz = 1\n", "cairn.toml:1:1: there is no key `zzzz`"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected);
    }
}

#[test]
fn an_unknown_variable_is_refused_by_its_name() {
    assert_eq!(
        refused_variable("CAIRN__UPLOADS__TLL", "1h"),
        "CAIRN__UPLOADS__TLL: there is no key `uploads.tll`; is `uploads.ttl` meant?"
    );
    assert_eq!(
        refused_variable("CAIRN__UPLOADS", "1h"),
        "CAIRN__UPLOADS: uploads: it is a section: write CAIRN__UPLOADS__KEY"
    );
    assert_eq!(
        refused_variable("CAIRN__TTL", "1h"),
        "CAIRN__TTL: there is no key `ttl`; is `uploads.ttl` meant?"
    );
    assert_eq!(
        refused_variable("CAIRN__UPLOADS__MAX_CHUNKS", "many"),
        "CAIRN__UPLOADS__MAX_CHUNKS: uploads.max_chunks: it is a whole number"
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_place() {
    assert!(
        refusal("[server]\nlisten = \n").starts_with("cairn.toml:2:10: "),
        "{}",
        refusal("[server]\nlisten = \n")
    );
}

#[test]
fn values_of_the_wrong_kind_are_refused_with_the_facts() {
    let cases = [
        ("[uploads]\nttl = 5\n", "cairn.toml:2:1: uploads.ttl: invalid type: integer `5`, expected a string"),
        (
            "[uploads]\nttl = \"soon\"\n",
            "cairn.toml:2:1: uploads.ttl: `soon` is not a duration such as \"90s\" or \"24h\": expected number at 0",
        ),
        (
            "[uploads]\nchunk_size = \"-5MiB\"\n",
            "cairn.toml:2:1: uploads.chunk_size: `-5MiB` is not a count of bytes such as \"5MiB\" or \"5242880\"",
        ),
        (
            "[uploads]\ninstant = \"always\"\n",
            "cairn.toml:2:1: uploads.instant: unknown variant `always`, expected one of `off`, `own`, `proof`, `trusting`",
        ),
        (
            "[server]\nadmin_socket_mode = \"rw\"\n",
            "cairn.toml:2:1: server.admin_socket_mode: `rw` is not a file mode of octal digits, \"0000\" to \"0777\"",
        ),
        (
            "[uploads]\ndigests = [\"md5\"]\n",
            "cairn.toml:2:1: uploads.digests: `md5` is none of blake3, sha1, sha256",
        ),
        ("server = 1\n", "cairn.toml:1:1: server: it is a section: write [server]"),
        ("[uploads]\nmax_chunks = 1.5\n", "cairn.toml:2:14: uploads.max_chunks: a float is no value of it"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected);
    }
}

#[test]
fn values_out_of_bounds_are_refused_with_the_bounds() {
    let cases = [
        ("[uploads]\nchunk_size = \"65MiB\"\n", "uploads.chunk_size: 65MiB is not within 1B to 64MiB"),
        ("[uploads]\nchunk_size = 0\n", "uploads.chunk_size: 0B is not within 1B to 64MiB"),
        ("[uploads]\nmax_chunks = 0\n", "uploads.max_chunks: 0 is not within 1 to 1000000"),
        ("[uploads]\nproof_ranges = 10001\n", "uploads.proof_ranges: 10001 is not within 1 to 10000"),
        (
            "[uploads]\nproof_min_length = \"1023KiB\"\n",
            "uploads.proof_min_length: 1023KiB is not within 1MiB to 4EiB",
        ),
        (
            "[uploads]\nmax_length = \"99EiB\"\n",
            "uploads.max_length: 18446744073709551615B is not within 1B to 4EiB",
        ),
        ("[merge]\nmin_extents = 1\n", "merge.min_extents: 1 is not within 2 to 1000000"),
        ("[sweep]\nmax_orphan_percent = 101\n", "sweep.max_orphan_percent: 101 is not within 0 to 100"),
        (
            "[server]\nmax_header_bytes = \"1KiB\"\n",
            "server.max_header_bytes: 1KiB is not within 8KiB to 1MiB",
        ),
        ("[server]\nheader_timeout = \"0s\"\n", "server.header_timeout: 0s is not within 10ms to 1h"),
        (
            "[server]\npublic_url = \"example.org\"\n",
            "server.public_url: `example.org` is not http:// or https:// with a host, without a slash at its end",
        ),
        (
            "[server]\ncors_origins = [\"https://a.example/\"]\n",
            "server.cors_origins: `https://a.example/` is neither `*` nor an origin such as https://example.org",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), format!("cairn.toml:2:1: {expected}"));
    }
}

#[test]
fn the_password_of_a_session_store_is_not_told() {
    let said = refusal("[sessions]\nurl = \"mysql://user:hunter2@host\"\n");
    let known = "there is no session store `mysql`; there is sqlite, redis://, rediss://, valkey://";
    assert!(said.starts_with(&format!("cairn.toml:2:1: sessions.url: {known}")), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let file = "[sessions]\nurl = \"redis://ann:hunter2@host/1\"\nsentinel_password = \"hunter2\"\n";
    let config = read(file, &[("CAIRN__SESSIONS__PASSWORD", "hunter2")], &[]).0.unwrap();
    for print in [config.print().unwrap(), format!("{config:?}"), format!("{config:#?}")] {
        assert!(!print.contains("hunter2"), "{print}");
        assert!(print.contains("redis://(hidden)@host/1"), "{print}");
    }
    let redis = config.sessions.redis().unwrap();
    assert_eq!(redis.url, "redis://ann:hunter2@host/1");
    assert_eq!((redis.password, redis.sentinel_password), (Some("hunter2".into()), Some("hunter2".into())));
    let socket = read("[sessions]\nurl = \"unix:///r.sock?db=2&pass=hunter2\"\n", &[], &[]).0.unwrap();
    assert!(socket.print().unwrap().contains("unix:///r.sock?(hidden)"));
}

#[test]
fn every_address_that_leads_to_redis_is_taken() {
    let urls = [
        "redis://h",
        "rediss://h:1/2",
        "valkey://h",
        "unix:///s",
        "redis+sentinel://a,b/n",
        "redis+cluster://a",
    ];
    for url in urls {
        let config = read(&format!("[sessions]\nurl = {url:?}\n"), &[], &[]).0.unwrap();
        assert_eq!(config.sessions.redis().map(|redis| redis.url).as_deref(), Some(url));
    }
    assert_eq!(Config::default().sessions.redis(), None);
    let cases = [
        ("prefix = \"{a}\"", "sessions.prefix: braces would decide where a cluster keeps a key"),
        ("connections = 0", "sessions.connections: 0 is not within 1 to 64"),
        ("timeout = \"1ms\"", "sessions.timeout: 1ms is not within 10ms to 1h"),
        ("connect_timeout = \"2h\"", "sessions.connect_timeout: 2h is not within 10ms to 1h"),
    ];
    for (line, expected) in cases {
        assert_eq!(refusal(&format!("[sessions]\n{line}\n")), format!("cairn.toml:2:1: {expected}"));
    }
}

#[test]
fn the_password_of_a_session_store_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "hunter2\n").unwrap();
    let path = path.to_str().unwrap();
    let file = format!("[sessions]\nurl = \"redis://host\"\npassword_file = {path:?}\n");
    let by_file = read(&file, &[], &[]).0.unwrap();
    assert_eq!(by_file.sessions.redis().unwrap().password.as_deref(), Some("hunter2"));
    let variables = [("CAIRN__SESSIONS__SENTINEL_PASSWORD_FILE", path)];
    let by_variable = read("[sessions]\nurl = \"redis://host\"\n", &variables, &[]).0.unwrap();
    assert_eq!(by_variable.sessions.redis().unwrap().sentinel_password.as_deref(), Some("hunter2"));
    assert_eq!(
        refusal("[sessions]\nurl_file = \"x\"\n"),
        "cairn.toml:2:1: there is no key `sessions.url_file`; is `sessions.url` meant?"
    );
}

#[test]
fn an_address_that_others_reach_is_refused_unless_the_operator_insists() {
    for address in ["0.0.0.0:80", "[::]:80", "192.0.2.7:80"] {
        let said = refusal(&format!("[server]\nlisten = \"{address}\"\n"));
        assert!(said.starts_with(&format!("{address} can be reached from other machines")), "{said}");
        assert!(said.contains("auth.insecure = true"), "{said}");
        let (config, _) =
            read(&format!("[server]\nlisten = \"{address}\"\n[auth]\ninsecure = true\n"), &[], &[]);
        assert_eq!(config.unwrap().server.listen, address.parse().unwrap());
    }
    for address in ["127.0.0.1:80", "[::1]:80", "127.3.2.1:80", "[::ffff:127.0.0.1]:80"] {
        assert!(read(&format!("[server]\nlisten = \"{address}\"\n"), &[], &[]).0.is_ok(), "{address}");
    }
}

#[test]
fn who_asks_for_tokens_may_be_reached_by_others_and_who_asks_for_jwts_must_say_whose() {
    let file = "[server]\nlisten = \"0.0.0.0:80\"\n[auth]\nmode = \"tokens\"\n";
    assert_eq!(read(file, &[], &[]).0.unwrap().auth.mode, AuthMode::Tokens);
    let said = refusal("[auth]\nmode = \"jwt\"\n");
    assert!(said.contains("auth.jwt.keys") && said.contains("no token could be checked"), "{said}");
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let file = "[server]\npublic_url = \"https://a.example\"\nmax_connections = 5\n[uploads]\nquota = \"1500B\"\n\
                ttl = \"36h 1ms\"\ndigests = [\"sha1\"]\n[storage]\nplacement = \"objects\"\noptions = { root = \"/x\" }\n\
                [log]\nformat = \"json\"\n";
    let config = read(file, &[], &[]).0.unwrap();
    assert_eq!(read(&config.print().unwrap(), &[], &[]).0.unwrap(), config);
}

#[test]
fn no_print_shows_a_secret() {
    let file = "[storage.options]\nsecret_access_key = \"hunter2\"\naccess_key_id = \"me\"\n\
                endpoint = \"https://u:hunter2@s3.example/x\"\n";
    let config = read(file, &[("CAIRN__STORAGE__OPTIONS__SESSION_TOKEN", "hunter2")], &[]).0.unwrap();
    for print in [config.print().unwrap(), format!("{config:?}"), format!("{config:#?}")] {
        assert!(!print.contains("hunter2"), "{print}");
        assert!(print.contains("(hidden)@s3.example/x") && print.contains("access_key_id"), "{print}");
    }
    assert_eq!(config.storage.options.reveal()["secret_access_key"], "hunter2");
    assert_eq!(config.storage.options.reveal()["session_token"], "hunter2");
}

#[test]
fn a_secret_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "hunter2\n").unwrap();
    let file = format!("[storage.options]\nsecret_access_key_file = {:?}\n", path.to_str().unwrap());
    let config = read(&file, &[], &[]).0.unwrap();
    assert_eq!(
        config.storage.options.reveal().iter().collect::<Vec<_>>(),
        [(&"secret_access_key".to_owned(), &"hunter2".to_owned())]
    );
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        read(&file, &[], &[]).0.unwrap_err().to_string(),
        format!("{} cannot be read", path.display())
    );
}

/// A second storage, and rules for it.
const TWO: &str = "[storages.cold-2]\nscheme = \"s3\"\n[storages.cold-2.options]\nbucket = \"b\"\n\
                   secret_access_key = \"hunter2\"\n[storages.near]\n[[storage_rules]]\npath_prefix = \"/video/\"\n\
                   min_length = \"1MiB\"\nstorage = \"cold-2\"\n[[storage_rules]]\nowner = \"ann\"\nstorage = \"default\"\n";

#[test]
fn storages_have_names_and_rules_name_them() {
    let config = read(TWO, &[("CAIRN__STORAGES__NEAR__PLACEMENT", "objects")], &[]).0.unwrap();
    let names: Vec<String> = config.all_storages().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["default", "cold-2", "near"]);
    let near: cairn_engine::StorageName = "near".parse().unwrap();
    assert_eq!(config.storages[&near].placement, PlacementWish::Objects);
    assert_eq!(config.default_root(&near), Path::new("./cairn-data/storages/near"));
    let rules = config.policy().storage_rules;
    assert_eq!(rules[0].path_prefix.as_deref(), Some("video/"));
    assert_eq!((rules[0].min_length, rules[0].max_length), (Some(1 << 20), None));
    assert_eq!(rules[1].storage.as_str(), "default");
    assert_eq!(read(&config.print().unwrap(), &[], &[]).0.unwrap().storage_rules, config.storage_rules);
    for print in [config.print().unwrap(), format!("{config:?}")] {
        assert!(!print.contains("hunter2") && print.contains("cold-2"), "{print}");
    }
}

#[test]
fn the_secret_of_a_named_storage_comes_from_a_file_or_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, "hunter2\n").unwrap();
    let file = format!("[storages.cold.options]\nsecret_access_key_file = {:?}\n", path.to_str().unwrap());
    let variables = [("CAIRN__STORAGES__COLD__OPTIONS__SESSION_TOKEN", "hunter3")];
    let config = read(&file, &variables, &[]).0.unwrap();
    let cold = &config.storages[&"cold".parse::<cairn_engine::StorageName>().unwrap()];
    assert_eq!(cold.options.reveal()["secret_access_key"], "hunter2");
    assert_eq!(cold.options.reveal()["session_token"], "hunter3");
}

#[test]
fn storages_and_rules_that_cannot_be_are_refused() {
    let cases = [
        (
            "[storages.cold]\nshceme = \"s3\"\n",
            "cairn.toml:2:1: there is no key `storages.cold.shceme`; is `storages.cold.scheme` meant?",
        ),
        (
            "[storage]\n[storagess.cold]\n",
            "cairn.toml:2:2: there is no key `storagess`; is `storages` meant?",
        ),
        (
            "[[storage_rules]]\nprefix = \"a\"\nstorage = \"default\"\n",
            "cairn.toml:2:1: there is no key `storage_rules.prefix`; is `storage_rules.path_prefix` meant?",
        ),
        (
            "[[storage_rules]]\nstorage = \"warm\"\n[storages.cold]\nscheme = \"memory\"\n",
            "cairn.toml:1:3: storage_rules: there is no storage `warm`; there are default, cold",
        ),
        (
            "[[storage_rules]]\nowner = \"a\"\n",
            "cairn.toml:1:3: storage_rules: a rule does not name its `storage`",
        ),
        (
            "storage_rules = \"cold\"\n",
            "cairn.toml:1:1: storage_rules: it is a list of rules: write [[storage_rules]]",
        ),
        (
            "[storages.default]\nscheme = \"memory\"\n",
            "cairn.toml:2:1: storages.default: `default` is the storage of the section [storage]",
        ),
        (
            "[storage.options]\nroot = \"/a/b\"\n[storages.cold.options]\nroot = \"/a/./b/\"\n",
            "cairn.toml:4:1: storages.cold: it is the same place as that of the storage `default`",
        ),
        (
            "[storages]\nscheme = \"s3\"\n",
            "cairn.toml:2:1: storages.scheme: it is a section: write [storages.scheme]",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected);
    }
    let bucket = |name: &str| {
        format!("[storages.{name}]\nscheme = \"s3\"\n[storages.{name}.options]\nbucket = \"b\"\n")
    };
    let said = refusal(&(bucket("a") + &bucket("b")));
    assert!(said.ends_with("storages.b: it is the same place as that of the storage `a`"), "{said}");
    assert!(refusal("[storages.Cold]\nscheme = \"s3\"\n").contains("not the name of a storage"));
    assert_eq!(
        refused_variable("CAIRN__STORAGE_RULES", "x"),
        "CAIRN__STORAGE_RULES: storage_rules: rules are written in the file"
    );
}

#[test]
fn a_reload_takes_rules_and_no_storages() {
    let old = read(TWO, &[], &[]).0.unwrap();
    let fewer =
        read("[storages.cold-2]\nscheme = \"s3\"\n[[storage_rules]]\nstorage = \"cold-2\"\n", &[], &[]);
    let reloaded = old.reloaded(&fewer.0.unwrap());
    assert_eq!(reloaded.changed, ["storage_rules"]);
    assert_eq!(reloaded.kept, ["storages.cold-2", "storages.near"]);
    assert_eq!(reloaded.config.storage_rules.len(), 1);
    let other = read("[storages.new]\n[[storage_rules]]\nstorage = \"new\"\n", &[], &[]).0.unwrap();
    let reloaded = old.reloaded(&other);
    assert_eq!(reloaded.config.storage_rules, old.storage_rules);
    assert_eq!(reloaded.kept, ["storage_rules", "storages.cold-2", "storages.near", "storages.new"]);
}

#[test]
fn a_file_that_is_not_there_is_refused_by_its_name() {
    let flags = Flags { config: Some(PathBuf::from("/nowhere/cairn.toml")), ..Flags::default() };
    let error = Sources::new(&flags, []).read().unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/cairn.toml cannot be read");
}

#[test]
fn a_reload_takes_what_can_change_and_names_the_rest() {
    let old = Config::default();
    let mut new = old.clone();
    new.uploads.ttl = Duration::from_secs(5);
    new.uploads.durability = Durability::Complete;
    new.log.level = "debug".to_owned();
    new.server.listen = "127.0.0.1:9".parse().unwrap();
    new.storage.scheme = "memory".to_owned();
    let reloaded = old.reloaded(&new);
    assert_eq!(reloaded.changed, ["log.level", "uploads.ttl"]);
    assert_eq!(reloaded.kept, ["server.listen", "storage.scheme", "uploads.durability"]);
    assert_eq!(reloaded.config.uploads.ttl, Duration::from_secs(5));
    assert_eq!(reloaded.config.uploads.durability, Durability::Chunk);
    assert_eq!(reloaded.config.server.listen, old.server.listen);
}

#[test]
fn a_changed_secret_is_noticed_and_not_told() {
    let with = |secret: &str| {
        read(&format!("[storage.options]\nsecret_access_key = \"{secret}\"\n"), &[], &[]).0.unwrap()
    };
    assert_eq!(with("a").reloaded(&with("b")).kept, ["storage.options"]);
    let with = |line: &str| read(&format!("[sessions]\n{line}\n"), &[], &[]).0.unwrap();
    let kept = with("url = \"redis://:a@h\"").reloaded(&with("url = \"redis://:b@h\"")).kept;
    assert_eq!(kept, ["sessions.url"]);
    let kept = with("password = \"a\"").reloaded(&with("password = \"b\"")).kept;
    assert_eq!(kept, ["sessions.password"]);
}
