//! How values with units are read and printed. Each module is for `#[serde(with = …)]`; what it prints, it reads back
//! as the same value.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};

/// A count of bytes: `"5MiB"`, `"5MB"` (decimal), `"5242880"`, or a plain number.
pub(super) mod byte_count {
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::bytes_text(*bytes))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(super::Bytes)
    }
}

/// A count of bytes, or `""` for none.
pub(super) mod optional_bytes {
    use serde::{Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        bytes: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&bytes.map(super::bytes_text).unwrap_or_default())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        deserializer.deserialize_any(super::OptionalBytes)
    }
}

/// A duration: `"24h"`, `"1m 30s"`.
pub(super) mod period {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        period: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&humantime::format_duration(*period).to_string())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map_err(|error| {
            D::Error::custom(format_args!("`{text}` is not a duration such as \"90s\" or \"24h\": {error}"))
        })
    }
}

/// A text, or `""` for none.
pub(super) mod optional_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        text: &Option<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text.as_deref().unwrap_or_default())
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<String>, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

/// A file mode in octal digits: `"0600"`.
pub(super) mod socket_mode {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::config::SocketMode;

    pub(in super::super) fn serialize<S: Serializer>(
        mode: &SocketMode,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:04o}", mode.0))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SocketMode, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777 && !text.starts_with('+'));
        mode.map(SocketMode).ok_or_else(|| {
            D::Error::custom(format_args!(
                "`{text}` is not a file mode of octal digits, \"0000\" to \"0777\""
            ))
        })
    }
}

/// Names of digest algorithms.
pub(super) mod algorithms {
    use cairn_engine::Algorithm;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    const ALL: [Algorithm; 3] = [Algorithm::Blake3, Algorithm::Sha1, Algorithm::Sha256];

    pub(in super::super) fn serialize<S: Serializer>(
        algorithms: &[Algorithm],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(algorithms.iter().map(|algorithm| algorithm.name()))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Algorithm>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let named = |name: &String| {
            let found = ALL.into_iter().find(|algorithm| algorithm.name() == name);
            found.ok_or_else(|| D::Error::custom(format_args!("`{name}` is none of blake3, sha1, sha256")))
        };
        names.iter().map(named).collect()
    }
}

/// The largest unit that tells the count exactly.
pub(super) fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let power = if bytes == 0 { 0 } else { (bytes.trailing_zeros() / 10) as usize };
    let unit = UNITS.get(power).copied().unwrap_or("B");
    format!("{}{unit}", bytes >> (10 * power))
}

fn parse_bytes<E: Error>(text: &str) -> Result<u64, E> {
    let parsed: Result<bytesize::ByteSize, _> = text.parse();
    parsed.map(|bytes| bytes.as_u64()).map_err(|_| {
        E::custom(format_args!("`{text}` is not a count of bytes such as \"5MiB\" or \"5242880\""))
    })
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count of bytes such as \"5MiB\"")
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<u64, E> {
        u64::try_from(bytes).map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<u64, E> {
        Ok(bytes)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
        parse_bytes(text)
    }
}

struct OptionalBytes;

impl Visitor<'_> for OptionalBytes {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count of bytes such as \"5MiB\", or \"\" for none")
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Option<u64>, E> {
        Bytes.visit_i64(bytes).map(Some)
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Option<u64>, E> {
        Ok(Some(bytes))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<u64>, E> {
        if text.is_empty() { Ok(None) } else { parse_bytes(text).map(Some) }
    }
}
