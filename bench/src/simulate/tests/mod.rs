//! What is asserted of the policies, and of the simulator itself.

mod bars;
mod honesty;
