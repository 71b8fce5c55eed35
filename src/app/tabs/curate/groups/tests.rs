use super::sources::capital;

#[test]
fn a_text_begins_with_a_capital_letter() {
    assert_eq!(["near copies", "ärger", ""].map(capital), ["Near copies", "Ärger", ""]);
}
