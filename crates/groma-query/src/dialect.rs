//! The SQL that is spoken here: PostgreSQL's, read in a time that does not double with each level.
//!
//! Of an argument PostgreSQL's dialect first reads a whole expression to see whether `:` or `=>` follows,
//! and then reads it again: thirty calls inside one another would be read for an hour. Here only a word
//! names an argument, as in `capacity_predict('web', cpus => 8)`.

use std::any::TypeId;

use datafusion::sql::sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

const POSTGRESQL: PostgreSqlDialect = PostgreSqlDialect {};

/// PostgreSQL's words, and nothing read twice.
#[derive(Debug)]
pub(crate) struct Sql;

/// What is not said here is as in PostgreSQL's dialect.
impl Dialect for Sql {
    fn dialect(&self) -> TypeId {
        POSTGRESQL.dialect()
    }

    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        false
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        POSTGRESQL.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        POSTGRESQL.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        POSTGRESQL.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        POSTGRESQL.is_identifier_part(ch)
    }

    fn supports_unicode_string_literal(&self) -> bool {
        POSTGRESQL.supports_unicode_string_literal()
    }

    fn is_reserved_for_identifier(&self, kw: Keyword) -> bool {
        POSTGRESQL.is_reserved_for_identifier(kw)
    }

    fn is_custom_operator_part(&self, ch: char) -> bool {
        POSTGRESQL.is_custom_operator_part(ch)
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        POSTGRESQL.get_next_precedence(parser)
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        POSTGRESQL.supports_filter_during_aggregation()
    }

    fn supports_group_by_expr(&self) -> bool {
        POSTGRESQL.supports_group_by_expr()
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        POSTGRESQL.prec_value(prec)
    }

    fn allow_extract_custom(&self) -> bool {
        POSTGRESQL.allow_extract_custom()
    }

    fn allow_extract_single_quotes(&self) -> bool {
        POSTGRESQL.allow_extract_single_quotes()
    }

    fn supports_create_index_with_clause(&self) -> bool {
        POSTGRESQL.supports_create_index_with_clause()
    }

    fn supports_explain_with_utility_options(&self) -> bool {
        POSTGRESQL.supports_explain_with_utility_options()
    }

    fn supports_listen_notify(&self) -> bool {
        POSTGRESQL.supports_listen_notify()
    }

    fn supports_factorial_operator(&self) -> bool {
        POSTGRESQL.supports_factorial_operator()
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        POSTGRESQL.supports_bitwise_shift_operators()
    }

    fn supports_comment_on(&self) -> bool {
        POSTGRESQL.supports_comment_on()
    }

    fn supports_load_extension(&self) -> bool {
        POSTGRESQL.supports_load_extension()
    }

    fn supports_empty_projections(&self) -> bool {
        POSTGRESQL.supports_empty_projections()
    }

    fn supports_nested_comments(&self) -> bool {
        POSTGRESQL.supports_nested_comments()
    }

    fn supports_string_escape_constant(&self) -> bool {
        POSTGRESQL.supports_string_escape_constant()
    }

    fn supports_numeric_literal_underscores(&self) -> bool {
        POSTGRESQL.supports_numeric_literal_underscores()
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        POSTGRESQL.supports_array_typedef_with_brackets()
    }

    fn supports_geometric_types(&self) -> bool {
        POSTGRESQL.supports_geometric_types()
    }

    fn supports_set_names(&self) -> bool {
        POSTGRESQL.supports_set_names()
    }

    fn supports_alter_column_type_using(&self) -> bool {
        POSTGRESQL.supports_alter_column_type_using()
    }

    fn supports_notnull_operator(&self) -> bool {
        POSTGRESQL.supports_notnull_operator()
    }

    fn supports_interval_options(&self) -> bool {
        POSTGRESQL.supports_interval_options()
    }

    fn supports_insert_table_alias(&self) -> bool {
        POSTGRESQL.supports_insert_table_alias()
    }

    fn supports_create_table_like_parenthesized(&self) -> bool {
        POSTGRESQL.supports_create_table_like_parenthesized()
    }

    fn supports_select_wildcard_with_alias(&self) -> bool {
        POSTGRESQL.supports_select_wildcard_with_alias()
    }

    fn supports_comma_separated_trim(&self) -> bool {
        POSTGRESQL.supports_comma_separated_trim()
    }

    fn supports_xml_expressions(&self) -> bool {
        POSTGRESQL.supports_xml_expressions()
    }

    fn supports_comment_optimizer_hint(&self) -> bool {
        POSTGRESQL.supports_comment_optimizer_hint()
    }
}
