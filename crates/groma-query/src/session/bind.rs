//! Parameters of a prepared statement as programs without types of PostgreSQL give them.

use datafusion::common::{ParamValues, ScalarValue};

use super::Prepared;
use crate::QueryError;

/// A value for `$1`, `$2`, ...
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// NULL.
    Null,
    /// A truth.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A text, which may stand for a value of any type.
    Text(String),
}

impl Prepared {
    /// Makes the values those of the statement's types. Errors: there are more or fewer of them than
    /// parameters, or one cannot be of its type.
    pub fn bind(&self, given: Vec<Given>) -> Result<ParamValues, QueryError> {
        let (wanted, count) = (self.parameter_types().len(), given.len());
        if wanted != count {
            return Err(QueryError::new(
                "08P01",
                format!("{count} parameters are given, but the statement has {wanted}"),
            ));
        }
        let values: Vec<ScalarValue> = (given.into_iter().zip(self.parameter_types()))
            .enumerate()
            .map(|(index, (given, of))| {
                let wrong = |error: datafusion::error::DataFusionError| {
                    let error = QueryError::from(error);
                    QueryError::new(
                        QueryError::BAD_VALUE,
                        format!("parameter ${}: {}", index + 1, error.message()),
                    )
                };
                match (given, of) {
                    (Given::Null, Some(of)) => ScalarValue::try_new_null(of).map_err(wrong),
                    (given, Some(of)) => given.scalar().cast_to(of).map_err(wrong),
                    (given, None) => Ok(given.scalar()),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(values.into())
    }
}

impl Given {
    fn scalar(self) -> ScalarValue {
        match self {
            Given::Null => ScalarValue::Utf8(None),
            Given::Boolean(truth) => truth.into(),
            Given::Integer(number) => number.into(),
            Given::Float(number) => number.into(),
            Given::Text(text) => ScalarValue::Utf8(Some(text)),
        }
    }
}
