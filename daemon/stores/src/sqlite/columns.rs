//! How the engine's words stand in columns.
//!
//! Lengths, offsets and counts are integers below 2^63, and one that is not is refused. Moments are milliseconds,
//! the last one a table can hold standing for every later one. Names, digests and states are their text, checksums
//! the 64 bits of an integer, metadata JSON.

use std::fmt::Display;
use std::str::FromStr;

use cairn_engine::upload::{Metadata, Naming};
use cairn_engine::{Checksum, Timestamp};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A length, an offset or a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

/// The number is 2^63 or more.
#[derive(Debug, thiserror::Error)]
#[error("{0} is more than a table can hold")]
struct TooLarge(u64);

impl ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        i64::try_from(self.0)
            .map(ToSqlOutput::from)
            .map_err(|_| rusqlite::Error::ToSqlConversionFailure(Box::new(TooLarge(self.0))))
    }
}

impl FromSql for Number {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Self).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// A number of the largest that a table holds, if it is larger: good for bounds, never for what is kept.
pub(super) fn bound(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

impl ToSql for Moment {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(bound(self.0.0).into())
    }
}

impl FromSql for Moment {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Number::column_result(value).map(|number| Self(Timestamp(number.0)))
    }
}

/// Anything that reads back what it prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> ToSql for Text<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.to_string().into())
    }
}

impl<T> FromSql for Text<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(FromSqlError::other)
    }
}

/// The 64 bits of a checksum.
pub(super) struct Bits(pub(super) Checksum);

impl ToSql for Bits {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.0.cast_signed().into())
    }
}

impl FromSql for Bits {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(|bits| Self(Checksum(bits.cast_unsigned())))
    }
}

/// Metadata; nothing at all where there are none.
pub(super) struct Json<T>(pub(super) T);

/// What is kept as `NULL` when it says nothing.
pub(super) trait Silent {
    /// Whether it says nothing.
    fn is_silent(&self) -> bool;
}

impl Silent for Metadata {
    fn is_silent(&self) -> bool {
        self.is_empty()
    }
}

impl Silent for Naming {
    fn is_silent(&self) -> bool {
        self.is_silent()
    }
}

impl<T: Silent + Serialize> ToSql for Json<&T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        if self.0.is_silent() {
            return Ok(rusqlite::types::Null.into());
        }
        serde_json::to_string(self.0)
            .map(ToSqlOutput::from)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
    }
}

impl<T: Silent + Default + DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(Self(T::default())),
            text => serde_json::from_str(text.as_str()?).map(Self).map_err(FromSqlError::other),
        }
    }
}
