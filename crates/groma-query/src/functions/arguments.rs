//! A table function is a file: name, arguments, columns, and a function that gives its rows.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

use crate::catalog::Databases;
use crate::table::{Column, RowsTable, Sheet, arrow_schema};
use crate::{Engine, QueryError, Role, View, Who};

/// A table function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// How it is called, for the manual and for errors: `path(from, to [, at])`. Its words are the
    /// names of the arguments.
    pub(crate) usage: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) arguments_min: usize,
    pub(crate) arguments_max: usize,
    pub(crate) columns: &'static [Column],
    /// Gives all rows. Runs on a thread of its own.
    pub(crate) rows: fn(&Call, &mut Sheet) -> Result<()>,
}

impl Function {
    /// The names of its arguments, in their places.
    pub(crate) fn parameters(&self) -> Vec<&'static str> {
        let inside = self.usage.split_once('(').map_or("", |(_, inside)| inside);
        let word = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        inside.split(word).filter(|name| !name.is_empty()).collect()
    }
}

/// A call of a function: what it was given, and where.
pub(crate) struct Call {
    function: &'static str,
    texts: Vec<Option<String>>,
    databases: Arc<Databases>,
    database: String,
    who: Arc<Who>,
}

impl Call {
    /// The argument at a place as text; `None`: NULL or not given.
    pub(crate) fn text(&self, index: usize) -> Option<&str> {
        self.texts.get(index).and_then(Option::as_deref)
    }

    /// The databases of the statement, each at one version.
    pub(crate) fn databases(&self) -> &Databases {
        &self.databases
    }

    /// The engine, for functions that only look.
    pub(crate) fn engine(&self) -> &Engine {
        self.databases.engine()
    }

    /// The session's own database.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Who asks.
    pub(crate) fn user(&self) -> &str {
        self.databases.user()
    }

    /// Changes something: only for a user who has the role, and what became of it is noted.
    pub(crate) fn change<T>(
        &self,
        needs: Role,
        change: impl FnOnce(&Engine) -> Result<T>,
    ) -> Result<T> {
        let allowed = self.who.may(needs, self.function);
        let changed = match allowed.and_then(|()| self.databases.may_write(self.function)) {
            Ok(()) => change(self.engine()),
            Err(error) => Err(error.into()),
        };
        let arguments: Vec<String> = (self.texts.iter())
            .map(|text| match text {
                Some(text) => format!("'{}'", text.replace('\'', "''")),
                None => "NULL".to_owned(),
            })
            .collect();
        let text = format!("{}({})", self.function, arguments.join(", "));
        let changed = changed.map_err(QueryError::from);
        self.databases.ledger().note(&self.who, &text, changed.as_ref().err());
        Ok(changed?)
    }

    /// Who calls.
    pub(crate) fn who(&self) -> &Who {
        &self.who
    }

    /// The view of the session's own database.
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        Ok(self.databases.view(&self.database)?)
    }

    /// The view of any database.
    pub(crate) fn view_of(&self, database: &str) -> Result<Arc<View>> {
        Ok(self.databases.view(database)?)
    }
}

impl fmt::Debug for &'static Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.usage)
    }
}

impl TableFunctionImpl for &'static Function {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let function = *self;
        let wrong = |reason: String| {
            QueryError::new(QueryError::NO_FUNCTION, format!("{}: {reason}", function.name))
                .with_hint(format!("Call {}: {}", function.usage, function.doc))
        };
        let is_bound = args.exprs().iter().all(|argument| !is_parameter(argument));
        let texts = (args.exprs().iter())
            .map(|argument| {
                constant(argument).ok_or_else(|| wrong(format!("{argument} is not a constant")))
            })
            .collect::<std::result::Result<Vec<_>, _>>()?;
        if !(function.arguments_min..=function.arguments_max).contains(&texts.len()) {
            return Err(wrong(format!("{} arguments were given", texts.len())).into());
        }
        let config = args.session().config();
        let (Some(databases), Some(who)) =
            (config.get_extension::<Databases>(), config.get_extension::<Who>())
        else {
            return Err(wrong("it can be called inside a session only".into()).into());
        };
        let database = config.options().catalog.default_catalog.clone();
        let call = Call { function: function.name, texts, databases, database, who };
        let schema = arrow_schema(function.columns.iter().map(|column| (column.name, column.of)));
        let rows = move |sheet: &mut Sheet| match is_bound {
            true => (function.rows)(&call, sheet),
            false => Err(unbound().into()),
        };
        Ok(Arc::new(RowsTable::new(schema, Arc::new(rows))))
    }
}

/// A number of things; `None`: none was given.
pub(super) fn whole_number(text: Option<&str>, name: &str) -> Result<Option<u32>> {
    let wrong = |text: &str| {
        QueryError::new(QueryError::BAD_VALUE, format!("{name}: \"{text}\" is no whole number"))
    };
    Ok(text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()?)
}

/// Whether the value is still to come; see [`super::bound`].
fn is_parameter(argument: &Expr) -> bool {
    match argument {
        Expr::Placeholder(_) => true,
        Expr::Cast(cast) => is_parameter(&cast.expr),
        _ => false,
    }
}

fn unbound() -> QueryError {
    QueryError::new("42P02", "a parameter has no value")
        .with_hint("Prepare the statement and give its parameters, or write the values into it.")
}

/// A constant as text; `Some(None)` is NULL, or a parameter.
fn constant(argument: &Expr) -> Option<Option<String>> {
    match argument {
        Expr::Literal(literal, _) if literal.is_null() => Some(None),
        Expr::Literal(
            ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text),
            _,
        ) => Some(text.clone()),
        Expr::Literal(literal, _) => Some(Some(literal.to_string())),
        Expr::Cast(cast) => constant(&cast.expr),
        Expr::Placeholder(_) => Some(None),
        _ => None,
    }
}
