//! Parameters as clients send them: NULL, text and binary, of the type that the client names or else of
//! the one that we told it.

use arrow_pg::datatypes::into_pg_type;
use groma_model::Timestamp;
use groma_query::{Given, Prepared};
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::PgWireResult;

use super::error::refused;

/// Nanoseconds from 1970 to the year 2000, at which PostgreSQL's clock begins.
const EPOCH_2000: i64 = 946_684_800 * 1_000_000_000;
const DAY: i64 = 86_400 * 1_000_000_000;

/// The types of `$1`, `$2`, ... as they are told. Of one of which nothing is known, as in PostgreSQL, a text.
pub(super) fn types(prepared: &Prepared) -> PgWireResult<Vec<Type>> {
    (prepared.parameter_types().iter())
        .map(|known| known.as_ref().map_or(Ok(Type::TEXT), into_pg_type))
        .collect()
}

/// What a portal was given.
pub(super) fn read<S: Clone>(portal: &Portal<S>, prepared: &Prepared) -> PgWireResult<Vec<Given>> {
    let told = types(prepared)?;
    let named = &portal.statement.parameter_types;
    (portal.parameters.iter().enumerate())
        .map(|(index, bytes)| {
            let Some(bytes) = bytes else { return Ok(Given::Null) };
            let named = named.get(index).cloned().flatten().filter(|of| *of != Type::UNKNOWN);
            let of = named.or_else(|| told.get(index).cloned()).unwrap_or(Type::TEXT);
            let value = match portal.parameter_format.is_binary(index) {
                true => binary(&of, bytes),
                false => text_of(bytes).and_then(|text| from_text(&of, text)),
            };
            value.map_err(|(sqlstate, reason)| {
                refused(sqlstate, format!("parameter ${}: {reason}", index + 1))
            })
        })
        .collect()
}

