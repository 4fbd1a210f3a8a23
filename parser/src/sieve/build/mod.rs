//! Checked calls to the typed tree, with what the table cannot say: values and combinations.

mod actions;
mod filing;
mod matching;
mod tests;
