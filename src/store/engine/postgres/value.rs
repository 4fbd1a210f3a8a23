//! Values on their way to PostgreSQL and columns on their way back.

use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type};

use super::super::Value;
use crate::store::Failure;

/// One value as PostgreSQL takes it. Its `Debug` says the kind only: the driver writes it to its log.
pub(super) enum Bound<'a> {
    Value(&'a Value<'a>),
    /// The last ends of ranges, which the dialect puts behind all other values.
    Lasts(&'a [(i64, i64)]),
}

impl Bound<'_> {
    /// What the statement is prepared with. NULL takes its type from where it stands.
    pub(super) fn declared(&self) -> Type {
        match self {
            Self::Value(value) => match value {
                Value::Int(_) => Type::INT8,
                Value::Bytes(_) => Type::BYTEA,
                Value::Text(_) => Type::TEXT,
                Value::Ids(_) | Value::Ranges(_) => Type::INT8_ARRAY,
                Value::Texts(_) => Type::TEXT_ARRAY,
                Value::Blobs(_) => Type::BYTEA_ARRAY,
                Value::Null => Type::UNKNOWN,
            },
            Self::Lasts(_) => Type::INT8_ARRAY,
        }
    }
}

impl fmt::Debug for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.declared().name())
    }
}

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Value(value) => match value {
                Value::Int(number) => number.to_sql(ty, out),
                Value::Bytes(bytes) => bytes.to_sql(ty, out),
                Value::Text(text) => text.to_sql(ty, out),
                Value::Ids(ids) => ids.to_sql(ty, out),
                Value::Ranges(ranges) => firsts(ranges).to_sql(ty, out),
                Value::Texts(texts) => texts.to_sql(ty, out),
                Value::Blobs(blobs) => blobs.to_sql(ty, out),
                Value::Null => Ok(IsNull::Yes),
            },
            Self::Lasts(ranges) => lasts(ranges).to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // checked below, by value
    }

    fn to_sql_checked(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let declared = self.declared();
        if declared != Type::UNKNOWN && declared != *ty {
            return Err(format!("a value of type {declared} where {ty} was expected").into());
        }
        self.to_sql(ty, out)
    }
}

fn firsts(ranges: &[(i64, i64)]) -> Vec<i64> {
    ranges.iter().map(|(first, _)| *first).collect()
}

fn lasts(ranges: &[(i64, i64)]) -> Vec<i64> {
    ranges.iter().map(|(_, last)| *last).collect()
}

/// One row.
pub(in crate::store) struct Row<'a> {
    pub(super) row: &'a tokio_postgres::Row,
    pub(super) doing: &'static str,
}

/// Any integer, and a truth value as 1 or 0.
struct Number(i64);

impl<'a> FromSql<'a> for Number {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT8 => i64::from_sql(ty, raw)?,
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            _ => bool::from_sql(ty, raw)?.into(),
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::INT4 | Type::BOOL)
    }
}

impl Row<'_> {
    fn get<'r, T: FromSql<'r>>(&'r self, column: usize) -> Result<T, Failure> {
        self.row.try_get(column).map_err(|error| {
            log::error!("{}: column {column}: {error}", self.doing);
            self.corrupt("a column of another type than the schema says")
        })
    }

    pub(in super::super) fn corrupt(&self, what: &'static str) -> Failure {
        Failure::Corrupt { doing: self.doing, what }
    }

    pub(in super::super) fn int(&self, column: usize) -> Result<i64, Failure> {
        self.get::<Number>(column).map(|number| number.0)
    }

    pub(in super::super) fn int_or_null(&self, column: usize) -> Result<Option<i64>, Failure> {
        Ok(self.get::<Option<Number>>(column)?.map(|number| number.0))
    }

    pub(in super::super) fn bytes(&self, column: usize) -> Result<&[u8], Failure> {
        self.get(column)
    }

    pub(in super::super) fn bytes_or_null(&self, column: usize) -> Result<Option<&[u8]>, Failure> {
        self.get(column)
    }

    pub(in super::super) fn text(&self, column: usize) -> Result<&str, Failure> {
        self.get(column)
    }

    pub(in super::super) fn text_or_null(&self, column: usize) -> Result<Option<&str>, Failure> {
        self.get(column)
    }

    pub(in super::super) fn ints_or_null(
        &self,
        column: usize,
    ) -> Result<Option<Vec<i64>>, Failure> {
        self.get(column)
    }

    pub(in super::super) fn texts_or_null(
        &self,
        column: usize,
    ) -> Result<Option<Vec<&str>>, Failure> {
        self.get(column)
    }
}