/// SQLSTATE and reason.
type Wrong = (&'static str, String);

fn not_of(of: &Type) -> Wrong {
    ("22P03", format!("this is no binary form of {}", of.name()))
}

fn text_of(bytes: &[u8]) -> Result<&str, Wrong> {
    let text = std::str::from_utf8(bytes).map_err(|error| ("22021", error.to_string()))?;
    match text.contains('\0') {
        true => Err(("22021", "a text cannot hold the byte 0".into())),
        false => Ok(text),
    }
}

/// The type of the items; `None`: it is no list that is offered.
fn item_of(of: &Type) -> Option<Type> {
    Some(match *of {
        Type::BOOL_ARRAY => Type::BOOL,
        Type::INT2_ARRAY => Type::INT2,
        Type::INT4_ARRAY => Type::INT4,
        Type::INT8_ARRAY => Type::INT8,
        Type::FLOAT4_ARRAY => Type::FLOAT4,
        Type::FLOAT8_ARRAY => Type::FLOAT8,
        Type::NUMERIC_ARRAY => Type::NUMERIC,
        Type::DATE_ARRAY => Type::DATE,
        Type::TIMESTAMP_ARRAY => Type::TIMESTAMP,
        Type::TIMESTAMPTZ_ARRAY => Type::TIMESTAMPTZ,
        Type::UUID_ARRAY => Type::UUID,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY | Type::NAME_ARRAY => {
            Type::TEXT
        }
        _ => return None,
    })
}

fn from_text(of: &Type, text: &str) -> Result<Given, Wrong> {
    let wrong = |reason: String| ("22P02", reason);
    let number = || wrong(format!("\"{text}\" is not of type {}", of.name()));
    Ok(match *of {
        Type::BOOL => Given::read_truth(text).map_err(wrong)?,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => {
            Given::Integer(text.trim().parse().map_err(|_| number())?)
        }
        Type::FLOAT4 | Type::FLOAT8 => Given::Float(text.trim().parse().map_err(|_| number())?),
        Type::NUMERIC => match (text.trim().parse(), text.trim().parse()) {
            (Ok(whole), _) => Given::Integer(whole),
            (_, Ok(number)) => Given::Float(number),
            _ => return Err(number()),
        },
        _ => match item_of(of) {
            Some(item) => {
                let items = Given::read_list(text).map_err(wrong)?;
                Given::List(
                    (items.into_iter())
                        .map(|given| match given {
                            Given::Text(text) => from_text(&item, &text),
                            other => Ok(other),
                        })
                        .collect::<Result<_, _>>()?,
                )
            }
            None => Given::Text(text.to_owned()),
        },
    })
}

fn binary(of: &Type, bytes: &[u8]) -> Result<Given, Wrong> {
    let exactly = || not_of(of);
    let i64_of = |bytes: &[u8]| bytes.try_into().map(i64::from_be_bytes).map_err(|_| exactly());
    let i32_of = |bytes: &[u8]| bytes.try_into().map(i32::from_be_bytes).map_err(|_| exactly());
    let i16_of = |bytes: &[u8]| bytes.try_into().map(i16::from_be_bytes).map_err(|_| exactly());
    let out_of_range = || ("22008", "this time is out of range".to_owned());
    let time = |since: i64, unit: i64| {
        let nanoseconds = since.checked_mul(unit).and_then(|since| since.checked_add(EPOCH_2000));
        nanoseconds.map(|time| Given::Time(Timestamp(time))).ok_or_else(out_of_range)
    };
    Ok(match *of {
        Type::BOOL => match bytes {
            [0] => Given::Boolean(false),
            [1] => Given::Boolean(true),
            _ => return Err(exactly()),
        },
        Type::INT2 => Given::Integer(i16_of(bytes)?.into()),
        Type::INT4 => Given::Integer(i32_of(bytes)?.into()),
        Type::OID => Given::Integer(i32_of(bytes)?.cast_unsigned().into()),
        Type::INT8 => Given::Integer(i64_of(bytes)?),
        Type::FLOAT4 => Given::Float(f32::from_bits(i32_of(bytes)?.cast_unsigned()).into()),
        Type::FLOAT8 => Given::Float(f64::from_bits(i64_of(bytes)?.cast_unsigned())),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => time(i64_of(bytes)?, 1_000)?,
        Type::DATE => time(i32_of(bytes)?.into(), DAY)?,
        Type::BYTEA => Given::Bytes(bytes.to_vec()),
        Type::UUID => {
            let bytes: [u8; 16] = bytes.try_into().map_err(|_| exactly())?;
            let hex = format!("{:032x}", u128::from_be_bytes(bytes));
            let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
            Given::Text(parts.join("-"))
        }
        Type::JSONB => match bytes.split_first() {
            Some((1, json)) => Given::Text(text_of(json)?.to_owned()),
            _ => return Err(exactly()),
        },
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON | Type::UNKNOWN => {
            Given::Text(text_of(bytes)?.to_owned())
        }
        _ => match item_of(of) {
            Some(item) => Given::List(binary_list(&item, bytes).ok_or_else(exactly)??),
            None => {
                let reason = format!("the binary form of {} is not offered", of.name());
                return Err(("0A000", reason));
            }
        },
    })
}

/// Dimensions (0 or 1), a mark of NULLs, the items' type, their number and the number of the first; then
/// of each item its length (-1: NULL) and bytes. `None`: it is cut off, or has more dimensions.
fn binary_list(item: &Type, bytes: &[u8]) -> Option<Result<Vec<Given>, Wrong>> {
    let mut rest = bytes;
    let mut next = || {
        let (number, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        Some(i32::from_be_bytes(*number))
    };
    let (dimensions, _, of) = (next()?, next()?, next()?);
    let item = Type::from_oid(of.cast_unsigned()).unwrap_or_else(|| item.clone());
    let (count, _) = match dimensions {
        0 => return Some(Ok(Vec::new())),
        1 => (next()?, next()?),
        _ => return None,
    };
    let mut items = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            items.push(Given::Null);
            continue;
        };
        let (value, after) = rest.split_at_checked(length)?;
        rest = after;
        match binary(&item, value) {
            Ok(value) => items.push(value),
            Err(wrong) => return Some(Err(wrong)),
        }
    }
    Some(Ok(items))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_value_of_a_wrong_length_is_refused() {
        for of in
            [Type::BOOL, Type::INT2, Type::INT8, Type::TIMESTAMPTZ, Type::UUID, Type::INT4_ARRAY]
        {
            assert_eq!(binary(&of, &[1, 2, 3]).unwrap_err().0, "22P03", "{of}");
        }
        // More dimensions, and a count that the bytes do not hold.
        assert!(binary(&Type::INT4_ARRAY, &[0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 23]).is_err());
        let cut_off = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 127, 0, 0, 0, 0, 0, 0, 1];
        assert!(binary(&Type::INT4_ARRAY, &cut_off).is_err());
        assert_eq!(text_of(b"a\xff").unwrap_err().0, "22021");
    }

    #[test]
    fn times_begin_in_the_year_2000() {
        assert_eq!(binary(&Type::DATE, &[0, 0, 0, 1]).unwrap(), from_time("2000-01-02T00:00:00Z"),);
    }

    fn from_time(text: &str) -> Given {
        Given::Time(Timestamp::parse(text).unwrap())
    }
}
