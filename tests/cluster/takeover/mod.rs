//! Installed over what other operators left: nothing restarts, nothing is lost.

pub mod existing;
mod existing_operator;
mod python_operator;
