//! The total token count that a span states.

use super::keys::Field;
use super::values;
use crate::model::Attribute;

/// Returns the total token count that the attributes state, if it is not the sum of the stated input and output counts. Some providers
/// leave cached or reasoning tokens out of one and count them in the other.
#[must_use]
pub fn inconsistent_total(attributes: &[Attribute]) -> Option<u64> {
    let count = |field: Field| {
        field.keys().iter().find_map(|key| {
            let (_, value) = attributes.iter().rfind(|(other, _)| other == key)?;
            values::scalar(value).and_then(values::count).map(u64::from)
        })
    };
    let parts = count(Field::Prompt).zip(count(Field::Completion));
    count(Field::Total).filter(|total| parts.is_none_or(|(input, output)| input + output != *total))
}

#[cfg(test)]
mod tests {
    use super::inconsistent_total;
    use crate::model::Value;

    #[test]
    fn a_total_is_inconsistent_if_it_is_not_the_sum_of_input_and_output() {
        let text = |text: &str| Value::Text(text.to_owned());
        let openinference = ["llm.token_count.total", "llm.token_count.prompt", "llm.token_count.completion"];
        let genai = ["gen_ai.usage.total_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"];
        let sdk = ["ai.usage.totalTokens", "ai.usage.promptTokens", "ai.usage.completionTokens"];
        for (names, [total, input, output], expected) in [
            (openinference, [Value::Int(150), Value::Int(100), Value::Int(50)], None),
            (openinference, [Value::Int(200), Value::Int(100), Value::Int(50)], Some(200)),
            (genai, [Value::Float(150.0), text("100"), Value::Int(50)], None),
            (genai, [text(" 200.0 "), Value::Float(100.0), text("50")], Some(200)),
            (sdk, [Value::Int(0), Value::Int(100), Value::Int(50)], Some(0)),
            (sdk, [Value::Int(200), Value::Null, Value::Int(50)], Some(200)),
            (sdk, [Value::Int(-200), Value::Int(100), Value::Int(50)], None),
            (sdk, [text("many"), Value::Int(100), Value::Int(50)], None),
            (sdk, [Value::List(vec![Value::Int(200)]), Value::Int(100), Value::Int(50)], None),
        ] {
            let attributes: Vec<_> = names.map(str::to_owned).into_iter().zip([total, input, output]).collect();
            assert_eq!(inconsistent_total(&attributes), expected, "{attributes:?}");
        }
        let both = [("gen_ai.usage.total_tokens".to_owned(), Value::Int(7)), ("llm.token_count.total".to_owned(), Value::Int(8))];
        assert_eq!(inconsistent_total(&both), Some(8), "the key that takes precedence");
        assert_eq!(inconsistent_total(&[]), None);
    }
}
