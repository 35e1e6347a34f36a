//! Conditions that name ids, `a.id = 'leaf01'`, are answered by the index: no table is asked.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Ident, Value};

use super::conditions::{Condition, parsed};
use super::property_graph::{Element, Held};
use super::query::Builder;
use crate::kind_table::ID;

/// Which ids a vertex may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    /// One of these; `None`: any.
    pub(crate) among: Option<Vec<String>>,
    /// None of these.
    pub(crate) except: Vec<String>,
}

impl Builder {
    /// Takes the conditions of vertices that speak of ids alone.
    pub(super) fn read_ids(&mut self) {
        for vertex in 0..self.vertices.len() {
            if !self.vertex_elements(vertex).into_iter().all(is_named_by_id) {
                continue;
            }
            let plan = &mut self.vertices[vertex];
            let mut ids = Ids::default();
            let conditions = plan.conditions.iter();
            if conditions.clone().all(|condition| ids.read(condition, &plan.name)) {
                plan.ids = ids;
                plan.conditions.clear();
            }
        }
    }
}

/// Whether its rows are entities, and their property `id` is their id.
fn is_named_by_id(element: &Element) -> bool {
    let id = element.property(ID).and_then(|property| property.column);
    matches!(element.held, Held::Kind(_)) && id == Some(0)
}

impl Ids {
    /// Adds what a condition on a variable says; `false`: it says something else.
    fn read(&mut self, condition: &Condition, variable: &str) -> bool {
        parsed(&condition.expression).is_ok_and(|expression| self.add(&expression, variable))
    }

    fn add(&mut self, expression: &Expr, variable: &str) -> bool {
        match expression {
            Expr::Nested(inner) => self.add(inner, variable),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.add(left, variable) && self.add(right, variable)
            }
            Expr::BinaryOp { left, op, right } => {
                let named = match (text(left), text(right)) {
                    (None, Some(id)) if is_id(left, variable) => id,
                    (Some(id), None) if is_id(right, variable) => id,
                    _ => return false,
                };
                match op {
                    BinaryOperator::Eq => self.narrow(vec![named]),
                    BinaryOperator::NotEq => self.except.push(named),
                    _ => return false,
                }
                true
            }
            Expr::InList { expr, list, negated } if is_id(expr, variable) => {
                let Some(named) = list.iter().map(text).collect::<Option<Vec<_>>>() else {
                    return false;
                };
                if *negated {
                    self.except.extend(named)
                } else {
                    self.narrow(named)
                }
                true
            }
            _ => false,
        }
    }

    fn narrow(&mut self, named: Vec<String>) {
        match &mut self.among {
            Some(among) => among.retain(|id| named.contains(id)),
            None => self.among = Some(named),
        }
    }
}

fn is_id(expression: &Expr, variable: &str) -> bool {
    let folded = |name: &Ident| match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    };
    match expression {
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [of, property] => folded(of) == variable && folded(property) == ID,
            _ => false,
        },
        _ => false,
    }
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    }
}
