//! JSON as protobuf's `Struct`, both ways.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::pb::google::protobuf::{self as pb, ListValue, Struct, value::Kind};

/// Keys and values of a mapping.
pub(crate) fn to_struct(map: &Map<String, Value>) -> Struct {
    let fields = map.iter().map(|(key, value)| (key.clone(), to_wire(value)));
    Struct {
        fields: fields.collect(),
    }
}

/// In the order of the alphabet: a `Struct` has none.
pub(crate) fn from_struct(fields: &Struct) -> Map<String, Value> {
    let sorted: BTreeMap<_, _> = fields.fields.iter().collect();
    let pairs = sorted.into_iter();
    pairs
        .map(|(key, value)| (key.clone(), from_wire(value)))
        .collect()
}

fn to_wire(value: &Value) -> pb::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => Kind::ListValue(ListValue {
            values: items.iter().map(to_wire).collect(),
        }),
        Value::Object(map) => Kind::StructValue(to_struct(map)),
    };
    pb::Value { kind: Some(kind) }
}

/// Not deeper than what prost decodes, which is 100 messages.
fn from_wire(value: &pb::Value) -> Value {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(truth)) => Value::Bool(*truth),
        Some(Kind::NumberValue(number)) => from_number(*number),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::ListValue(list)) => Value::Array(list.values.iter().map(from_wire).collect()),
        Some(Kind::StructValue(map)) => Value::Object(from_struct(map)),
    }
}

/// Every number of a `Struct` is a double; whole ones are written as such.
fn from_number(number: f64) -> Value {
    // Above 2^53 doubles skip whole numbers.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= WHOLE {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_survives_but_for_the_order_of_keys() {
        let value = json!({"b": [1, 2.5, -3, true, null], "a": {"x": "1", "y": {}}});
        let Value::Object(map) = &value else { return };
        let back = from_struct(&to_struct(map));
        assert_eq!(Value::Object(back.clone()), value);
        assert_eq!(
            Value::Object(back).to_string(),
            r#"{"a":{"x":"1","y":{}},"b":[1,2.5,-3,true,null]}"#
        );
    }

    #[test]
    fn what_is_no_number_of_json_is_nothing() {
        assert_eq!(from_number(f64::NAN), Value::Null);
        assert_eq!(from_number(f64::INFINITY), Value::Null);
        assert_eq!(from_number(1e300).to_string(), "1e+300");
    }
}
