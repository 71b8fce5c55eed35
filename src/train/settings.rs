//! The settings of a run by their names in `config.toml`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::config::TrainConfig;

/// Every setting by its name; those of a table within have its name and a point before theirs, such as `split.kind`.
/// What is not set is null.
pub fn by_name(config: &TrainConfig) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::new();
    // Fails for maps with odd keys only, and settings hold none.
    flatten("", serde_json::to_value(config).unwrap_or_default(), &mut settings);
    settings
}

fn flatten(name: &str, value: Value, settings: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
            for (inner, value) in table {
                let name = if name.is_empty() { inner } else { format!("{name}.{inner}") };
                flatten(&name, value, settings);
            }
        }
        value => drop(settings.insert(name.to_owned(), value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_within_are_taken_apart() {
        let settings = by_name(&TrainConfig::default());
        assert_eq!(settings["split.kind"], json!("grouped"));
        assert_eq!(settings["epochs"], json!(10));
        assert_eq!(settings["patience"], Value::Null);
        assert!(!settings.contains_key("split"));
    }
}
