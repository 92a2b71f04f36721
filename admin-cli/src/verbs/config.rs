//! `config`: the configuration in force.

use std::process::ExitCode;

use serde_json::Value;

use crate::Context;
use crate::arguments::ConfigVerb;
use crate::failure::Failure;
use crate::table::Table;

/// Runs a verb.
///
/// # Errors
/// The daemon is not reachable.
pub(crate) async fn run(context: &Context, verb: ConfigVerb) -> Result<ExitCode, Failure> {
    let ConfigVerb::Show = verb;
    let config: Value = context.client.get("/config").await?;
    context.output.print(&config, |config| {
        let mut table = Table::of_facts();
        add(&mut table, "", config);
        table.render(context.output.colored())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Adds a value under its whole key, such as `uploads.ttl`; what has members by its members.
fn add(table: &mut Table, key: &str, value: &Value) {
    let text = match value {
        Value::Object(members) => {
            for (name, value) in members {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                add(table, &key, value);
            }
            return;
        }
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    table.fact(key, text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_the_configuration_has_them() {
        let config = serde_json::json!({
            "log": { "level": "info" }, "uploads": { "ttl": "24h", "origins": [1, 2], "quota": null },
        });
        let mut table = Table::of_facts();
        add(&mut table, "", &config);
        let expected =
            "log.level        info\nuploads.origins  [1,2]\nuploads.quota    -\nuploads.ttl      24h\n";
        assert_eq!(table.render(false), expected);
    }
}
